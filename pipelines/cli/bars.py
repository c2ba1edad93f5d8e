"""A bar for work outside the chain."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from registration.progress import Tick


@contextmanager
def bar(text: str, quiet: bool = False, as_bytes: bool = False) -> Iterator[Tick]:
    """A progress bar on a terminal; nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    middle = [DownloadColumn(), TransferSpeedColumn()] if as_bytes else [TextColumn("{task.completed}/{task.total}")]
    columns = [TextColumn("{task.description}"), BarColumn(28), *middle, TextColumn("[dim]left"), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task, last = progress.add_task(text, total=None), [0.0]

        def tick(done: int, total: int) -> None:
            if done >= total or time.monotonic() - last[0] > 0.1:
                last[0] = time.monotonic()
                progress.update(task, completed=done, total=total)

        yield tick
