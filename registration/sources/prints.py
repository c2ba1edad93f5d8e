"""Guesses from print: of all rotations that the outlines allow, those under which the colours agree."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from registration.geometry.icp import align
from registration.geometry.mesh import diameter
from registration.geometry.paint import PRINTED, print_apart
from registration.geometry.rigid import Rigid
from registration.geometry.rotation import spread_rotations
from registration.progress import Tick
from registration.sources.base import HalfModel, Hypothesis
from registration.sources.params import PosesParams
from registration.sources.shape import distinct, outline_fit

LOOSE = 0.02
"""Outlines that fit worse than the best by more than this share of the diameter are not looked at."""
POINTS, REACH = 2_000, 0.02


@dataclass
class PrintProposer:
    """Has the reference's colours at hand."""

    reference: HalfModel
    params: PosesParams

    def propose(self, other: HalfModel, rng: np.random.Generator, tick: Tick) -> list[Hypothesis]:
        """Nothing if one of the halves has no print."""
        up, down = self.reference.printed(POINTS, rng), other.printed(POINTS, rng)
        if min(up.strength(), down.strength()) < PRINTED:
            return []
        size = diameter(self.reference.nerf.vertices)
        starts = self.starts(other, size)
        a, b = (h.side(print_too=True).thinned(POINTS, rng) for h in (self.reference, other))
        few = a.picked(np.arange(0, len(a.points), 4)), b.picked(np.arange(0, len(b.points), 4))
        plain = [replace(side, tone=None) for side in few]
        apart = lambda T: print_apart(up, down, T, REACH * size)  # noqa: E731
        count = len(starts) + self.params.print_refined
        rough: list[tuple[float, Rigid]] = []
        for number, start in enumerate(starts):
            T = align(plain[0], plain[1], start, (0.04 * size, 0.02 * size), iterations=8).T_up_from_down
            rough.append((apart(T), T))
            tick(number + 1, count)
        fine: list[tuple[float, Rigid]] = []
        for number, (_, start) in enumerate(different(rough, size)[: self.params.print_refined]):
            T = align(a, b, start, (0.03 * size, 0.01 * size), iterations=25).T_up_from_down
            fine.append((apart(T), T))
            tick(len(starts) + number + 1, count)
        tick(count, count)
        return [Hypothesis(T, -left, "print") for left, T in different(fine, size)[: self.params.keep // 2]]

    def starts(self, other: HalfModel, size: float) -> list[Rigid]:
        """Rotations that the outlines allow, the best first."""
        rotations = spread_rotations(self.params.rotations)
        shifts, misfits, _ = outline_fit(self.reference.nerf.vertices, other.nerf.vertices, rotations)
        order = np.argsort(misfits)
        order = order[misfits[order] < misfits.min() + LOOSE * size]
        chosen = distinct(rotations, order, self.params.print_apart_deg, self.params.print_tried)
        return [Rigid(rotations[k], shifts[k]) for k in chosen]


def different(found: list[tuple[float, Rigid]], size: float) -> list[tuple[float, Rigid]]:
    """The best first, those that came to the same place counted once."""
    kept: list[tuple[float, Rigid]] = []
    for left, T in sorted(found, key=lambda row: row[0]):
        if all(T.angle_deg(k) > 2.0 or np.linalg.norm(T.t - k.t) > 0.02 * size for _, k in kept):
            kept.append((left, T))
    return kept


class PrintSource:
    """Colours: tells the turns apart that shape alone does not, where there is a print on the sides."""

    name = "print"

    def fit(self, reference: HalfModel, params: PosesParams, rng: np.random.Generator, tick: Tick) -> PrintProposer:
        """Nothing to learn."""
        return PrintProposer(reference, params)
