"""How hypotheses are judged. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VerifyParams:
    """How hypotheses are judged without ground truth."""

    points: int = 4_000
    """Points of each half that are checked."""
    reach: float = 0.01
    """Share of the diameter that is a plain contradiction in free space."""
    mask_weight: float = 2.0
    free_weight: float = 1.0
    apart_weight: float = 0.05
    same: float = 0.01
    """Transforms that move the model's surface less than this share of the diameter give the same model."""
    tie: float = 0.002
    """Totals nearer than this cannot be told apart."""


@dataclass(frozen=True)
class IcpParams:
    """How the best hypothesis is polished."""

    points: int = 10_000
    """Points of each half that take part."""
    reach_coarse: float = 0.02
    """Share of the diameter beyond which points hardly count, at first."""
    reach_fine: float = 0.007
    """The same at last."""
    max_iterations: int = 30
    accept: float = 0.9
    """Confidence from which the registration is accepted."""
