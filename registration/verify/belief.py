"""From evidence to probabilities: which model is the likeliest, and whether any is right at all.

Hypotheses of one pair of halves share what is wrong with these halves, so small differences between them tell much; how much speaks
against the best one in itself depends on the halves too, so only a plain contradiction tells that none is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array
from registration.sources.evidence import Evidence, same_side
from registration.verify.params import VerifyParams


@dataclass(frozen=True, eq=False)
class Belief:
    """How likely each model is."""

    group: NDArray[np.int64]  # (n,) hypotheses of one number give the same model; 0 is that of the best
    each: Array  # (groups,) probability of each model
    none: float
    """Probability that none of them is right."""


def some_right(best: Evidence, p: VerifyParams) -> float:
    """Probability that the best hypothesis is right or a rival of it is: that both captures show one object and it was found."""
    doubt = p.doubt_mask * best.mask + p.doubt_free * (best.free + best.deep) + p.doubt_bare * best.bare
    doubt += p.doubt_print * max(0.0, best.colour - p.print_slack) + p.doubt_side * same_side(best.turned)
    return float((1 - p.surprise) / (1 + np.exp(np.clip(doubt - p.doubt_at, -50, 50))))


def believe(cost: Array, group: NDArray[np.int64], some: float) -> Belief:  # (n,), (n,)
    """Softmax over the best hypothesis of each model, of the probability that some is right."""
    best = np.array([cost[group == g].min() for g in range(int(group.max()) + 1)])
    weight = np.exp(best.min() - best)
    return Belief(group, some * weight / weight.sum(), 1 - some)
