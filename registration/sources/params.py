"""Which sources guess, and how. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PosesParams:
    """Which sources propose transforms between the halves."""

    sources: tuple[str, ...] = ("shape",)
    """Names of entry points in the group regpipe.sources."""
    rotations: int = 12_000
    """shape: rotations tried by outline."""
    apart_deg: float = 9.0
    """shape: rotations nearer to a better one than this are dropped before contact."""
    tried: int = 240
    """shape: rotations pulled into contact."""
    refined: int = 60
    """shape: best ones of these pulled into contact again, finely."""
    keep: int = 24
    """Hypotheses handed on by each source."""
