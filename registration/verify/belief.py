"""From evidence to probabilities: one likelihood for every hypothesis, and one for none of them being right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array
from registration.verify.params import VerifyParams
from registration.verify.score import Evidence

TERMS = ("mask", "free", "deep", "apart", "colour", "bare")
"""Contradictions that cost in proportion."""


def same_side(turned_deg: float) -> float:
    """1 if both captures looked at the same side, 0 from a quarter turn on."""
    return max(0.0, float(np.cos(np.radians(turned_deg))))


def costs(evidence: Evidence, p: VerifyParams) -> dict[str, float]:
    """What every piece of evidence costs, as a loss of log-likelihood."""
    out = {name: getattr(p, f"{name}_cost") * getattr(evidence, name) for name in TERMS}
    return out | {"same_side": p.same_side_cost * same_side(evidence.turned)}


def cost_of(evidence: Evidence, p: VerifyParams) -> float:
    """Their sum: lower is likelier."""
    return sum(costs(evidence, p).values())


@dataclass(frozen=True, eq=False)
class Belief:
    """How likely each model is."""

    group: NDArray[np.int64]  # (n,) hypotheses of one number give the same model; 0 is that of the best
    each: Array  # (groups,) probability of each model
    none: float
    """Probability that none of them is right."""


def believe(cost: Array, group: NDArray[np.int64], none_cost: float) -> Belief:  # (n,), (n,)
    """Softmax over the best hypothesis of each model, and over none being right."""
    best = np.array([cost[group == g].min() for g in range(int(group.max()) + 1)])
    lowest = min(float(best.min()), none_cost)
    weight, none = np.exp(lowest - best), float(np.exp(lowest - none_cost))
    total = weight.sum() + none
    return Belief(group, weight / total, none / total)
