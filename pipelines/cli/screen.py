"""What a run looks like: a live table on a terminal, plain lines in a pipe, everything in the log files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from pipelines.cli.console import LOG, log_file, open_log, summary
from pipelines.cli.main import complain
from pipelines.engines.board import Active, Outcome, Row

MOST_REASONS = 2
"""A stage that runs anew says why by so many; the log has them all."""
MARGIN = 4
"""Lines of the terminal that the table leaves free."""
BAR = 28


class Screen:
    """Shows objects as they run: one with all its stages, many with a line each."""

    def __init__(self, logs: Path, folders: Callable[[str], Path], objects: int, quiet: bool, verbose: bool) -> None:
        self.logs, self.folders, self.many = logs, folders, objects > 1
        self.quiet, self.verbose = quiet, verbose
        self.terminal = open_log(verbose, quiet)
        self.console = Console(highlight=False)
        self.live = Live(console=self.console, transient=True, refresh_per_second=5)
        self.shown = self.console.is_terminal and not quiet
        self.files: dict[str, logging.FileHandler] = {}
        self.fresh: dict[str, list[str]] = {}

    def __enter__(self) -> Screen:
        if self.shown:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()
        for file in self.files.values():
            file.close()

    def say(self, text: str, name: str = "") -> None:
        """A line of its own, above the table; with many objects it tells which one it is about."""
        if not self.quiet:
            self.console.print(f"{name} {text.strip()}" if self.many and name else text)

    def opens(self, name: str, fresh: list[str]) -> None:
        """It is an object's turn."""
        self.files[name] = log_file(self.logs, name)
        if not self.many:
            self.say(f"[bold]{name}")
        self.fresh[name] = list(fresh)

    def starts(self, name: str, stage: str, reasons: list[str]) -> None:
        """A stage begins."""
        self._tell_fresh(name)
        if self.verbose or reasons != ["first run"]:
            more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
            self._detail(name, f"  [dim]{stage}: {'; '.join(reasons[:MOST_REASONS])[:120]}{more}")

    def ends(self, name: str, stage: str, seconds: float, fresh: bool) -> None:
        """A stage is whole."""
        if fresh:
            self.fresh[name].append(stage)
        else:
            self._detail(name, f"  [green]✓[/] {stage:<13} {seconds:7.1f} s")

    def _detail(self, name: str, text: str) -> None:
        """What the table shows anyway if there are many objects."""
        if self.verbose or not (self.many and self.shown):
            self.say(text, name)

    def _tell_fresh(self, name: str) -> None:
        stages = self.fresh.get(name)
        if stages:
            self._detail(name, f"  [dim]· fresh: {', '.join(stages)}")
            stages.clear()

    def log(self, name: str, record: dict[str, Any]) -> None:
        """To the file of the object; what is grave also to the terminal."""
        made = logging.makeLogRecord(record)
        self.files[name].handle(made)
        if made.levelno >= self.terminal.level:
            self.terminal.handle(made)

    def warns(self, name: str, text: str) -> None:
        """Something went wrong that is being mended."""
        self.log(name, {"name": LOG.name, "levelno": logging.WARNING, "levelname": "WARNING", "msg": f"{name}: {text}"})

    def closes(self, outcome: Outcome) -> None:
        """The verdict, or what went wrong."""
        name, file = outcome.name, self.files.pop(outcome.name, None)
        self._tell_fresh(name)
        if file:
            file.close()
        if outcome.state in ("wrong", "disk"):
            complain(f"{name}: {outcome.text}")
        elif outcome.state == "failed":
            where = f" (the traceback is in {file.baseFilename})" if file else ""
            complain(f"{name}: unexpected, please report it: {outcome.text}{where}")
        elif outcome.result:
            summary(self.console, name, outcome.result, self.folders(name), self.quiet or self.many)

    def shows(self, rows: list[Row], closed: int, objects: int, left: float) -> None:
        """The table anew."""
        if self.shown:
            self.live.update(overview(rows, closed, objects, left, self.console.height - MARGIN))


def overview(rows: list[Row], closed: int, objects: int, left: float, lines: int) -> Table:
    """A line for each object, and one for all; of a single object a line for each stage."""
    now, table = time.monotonic(), Table.grid(padding=(0, 1))
    if objects == 1:
        for row in rows:
            for stage, active in row.active.items():
                share = active.done / active.total if active.total else None
                rate = f"{active.done / (now - active.since):.1f}/s" if active.done and now > active.since else ""
                table.add_row(f"  {stage:<13}", *bar(share), f"[cyan]{rate:>8}", clock(now - active.since), "")
            table.add_row("  [dim]in all", *bar(row.share), "", clock(row.elapsed), f"[dim]about {clock(left)} left")
        return table
    for row in rows[:lines]:
        table.add_row(row.name, *bar(row.share), f"[cyan]{stages(row.active)}", clock(row.elapsed), about(row.left))
    hidden = f"{len(rows) - lines} more run; " if len(rows) > lines else ""
    table.add_row(f"[bold]{closed} of {objects}", *bar(closed / objects), f"[dim]{hidden}all", "", about(left))
    return table


def bar(share: float | None) -> tuple[ProgressBar, str]:
    """A bar, and the same as a figure."""
    return (
        ProgressBar(1.0, share or 0.0, width=BAR, pulse=share is None),
        "" if share is None else f"{100 * share:3.0f}%",
    )


def stages(active: dict[str, Active]) -> str:
    """The stages that run."""
    return ", ".join(active) or "waits"


def about(seconds: float) -> str:
    """How long it will take, as far as anyone can tell."""
    return f"[dim]about {clock(seconds)} left"


def clock(seconds: float) -> str:
    """1:40, or 2:03:10."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
