"""How hypotheses are judged. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VerifyParams:
    """How hypotheses are judged without ground truth."""

    sources: tuple[str, ...] = ("auto",)
    """Sources that are asked, all of them; ``auto``: the cheap ones, then the dear ones until a model is accepted; ``cheap``; ``all``."""
    points: int = 4_000
    """Points of each half that are checked."""
    reach: float = 0.01
    """Share of the diameter that is a plain contradiction in free space."""
    turns: int = 24
    """Turns that leave the best hypothesis' body nearly as it is and are judged beside it."""
    spins: int = 12
    """Turns of a nearly round body about its axis that are judged beside it, by what is not round on it."""
    looked_at: int = 16
    """The likeliest hypotheses, which are rendered into the images too."""
    margin: float = 30.0
    """Hypotheses that cost so much more than the best are not looked at: nothing can make them win."""
    voxels: int = 64
    """Voxels along the longest side of the body that is rendered."""
    mask_cost: float = 350.0
    """What each piece of evidence counts between two hypotheses, in units of log-likelihood; fitted by benchmarks/calibrate.py."""
    free_cost: float = 60.0
    deep_cost: float = 22.0
    apart_cost: float = 6.4
    colour_cost: float = 53.0
    bare_cost: float = 820.0
    relief_cost: float = 20.0
    """Set by hand, below what it is worth on parts with holes: on a rough round part it is noise."""
    lids_cost: float = 1.0
    """What neither half explains is a loss of log-likelihood as it is."""
    same_side_cost: float = 12.0
    """Captures that look at the same side contradict that the object was turned over."""
    doubt_mask: float = 4800.0
    """What each piece of evidence counts against all hypotheses together, if it speaks against the best one."""
    doubt_free: float = 10.0
    doubt_bare: float = 10.0
    doubt_side: float = 7.0
    doubt_print: float = 70.0
    print_slack: float = 0.25
    """So unlike the prints of two halves may be by their own faults; what is beyond counts as doubt."""
    doubt_at: float = 13.4
    """So much of it leaves even odds that none is right."""
    surprise: float = 0.003
    """Probability that is kept back for what no part of the calibration was like."""
    accept: float = 0.99
    """Confidence from which the registration is accepted."""
    same: float = 0.02
    """Transforms that move 95 % of the model's surface less than this share of the diameter give the same model."""
    same_print: float = 0.15
    """And if they move its print onto one that is unlike it by less than this."""
    same_voxels: int = 96
    """Voxels along the longest side of the body that is held against itself: coarser ones move by themselves as much as that."""
    same_points: int = 20_000
    """Points of its surface that are looked at."""


@dataclass(frozen=True)
class IcpParams:
    """How the best hypothesis is polished."""

    image: str = ""
    """Start from where the source surfemb places this image, such as down:17, whatever the verdict."""

    points: int = 10_000
    """Points of each half that take part."""
    reach_coarse: float = 0.02
    """Share of the diameter beyond which points hardly count, at first."""
    reach_fine: float = 0.007
    """The same at last."""
    max_iterations: int = 30
