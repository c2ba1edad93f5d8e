"""What many images lead to, pulled into contact and judged by what both captures know: few transforms, which every image is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from registration.geometry.rigid import Array, Rigid
from registration.sources.base import HalfModel
from registration.sources.evidence import cost_of, judge
from registration.sources.prints import different
from registration.sources.witness import Witness, pulled
from registration.verify.params import VerifyParams

POINTS = 2_000
"""Points of each half that are held against the other capture."""
FIT_WEIGHT = 5.0
"""What the networks' likelihood of a place counts beside the other evidence: places near each other say nearly the same."""
OFFERED, LEAST_CHANCE = 8, 1e-3
"""So many of them are offered to every image, those at least so likely."""


@dataclass(frozen=True)
class Agreed:
    """A transform that images agree on and both captures allow."""

    T_up_from_down: Rigid
    worth: float
    """Log-likelihood, up to a constant."""


def agreed(
    up: HalfModel, down: HalfModel, guesses: Iterable[Rigid], fit: Callable[[Rigid], float], size: float,
    rng: np.random.Generator,
) -> list[Agreed]:  # fmt: skip
    """Each guess brought into contact, the likeliest first; ``fit`` is what the images say, ``size`` the diameter in mm."""
    weights = VerifyParams()
    reach = weights.reach * size
    a, b = (Witness.of(half, POINTS, rng) for half in (up, down))
    settled = [pulled(a, b, guess, reach) for guess in guesses]
    costs = [(cost_of(judge(a, b, T, size, reach), weights) - FIT_WEIGHT * fit(T), T) for T in settled]
    return [Agreed(T, -cost) for cost, T in different(costs, size)]


def chances(found: list[Agreed]) -> Array:  # (n,)
    """How likely each is if one of them is right."""
    weight = np.exp([one.worth - found[0].worth for one in found])
    return weight / max(float(weight.sum()), 1e-9)


def offered(found: list[Agreed]) -> list[Agreed]:
    """Those that every image is asked about."""
    return [one for one, chance in zip(found[:OFFERED], chances(found), strict=False) if chance >= LEAST_CHANCE]
