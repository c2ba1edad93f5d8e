"""regpipe check: what is good and bad about captures, before minutes are spent on them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.main import Exit
from registration.errors import UserError

if TYPE_CHECKING:
    from registration.data.check.facts import Facts
    from registration.data.check.record import Row
    from registration.data.kinds import CaptureSpec

COLOURS = {"good": "green", "fair": "yellow", "bad": "bold red"}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--up", type=click.Path(path_type=Path), help="One capture's folder ...")
@click.option("--down", type=click.Path(path_type=Path), help="... and the other's: what they share is checked too.")
@click.option("--dataset", help="Name of the data set under --bop-root.")
@click.option("--objid", type=int, help="Its object: both captures.")
@click.option(
    "--bop-root", type=click.Path(path_type=Path), default=Path("bop"), envvar="REGPIPE_BOP_ROOT", show_default=True
)
@click.option("--unit", type=click.Choice(["auto", "mm", "cm", "m", "none"]), default="auto", show_default=True)
@click.option("--diameter", type=click.FloatRange(0, min_open=True), metavar="MM", help="The object's largest extent.")
@click.option("--picture", type=click.Path(path_type=Path), help="Where to draw the directions.  [default: coverage-NAME.png]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def check(
    folder: Path | None, up: Path | None, down: Path | None, dataset: str | None, objid: int | None, bop_root: Path,
    unit: str, diameter: float | None, picture: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Say what is good and bad about a capture FOLDER of any kind, or about two, and how to mend it.

    Images, masks, poses, intrinsics, size, coverage, resolution, sharpness, exposure, and of two captures their overlap; a picture of
    the directions. Exit status 0: nothing is bad; 3: something is.
    """
    from registration.data.params import CaptureParams

    specs = specs_of(folder, up, down, dataset, objid, bop_root)
    params = CaptureParams(unit=unit, diameter_mm=diameter or 0.0)  # type: ignore[arg-type]
    if len(specs) == 2 and specs[0].name == specs[1].name:
        specs = [replace(spec, name=f"{spec.name} ({spec.half})") for spec in specs]
    tables: dict[str, list[Row]] = {}
    facts = {}
    for spec in specs:
        tables[spec.name], facts[spec.name] = rows_for(spec, params)
    known = [f for f in facts.values() if f is not None]
    if len(known) == 2:
        from registration.data.check.judge import rows_of_pair

        tables["both"] = rows_of_pair(*known)
    drawn = drawing([(s, facts[s.name]) for s in specs], picture) if known else None
    if as_json:
        body: dict[str, Any] = {name: [asdict(row) for row in rows] for name, rows in tables.items()}
        click.echo(json.dumps({"captures": body, "picture": str(drawn) if drawn else None}, indent=1))
    else:
        show(tables)
        if drawn:
            click.echo(f"directions: {drawn}")
    bad = any(row.verdict == "bad" for rows in tables.values() for row in rows)
    return Exit.NOT_ACCEPTED if bad else Exit.ACCEPTED


def specs_of(
    folder: Path | None, up: Path | None, down: Path | None, dataset: str | None, objid: int | None, root: Path
) -> list[CaptureSpec]:
    """The captures that are meant."""
    from registration.data.kinds import find_pair, pair_of, spec_of

    ways = (folder is not None) + (up is not None or down is not None) + (dataset is not None)
    if ways != 1:
        mend = "regpipe check DIR, or --up DIR --down DIR, or --dataset D --objid N"
        raise UserError("which capture?" if not ways else "several ways to name captures", "regpipe check", mend)
    if dataset:
        if objid is None:
            raise UserError("which object?", f"--dataset {dataset}", "add --objid N")
        return list(find_pair(root, dataset, objid))
    if up and down:
        return list(pair_of(up, down))
    return [spec_of(folder or up or down or Path(), "down" if down else "up", "regpipe check")]


def rows_for(spec: CaptureSpec, params: Any) -> tuple[list[Row], Facts | None]:
    """One capture's rows; what cannot be read at all is a row, too."""
    from registration.data.check.facts import LEAST, measure
    from registration.data.check.judge import images, rows_of
    from registration.data.check.record import Row

    try:
        found = measure(spec, params)
    except UserError as error:
        return [Row("files", "bad", 0.0, f"{error.what}: {error.where}", error.mend)], None
    if isinstance(found, list):
        few = Row("poses", "bad", 0.0, f"fewer than {LEAST} usable images say nothing of each other", "mend the images first")  # fmt: skip
        return [images(len(found), found), few], None
    return rows_of(found, params), found


def drawing(pairs: list[tuple[CaptureSpec, Facts | None]], picture: Path | None) -> Path:
    """The directions of every capture in one picture."""
    from registration.viz.pictures import png, sheet
    from registration.viz.sphere import sphere

    drawn = [sphere(facts, spec.name, spec.half == "down") for spec, facts in pairs if facts is not None]
    name = pairs[0][0].name if len(pairs) == 1 else pairs[0][0].name.removesuffix("_up").removesuffix(" (up)")
    file = picture or Path(f"coverage-{name.replace('/', '-')}.png")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(png(sheet(drawn, len(drawn))))
    return file


def show(tables: dict[str, list[Row]]) -> None:
    """A table for each capture and one for both."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # into a file or a pipe nothing is cut
    for name, rows in tables.items():
        table = Table(box=None, padding=(0, 2, 0, 0), title=name, title_justify="left", title_style="bold")
        for head in ("", "", "what was found", "how to mend it"):
            table.add_column(head, header_style="dim", overflow="fold")
        for row in rows:
            table.add_row(row.what, Text(row.verdict, COLOURS[row.verdict]), Text(row.told), Text(row.mend))
        console.print(table)
