"""What verification and ICP answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
    relief: Array  # (n,)
    lids: Array  # (n,)
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
    held: Array = field(default_factory=lambda: np.zeros((0, 3)))  # (2, 3) direction and a point of an axis, or none
    """About it contact holds nothing, and something else told the angle: refinement leaves that as it is."""

    def scaled(self, factor: float) -> Verdict:
        """With both captures in another size, each about its origin."""
        return replace(
            self, T_up_from_down=self.T_up_from_down * shifted(factor), chamfer_mm=factor * self.chamfer_mm,
            symmetries=symmetries_scaled(self.symmetries, factor), held=self.held * np.array([[1.0], [factor]])[: len(self.held)],
        )  # fmt: skip


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

    def scaled(self, factor: float) -> Registration:
        """With both captures in another size, each about its origin."""
        others = [a | {"T_up_from_down": (np.array(a["T_up_from_down"]) * shifted(factor)).tolist()} for a in self.alternatives]  # fmt: skip
        return replace(
            self, T_up_from_down=self.T_up_from_down.scaled(factor), alternatives=tuple(others),
            chamfer_mm=factor * self.chamfer_mm, diameter_mm=factor * self.diameter_mm, rms_mm=factor * self.rms_mm,
            start=self.start * shifted(factor), symmetries=symmetries_scaled(self.symmetries, factor),
            unit_mm=(factor * self.unit_mm[0], factor * self.unit_mm[1]),
        )  # fmt: skip


def shifted(factor: float) -> Array:  # (4, 4)
    """What the numbers of a rigid motion are multiplied by for its shift to be so many times as long."""
    out = np.ones((4, 4))
    out[:3, 3] = factor
    return out


def symmetries_scaled(symmetries: dict[str, Any], factor: float) -> dict[str, Any]:
    """The same of a model that is so many times as large."""
    out = dict(symmetries)
    if "symmetries_discrete" in out:
        turns = np.reshape(out["symmetries_discrete"], (-1, 4, 4)) * shifted(factor)
        out["symmetries_discrete"] = turns.reshape(-1, 16).tolist()
    if "symmetries_continuous" in out:
        axes = out["symmetries_continuous"]
        out["symmetries_continuous"] = [a | {"offset": (factor * np.array(a["offset"])).tolist()} for a in axes]
    return out


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

    def scaled(self, factor: float) -> Joined:
        """With all captures in another size, each about its origin."""
        pairs = tuple(p | {"T_a_from_b": (np.array(p["T_a_from_b"]) * shifted(factor)).tolist()} for p in self.pairs)
        return replace(
            self, pairs=pairs, places=tuple(T.scaled(factor) for T in self.places), chamfer_mm=factor * self.chamfer_mm,
            diameter_mm=factor * self.diameter_mm, symmetries=symmetries_scaled(self.symmetries, factor),
            unit_mm=tuple(factor * unit for unit in self.unit_mm),
        )  # fmt: skip
