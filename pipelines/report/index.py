"""One page per data set: a table of its objects that can be sorted, each with its picture and a way to its report."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from pipelines.report.markup import shell
from pipelines.report.words import percent
from pipelines.results import read_result
from registration.geometry.rigid import Rigid

COLUMNS = (
    "object",
    "verdict",
    "confidence",
    "diameter, mm",
    "halves apart, %",
    "turned by",
    "silhouettes",
    "other models",
    "source",
    "seconds",
)
THUMBNAIL = "thumbnail.webp"


@dataclass(frozen=True)
class Cell:
    """What is shown, and what it is sorted by."""

    shown: str
    value: float | str


def results_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Every finished object below a data set's folder."""
    out = {}
    for file in sorted(folder.glob("obj_*/result.json")):
        found = read_result(file.parent)
        if found is not None and {"chamfer_mm", "diameter_mm"} <= set(found):  # else being written, or broken
            out[file.parent.name] = found
    return out


def cells(name: str, result: dict[str, Any]) -> list[Cell]:
    """One object's row, without the picture."""
    number = int(name.removeprefix("obj_")) if name.removeprefix("obj_").isdigit() else 0
    d, apart = float(result["diameter_mm"]), float(result["chamfer_mm"])
    turn = Rigid.from_similarity(result["T_up_from_down"]).angle_deg()
    fits = result.get("silhouettes") or result.get("model", {}).get("mask_iou") or []
    others = sum(not a.get("same_model") for a in result.get("alternatives", []))
    seconds = sum(result.get("stages", {}).values())
    mean = sum(fits) / len(fits) if fits else math.nan
    return [
        Cell(str(number), number), Cell("accepted" if result["accepted"] else "not accepted", int(bool(result["accepted"]))),
        Cell(percent(result["confidence"]), result["confidence"]), Cell(f"{d:.0f}", d),
        Cell(f"{100 * apart / d:.2f}", apart / d), Cell(f"{turn:.0f}°", turn), Cell(f"{mean:.3f}" if fits else "–", mean if fits else -1.0),
        Cell(str(others), others), Cell(result.get("source", "–"), result.get("source", "")), Cell(f"{seconds:,.0f}", seconds),
    ]  # fmt: skip


def row(folder: Path, name: str, result: dict[str, Any]) -> str:
    """One object's line of the table."""
    picture, file = "", folder / name / "report" / THUMBNAIL
    number = cells(name, result)[0].shown
    if file.is_file():
        data = base64.b64encode(file.read_bytes()).decode()
        picture = f'<img src="data:image/webp;base64,{data}" width="160" height="160" alt="The model of object {number}" loading="lazy">'
    link = f"{name}/report/index.html"
    out = [f'<td class="thumb"><a href="{escape(link)}" tabindex="-1" aria-hidden="true">{picture}</a></td>']
    for title, c in zip(COLUMNS, cells(name, result), strict=True):
        inner = f'<a href="{escape(link)}">Object {c.shown}</a>' if title == "object" else escape(c.shown)
        if title == "verdict":
            inner = f'<span class="tag {"yes" if result["accepted"] else "no"}">{escape(c.shown)}</span>'
        out.append(f'<td data-label="{escape(title)}" data-value="{escape(str(c.value))}">{inner}</td>')
    return f'<tr data-accepted="{int(bool(result["accepted"]))}">{"".join(out)}</tr>'


def index_page(folder: Path) -> str:
    """The page of a data set's folder of results."""
    results = results_of(folder)
    accepted = sum(bool(r["accepted"]) for r in results.values())
    heads = "".join(
        f'<th scope="col" aria-sort="{"ascending" if n == 0 else "none"}"><button type="button" data-sort="{n + 1}">'
        f'{escape(title)}<span aria-hidden="true"></span></button></th>'
        for n, title in enumerate(COLUMNS)
    )
    body = "".join(row(folder, name, result) for name, result in results.items())
    total = f"{len(results)} object{'s' * (len(results) != 1)}, {accepted} accepted, {len(results) - accepted} not."
    page = (
        f"<h1>{escape(folder.name)}</h1><p>{total} A click on a heading sorts by it, another one turns the order round.</p>"
        '<p class="screen-only filters"><label><input type="checkbox" id="open"> Only those that were not accepted</label> '
        '<label>Find <input type="search" id="find" placeholder="number or source"></label> <span id="count" role="status"></span></p>'
        f'<div class="index" tabindex="0" role="region" aria-label="Objects of {escape(folder.name)}"><table id="objects">'
        f'<thead><tr><th scope="col"><span class="sr">picture</span></th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
    return shell(f"{folder.name}: regpipe", page, ("page.js", "index.js"), look="wider")
