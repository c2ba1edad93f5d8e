"""Where a run's words go: warnings to the terminal, everything to the log file, the verdict at the end."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from pipelines.cli.main import complain
from registration.errors import of_the_disk

LOG = logging.getLogger("regpipe")
STATE: dict[str, Any] = {"log": None, "verbose": False}


def open_log(verbose: bool, quiet: bool) -> RichHandler:
    """Warnings go to the terminal."""
    for handler in list(LOG.handlers):
        LOG.removeHandler(handler)
        handler.close()
    logging.raiseExceptions = False  # a log that finds no room on the disk stops, and the run does not
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = False
    screen = RichHandler(console=Console(stderr=True, highlight=False), show_time=False, show_path=False, markup=False)
    screen.setLevel(logging.INFO if verbose else logging.ERROR + 1 if quiet else logging.WARNING)
    screen.addFilter(lambda record: record.exc_info is None and not getattr(record, "traced", False))
    LOG.addHandler(screen)
    STATE.update(log=None, verbose=verbose)
    return screen


def log_file(folder: Path, name: str) -> logging.FileHandler:
    """A log file of one object."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{name.replace('/', '-')}.log"
    writer = logging.FileHandler(file, delay=False)
    writer.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    STATE["log"] = file
    return writer


def explain_crash(error: BaseException) -> None:
    """The disk's fault: one line. Our own mistake: one line, and where the rest stands."""
    told = of_the_disk(error)
    if told is not None:
        LOG.debug("traceback", exc_info=error)
        complain(told)
        return
    text = f"{type(error).__name__}: {error}".strip()
    where = f" (the traceback is in {STATE['log']})" if STATE["log"] else ""
    if STATE["log"] is None or STATE["verbose"]:
        traceback.print_exception(error, file=sys.stderr)
    else:
        LOG.debug("traceback", exc_info=error)
    click.echo("regpipe: unexpected, please report it: " + " ".join(text.split()) + where, err=True)


def summary(console: Console, name: str, result: dict[str, Any], out: Path, quiet: bool) -> None:
    """The verdict, in words and numbers."""
    from registration.geometry.rigid import Rigid

    word = "[bold green]accepted" if result["accepted"] else "[bold yellow]not accepted"
    share = 100 * result["chamfer_mm"] / result["diameter_mm"]
    turn = Rigid.from_similarity(result["T_up_from_down"]).angle_deg()
    mm = "mm" if result.get("metric", True) else "assumed mm"
    seconds = sum(result["stages"].values())
    if quiet:
        console.print(
            f"{name} {'accepted' if result['accepted'] else 'not accepted'} confidence {result['confidence']:.3f} chamfer {result['chamfer_mm']:.2f} mm {out}"
        )
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_row("verdict", f"{word}[/], confidence {result['confidence']:.3f}")
    table.add_row(
        "halves apart",
        f"{result['chamfer_mm']:.2f} {mm} where both saw the object, {share:.2f} % of its {result['diameter_mm']:.0f} {mm}",
    )
    if result.get("pairs"):
        placed = [name for name, entry in result["captures"].items() if entry["placed"]]
        table.add_row("captures", f"{len(placed)} of {len(result['captures'])} have a place: {', '.join(placed)}")
        for n, pair in enumerate(result["pairs"]):
            off = f", {pair['off_deg']:.2f}° off" if "off_deg" in pair else ""
            told = f"{pair['a']} and {pair['b']}: {pair['state']}, confidence {pair['confidence']:.3f}{off}"
            table.add_row("" if n else "pairs", told)
    else:
        table.add_row("turned by", f"{turn:.0f}° between the captures")
    if result.get("scale", 1.0) != 1.0 and not result.get("pairs"):
        table.add_row("scale", f"lengths of down times {result['scale']:.4f} are lengths of up")
    if result["alternatives"]:
        same = all(a.get("same_model") for a in result["alternatives"])
        table.add_row(
            "alternatives",
            f"{len(result['alternatives'])} more transforms fit as well" + (" and give the same model" if same else ""),
        )
    if not result["accepted"]:
        for reason in result.get("reasons", []):
            table.add_row("", f"[dim]{reason}")
    table.add_row("work", f"{seconds:.0f} s in all stages")
    table.add_row("model", str(out / "model.ply"))
    table.add_row("labels", str(out / "labels"))
    table.add_row("look", str(out / "report" / "index.html"))
    console.print(table)
