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
    turns: int = 24
    """Turns that leave the best hypothesis' body nearly as it is and are judged beside it."""
    looked_at: int = 16
    """The likeliest hypotheses, which are rendered into the images too."""
    voxels: int = 64
    """Voxels along the longest side of the body that is rendered."""
    mask_cost: float = 500.0
    """What each piece of evidence counts, in units of log-likelihood; fitted by benchmarks/calibrate.py."""
    free_cost: float = 100.0
    deep_cost: float = 20.0
    apart_cost: float = 5.0
    colour_cost: float = 40.0
    bare_cost: float = 50.0
    same_side_cost: float = 6.0
    """Captures that look at the same side contradict that the object was turned over."""
    none_cost: float = 15.0
    """As likely as evidence of this cost is that no hypothesis is right."""
    same: float = 0.015
    """Transforms that move the model's surface less than this share of the diameter give the same model."""
    same_print: float = 0.15
    """And if they move its print onto one that is unlike it by less than this."""


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
    accept: float = 0.99
    """Confidence from which the registration is accepted."""
