"""regpipe status: what is there, and why something would run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from pipelines.cli.main import Exit
from pipelines.cli.setup import ADDRESS, Request
from pipelines.store import Store, Where
from registration.errors import UserError

COLOURS = {"fresh": "green", "stale": "yellow", "missing": "dim", "failed": "red", "skipped": "dim"}


@click.command()
@click.option("--dataset", help="Only this data set.")
@click.option("--objid", type=int, multiple=True, help="Only this object, repeatable.")
@click.option("--up", type=click.Path(path_type=Path), help="The object of these capture folders ...")
@click.option("--down", type=click.Path(path_type=Path), help="... instead of --dataset.")
@click.option("--capture", type=click.Path(path_type=Path), multiple=True, help="The same of any number of captures.")
@click.option(
    "--bop-root", type=click.Path(path_type=Path), default=Path("bop"), envvar="REGPIPE_BOP_ROOT", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@click.option("--store", type=ADDRESS, help="[default: OUT/.store]")
@click.option("--preset", type=click.Choice(["quick", "standard", "best"]), default="standard", show_default=True)
@click.option("--set", "sets", multiple=True, metavar="STAGE.PARAM=VALUE")
@click.option("--config", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0))
@click.option("--skip-bad", type=click.IntRange(0))
@click.option("--check", is_flag=True, help="Compare every file with its checksum.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(
    dataset: str | None,
    objid: tuple[int, ...],
    out: Path,
    store: Where | None,
    check: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Every stage of every object: fresh, stale (and why), missing or failed; its seconds and size."""
    from pipelines.bucket import open_store

    shared = {"out": out, "store": store, "device": "auto", "verbose": False, "quiet": True, **options}
    if options["up"] or options["down"] or options["capture"]:
        request = Request(dataset, objid, False, **shared)
        rows = {request.name(None): steps(request, None, check)}
    else:
        chosen = held(open_store(store or out / ".store"), dataset, objid)
        rows = {f"{d}/obj_{n:06d}": steps(Request(d, (n,), False, **shared), n, check) for d, n in chosen}
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        show(rows)
    return Exit.ACCEPTED


def held(kept: Store, dataset: str | None, objid: tuple[int, ...]) -> list[tuple[str, int]]:
    """Objects of data sets of which something is kept."""
    found = [name.rsplit("/obj_", 1) for name in kept.names() if "/obj_" in name]
    there = [(data, int(number)) for data, number in found if number.isdigit()]
    chosen = [(d, n) for d, n in there if (not dataset or d == dataset) and (not objid or n in objid)]
    if not chosen:
        asked = f"{dataset or 'any data set'}{', objects ' + ', '.join(map(str, objid)) if objid else ''}"
        mend = "regpipe run first, or name the place with --out or --store, or the captures with --up and --down"
        raise UserError(f"nothing has been run ({asked})", kept.where(), mend)
    return chosen


def steps(request: Request, number: int | None, check: bool) -> list[dict[str, Any]]:
    """One object's stages."""
    from pipelines.cli.setup import open_run

    try:
        plan = open_run(request, number, None)
    except UserError as error:
        return [
            {
                "stage": "captures",
                "state": "failed",
                "why": str(error),
                "seconds": None,
                "bytes": None,
                "finished": None,
            }
        ]
    rows = []
    for step in plan.plan():
        manifest = step.manifest if step.state == "fresh" else None
        state, reason = step.state, "; ".join(step.reasons) or made_do(manifest)
        if check and manifest and (damaged := plan.place(step.stage).damage(step.key)):
            state, reason = "failed", f"{damaged} is not as it was written; the next run makes it again"
        size = sum(f["bytes"] for f in manifest["files"].values()) if manifest else None
        rows.append(
            {
                "stage": step.stage,
                "state": state,
                "why": reason,
                "seconds": manifest and manifest["seconds"],
                "bytes": size,
                "finished": manifest and manifest["finished"],
            }
        )
    return rows


def made_do(manifest: dict[str, Any] | None) -> str:
    """What a stage had to do with because memory ran out."""
    halved = (manifest or {}).get("halved", {})
    return ", ".join(f"memory ran out: made with {name}={value}" for name, value in halved.items())


def show(rows: dict[str, list[dict[str, Any]]]) -> None:
    """As tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for name, steps_of in rows.items():
        table = Table(title=name, title_justify="left", title_style="bold", box=None, padding=(0, 1))
        for head, side in (
            ("stage", "left"),
            ("state", "left"),
            ("seconds", "right"),
            ("size", "right"),
            ("finished", "left"),
            ("why", "left"),
        ):
            table.add_column(head, justify=side, header_style="dim")  # type: ignore[arg-type]
        for row in steps_of:
            size = "" if row["bytes"] is None else f"{row['bytes'] / 1e6:.1f} MB"
            when = "" if row["finished"] is None else time.strftime("%d %b %H:%M", time.localtime(row["finished"]))
            seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
            table.add_row(row["stage"], f"[{COLOURS[row['state']]}]{row['state']}", seconds, size, when, row["why"])
        console.print(table)
