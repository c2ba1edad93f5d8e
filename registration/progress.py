"""How long work tells how far it is: a callable, so that no algorithm knows a terminal."""

from __future__ import annotations

from collections.abc import Callable

Tick = Callable[[int, int], None]
"""Called with (done, total) every now and then."""


def silent(done: int, total: int) -> None:
    """Tell nobody."""
