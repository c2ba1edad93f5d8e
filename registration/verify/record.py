"""What verification and ICP answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array, Rigid


@dataclass(frozen=True, eq=False)
class Verdict:
    """All hypotheses judged, best first."""

    T_up_from_down: Array  # (n, 4, 4)
    mask: Array  # (n,) see score.Evidence
    free: Array  # (n,)
    deep: Array  # (n,)
    apart: Array  # (n,)
    tilt: Array  # (n,)
    colour: Array  # (n,)
    bare: Array  # (n,)
    turned: Array  # (n,) degrees
    overlap: Array  # (n,)
    chamfer_mm: Array  # (n,)
    cost: Array  # (n,) loss of log-likelihood: lower is better
    moved: Array  # (n,) how far each moves the model off the best one's, share of the diameter
    group: NDArray[np.int64]  # (n,) the same number for the same model, 0 for the best one's
    probability: Array  # (groups,) of each model
    accepted: bool
    none: float
    """Probability that none is right."""
    source: tuple[str, ...]  # (n,)
    candidates: int
    """Hypotheses proposed, before those that meet were counted once."""
    reasons: tuple[str, ...]
    """Why the confidence is what it is, in words."""
    symmetries: dict[str, Any]
    """Motions that leave the model as it is, in the up frame, as BOP's models_info.json names them."""


@dataclass(frozen=True, eq=False)
class Registration:
    """The transform between the captures, and how sure it is."""

    T_up_from_down: Rigid
    confidence: float
    accepted: bool
    alternatives: tuple[dict[str, Any], ...]
    """Other transforms that the evidence cannot tell from this one: T_up_from_down and confidence."""
    source: str
    candidates: int
    chamfer_mm: float
    overlap: float
    diameter_mm: float
    rms_mm: float
    converged: bool
    start: Array  # (4, 4) where the refinement began
    reasons: tuple[str, ...]
    symmetries: dict[str, Any]
    """See Verdict."""
    scale: float = 1.0
    """Lengths of down times this are lengths of up, in whose unit everything here is."""
    metric: bool = True
    """Whether that unit is known to be the millimetre."""
    unit_mm: tuple[float, float] = (1.0, 1.0)
    """Millimetres, true or assumed, in a unit of the files of up and of down."""

@dataclass(frozen=True, eq=False)
class Joined:
    """Where every capture of an object lies, by the pairs that agree; captures go by their numbers."""

    placed: tuple[int, ...]
    """Captures that have a place; the first one's frame and unit are those of all."""
    places: tuple[Rigid, ...]
    """T_first_from_each, after its lengths were multiplied by its scale."""
    scales: tuple[float, ...]
    pairs: tuple[dict[str, Any], ...]
    """Every pair: a, b, what became of it, its confidence, and how far it is from where the captures lie now."""
    confidence: float
    accepted: bool
    reasons: tuple[str, ...]
    chamfer_mm: float
    """Mean gap of the surfaces that meet, over the pairs that were used."""
    diameter_mm: float
    symmetries: dict[str, Any]
    """Of the model, in the frame of the first: those of a pair that was used, if every such pair has some."""
    metric: bool
    """Whether the unit of the first is known to be the millimetre."""
    unit_mm: tuple[float, ...]
    """See Registration; of each placed capture."""
