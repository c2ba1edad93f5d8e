"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "fair", "bad"]


@dataclass(frozen=True)
class Row:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    value: float
    """The number that decided."""
    told: str
    mend: str = ""
    """What to do about it; empty if nothing needs doing."""


def graded(value: float, fair: float, bad: float) -> Verdict:
    """Good below ``fair``, bad from ``bad`` on; where more is better both come negated."""
    return "bad" if value >= bad else "fair" if value >= fair else "good"


def named(ids: list[int], most: int = 6) -> str:
    """A few images by their ids."""
    some = ", ".join(map(str, ids[:most]))
    return ("image " if len(ids) == 1 else "images ") + some + (f" and {len(ids) - most} more" if len(ids) > most else "")  # fmt: skip
