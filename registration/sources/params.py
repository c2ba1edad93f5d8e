"""Which sources guess, and how. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PosesParams:
    """Which sources propose transforms between the halves."""

    sources: tuple[str, ...] = ("shape",)
    """Names of entry points in the group regpipe.sources."""
    rotations: int = 4_000
    """shape: rotations tried."""
    refined: int = 60
    """shape: best ones refined by trimmed ICP."""
    keep: int = 24
    """Hypotheses handed on by each source."""
