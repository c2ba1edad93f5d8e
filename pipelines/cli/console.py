"""What a run looks like: live bars on a terminal, one line a stage in a pipe, everything in the log file."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pipelines.cli.main import complain, of_the_disk

LOG = logging.getLogger("regpipe")
MOST_REASONS = 2
"""A stage that runs anew says why by so many; the log has them all."""
STATE: dict[str, Any] = {"log": None, "verbose": False}


class Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        """Blank until a rate is known."""
        return Text(f"{task.speed:6.1f}/s" if task.speed else "", style="cyan")


class Screen:
    """Shows one object's stages as they run."""

    def __init__(self, title: str, quiet: bool, verbose: bool) -> None:
        self.title, self.quiet, self.verbose = title, quiet, verbose
        self.console = Console(highlight=False)
        self.live = self.console.is_terminal and not quiet
        self.progress = Progress(
            SpinnerColumn(), TextColumn("{task.description:<13}"), BarColumn(28), TextColumn("{task.percentage:3.0f}%"), Rate(),
            TextColumn("[dim]left"), TimeRemainingColumn(), console=self.console, transient=True, disable=not self.live,
        )  # fmt: skip
        self.tasks: dict[str, Any] = {}
        """Bars of the stages that run: one may have asked for another."""
        self.fresh: list[str] = []
        self.pulse = 0.0

    def __enter__(self) -> Screen:
        if not self.quiet:
            self.console.print(f"[bold]{self.title}")
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell_fresh()
        self.progress.stop()

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        if not self.quiet:
            self.console.print(text)

    def starts(self, stage: str, reasons: list[str]) -> None:
        """A stage begins."""
        self._tell_fresh()
        if self.verbose or (reasons != ["first run"] and not self.quiet):
            more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
            self.say(f"  [dim]{stage}: {'; '.join(reasons[:MOST_REASONS])[:120]}{more}")
        self.tasks[stage] = self.progress.add_task(stage, total=None)

    def tick(self, stage: str, done: int, total: int) -> None:
        """How far it is, at most ten times a second."""
        if stage in self.tasks and (done >= total or time.monotonic() - self.pulse > 0.1):
            self.pulse = time.monotonic()
            self.progress.update(self.tasks[stage], completed=done, total=total)

    def ends(self, stage: str, seconds: float, fresh: bool) -> None:
        """A stage is whole."""
        if fresh:
            self.fresh.append(stage)
            return
        if stage in self.tasks:
            self.progress.remove_task(self.tasks.pop(stage))
        self.say(f"  [green]✓[/] {stage:<13} {seconds:7.1f} s")

    def _tell_fresh(self) -> None:
        if self.fresh:
            self.say(f"  [dim]· fresh: {', '.join(self.fresh)}")
            self.fresh = []


def open_log(folder: Path, name: str, verbose: bool, quiet: bool) -> Path:
    """A log file of this run; warnings also go to the terminal."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{name.replace('/', '-')}.log"
    for handler in list(LOG.handlers):
        LOG.removeHandler(handler)
        handler.close()
    logging.raiseExceptions = False  # a log that finds no room on the disk stops, and the run does not
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = False
    writer = logging.FileHandler(file, delay=False)
    writer.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    LOG.addHandler(writer)
    console = Console(stderr=True, highlight=False)
    screen = RichHandler(console=console, show_time=False, show_path=False, markup=False)
    screen.setLevel(logging.INFO if verbose else logging.ERROR + 1 if quiet else logging.WARNING)
    screen.addFilter(lambda record: record.exc_info is None)
    LOG.addHandler(screen)
    STATE.update(log=file, verbose=verbose)
    return file


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
    import numpy as np

    word = "[bold green]accepted" if result["accepted"] else "[bold yellow]not accepted"
    share = 100 * result["chamfer_mm"] / result["diameter_mm"]
    R = np.array(result["T_up_from_down"])[:3, :3]
    turn = np.degrees(np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1)))
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
        f"{result['chamfer_mm']:.2f} mm where both saw the object, {share:.2f} % of its {result['diameter_mm']:.0f} mm",
    )
    table.add_row("turned by", f"{turn:.0f}° between the captures")
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
