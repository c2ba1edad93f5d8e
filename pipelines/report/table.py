"""The Chamfer table: distances between the halves, and to a CAD model, as text and as a spreadsheet reads it."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.report.xlsx import workbook
from registration.errors import UserError
from registration.geometry.rigid import Array

Table = dict[str, dict[str, float]]
WORDS = {
    "points": "points", "mean_mm": "mean, mm", "median_mm": "median, mm", "p95_mm": "95 % below, mm",
    "overlap_share": "share that meets", "overlap_mean_mm": "mean of these, mm",
}  # fmt: skip


def distance_row(distances: Array, near_mm: float) -> dict[str, float]:
    """What is told of one cloud's distances."""
    near = distances[distances < near_mm]
    return {
        "points": len(distances), "mean_mm": float(distances.mean()), "median_mm": float(np.median(distances)),
        "p95_mm": float(np.quantile(distances, 0.95)), "overlap_share": len(near) / len(distances),
        "overlap_mean_mm": float(near.mean()) if len(near) else float("nan"),
    }  # fmt: skip


def chamfer_table(distances: dict[str, Array], near_mm: float) -> Table:
    """A row for every direction."""
    return {name: distance_row(d, near_mm) for name, d in distances.items()}


def as_rows(table: Table) -> list[list[str | float | None]]:
    """Head and body; what is not a number is left empty."""
    if not table:
        return []
    head: list[str | float | None] = ["direction", *next(iter(table.values()))]
    body = [[name, *(round(v, 5) if math.isfinite(v) else None for v in row.values())] for name, row in table.items()]
    return [head, *body]


def as_csv(table: Table) -> str:
    """For a spreadsheet, or any other program."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(as_rows(table))
    return out.getvalue()


def as_json(table: Table) -> str:
    """The same for a program; what is not a number is null."""
    return json.dumps(
        {k: {n: v if math.isfinite(v) else None for n, v in r.items()} for k, r in table.items()}, indent=1
    )


def xlsx_of(chamfer_json: str) -> bytes:
    """The table that was written as JSON, as an Excel file."""
    body: dict[str, dict[str, Any]] = json.loads(chamfer_json)
    return workbook(
        "chamfer", as_rows({k: {n: math.nan if v is None else v for n, v in r.items()} for k, r in body.items()})
    )


def xlsx_of_file(file: Path) -> bytes:
    """The same, of the file in a finished report."""
    try:
        return xlsx_of(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError("no table of distances can be read", file, "regpipe report makes it again") from error


def shown(table: Table) -> list[list[str]]:
    """The body of the table as the page shows it."""
    return [[name, *(shown_value(k, v) for k, v in row.items())] for name, row in table.items()]


def shown_value(column: str, value: float) -> str:
    """One number, in its column's form."""
    if not math.isfinite(value):
        return "–"
    if column == "points":
        return f"{value:,.0f}"
    return f"{100 * value:.0f} %" if column == "overlap_share" else f"{value:.2f}"
