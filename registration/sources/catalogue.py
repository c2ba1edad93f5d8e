"""Finds sources by name, among ours and those other packages bring (entry points ``regpipe.sources``)."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from registration.errors import UserError
from registration.sources.base import Source

GROUP = "regpipe.sources"


def known() -> dict[str, EntryPoint]:
    """Every source that is installed, not yet imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def in_order(wanted: tuple[str, ...], there: list[str]) -> tuple[list[str], list[str]]:
    """The cheap and the dear sources to ask, of those that are there: ``auto`` and ``all`` every one, ``cheap`` no dear one."""
    if not wanted:
        raise UserError("no source to ask", "verify.sources", "auto, cheap, all, or names such as shape")
    names = there if wanted in (("auto",), ("all",), ("cheap",)) else list(dict.fromkeys(wanted))
    dear = [name for name in names if getattr(load(name), "dear", False)]
    return [name for name in names if name not in dear], [] if wanted == ("cheap",) else dear


def load(name: str) -> Source:
    """The source of this name, made."""
    points = known()
    if name not in points:
        raise UserError(
            f"no source named {name!r}", "verify.sources", f"installed: {', '.join(sorted(points)) or 'none'}"
        )
    try:
        made: Any = points[name].load()()
    except ImportError as error:
        raise UserError(
            f"source {name!r} cannot be loaded", error, f"install what {points[name].value} needs"
        ) from error
    return made
