"""Which hypotheses give the same model, and which turns of the model ought to be tried beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from registration.geometry.distance import Solid
from registration.geometry.paint import PRINTED, Printed, print_apart
from registration.geometry.rigid import Array, Rigid
from registration.geometry.rotation import spread_rotations
from registration.sources.shape import distinct, outline_fit
from registration.sources.witness import Witness
from registration.verify.body import Body, blurred, moved_off
from registration.verify.params import VerifyParams

ROTATIONS, LEAST_TURN_DEG, APART_DEG = 6_000, 15.0, 9.0
NEARLY = 0.03
"""A turn under which the outline changes by less than this share of the diameter is worth a trial."""
GRAIN = 0.02
"""Share of the diameter below which the halves' surfaces are rough: it is smoothed before the model is held against itself, turned."""
SEEN = 0.04
"""Share of the diameter within which of a place a half must have seen something to know of it: twice as far as its points lie apart."""
LEAST_LEFT = 0.5
"""A half of which less is left without its grain tells nothing: it is all thin walls."""
APART = 0.5
"""Two transforms give different models if what neither half explains meets so much better under one, of 1 at best."""
STRICTLY, PLAINLY = 0.75, 2.0
"""A half speaks for its model alone only if it stays that much more exactly than a whole must, and the whole moves no more than so much."""


def turned(body: Body, T_up_from_down: Rigid, diameter: float, most: int) -> list[Rigid]:
    """The transforms that differ by a turn which leaves the body's outline nearly as it is."""
    rotations, corners = spread_rotations(ROTATIONS), body.mesh.vertices
    shifts, misfits, _ = outline_fit(corners, corners, rotations)
    angles = np.degrees(np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    order = np.argsort(misfits)
    order = order[(misfits[order] < NEARLY * diameter) & (angles[order] > LEAST_TURN_DEG)]
    return [Rigid(rotations[k], shifts[k]) @ T_up_from_down for k in distinct(rotations, order, APART_DEG, most)]


@dataclass(frozen=True, eq=False)
class Share:
    """What one half saw of the surface, without its grain."""

    solid: Solid
    points: Array  # (n, 3)
    tree: KDTree
    """Of all points it saw: elsewhere its solid is a guess."""
    near: float
    """How far from these it still knows, mm."""
    printed: Printed | None
    hidden: float
    """Share of its surface that lies behind lids."""

    @classmethod
    def of(cls, witness: Witness, diameter: float, printed: bool, hidden: float = 0.0) -> Share | None:
        """In the half's own frame; None if hardly anything is left without the grain."""
        solid, points = blurred(witness.side.solid, GRAIN * diameter), witness.side.points
        on = np.abs(solid.at(points)) < GRAIN * diameter
        if on.mean() <= LEAST_LEFT:
            return None
        return cls(solid, points[on], KDTree(points), SEEN * diameter, witness.printed if printed else None, hidden)

    def stays(self, M: Rigid, most: float, reach: float, most_print: float) -> bool:
        """Whether a motion in the half's frame leaves it as it is: 95 % of it within ``most`` mm, there and back, and seen there."""
        if moved_off(self.solid, M, self.points, self.hidden) > most:
            return False
        if any(np.quantile(self.tree.query(X.apply(self.points))[0], 0.95) > self.near for X in (M, M.inverse())):
            return False
        return self.printed is None or print_apart(self.printed, self.printed, M, reach) <= most_print


class Sameness:
    """Tells whether two transforms give the same model, in shape and in print."""

    def __init__(
        self, body: Body, up: Witness, down: Witness, T: Rigid, diameter: float, params: VerifyParams,
        agree: Callable[[Rigid], float] | None = None, hidden: tuple[float, float] = (0.0, 0.0),
    ) -> None:  # fmt: skip
        """By the model that ``T`` gives; ``agree`` tells how well both halves' lids meet under another transform, if that tells anything, and
        ``hidden`` what share of either half lies behind such."""
        rng = np.random.default_rng(0)
        self.T, self.agree, self.hidden = T, agree, max(hidden)
        self.body, self.diameter, self.params = body.smoothed(GRAIN * diameter), diameter, params
        self.points = self.body.mesh.sample(params.same_points, rng)[0]
        a, b = up.printed, down.printed
        self.whole: Printed | None = None
        if min(a.strength(), b.strength()) >= PRINTED:
            points = np.concatenate([a.points, T.apply(b.points)])
            picked = np.sort(rng.permutation(len(points))[: params.points])
            self.whole = Printed.of(
                points, np.concatenate([a.normals, T.turn(b.normals)]), np.concatenate([a.tints, b.tints]), picked
            )
        self.reach = 2 * params.reach * diameter
        self.shares = [Share.of(half, diameter, self.whole is not None, h) for half, h in zip((up, down), hidden, strict=True)]

    def moved_by(self, M: Rigid) -> float:
        """How far a motion moves the surface off itself, share of the diameter."""
        return self.body.moved_by(M, self.points, self.hidden) / self.diameter

    def same(self, M: Rigid) -> bool:
        """Whether a motion leaves the model as it is."""
        return self.moved_by(M) <= self.params.same and self.print_stays(M) and self.lids_stay(M @ self.T, self.T)

    def lids_stay(self, T: Rigid, other: Rigid) -> bool:
        """Whether what neither half explains meets as well under both transforms."""
        return self.agree is None or abs(self.agree(T) - self.agree(other)) <= APART

    def print_stays(self, M: Rigid) -> bool:
        """Whether a motion leaves the print where it is, as far as there is one."""
        return self.whole is None or print_apart(self.whole, self.whole, M, self.reach) <= self.params.same_print

    def one_model(self, T: Rigid, other: Rigid) -> bool:
        """Whether two transforms give the same model, though it may lie in it elsewhere.

        That takes a motion which leaves either half as it is: the other half then comes to the same place of it. What is wrong
        with the other half, or seen by it alone, makes no difference, as long as the whole body does not plainly deny it.
        """
        M, p = T @ other.inverse(), self.params
        moved = self.moved_by(M)
        if moved > PLAINLY * p.same or not self.lids_stay(T, other):
            return False
        if moved <= p.same and self.print_stays(M):
            return True
        ways, most = zip(self.shares, (M, other.inverse() @ T), strict=True), STRICTLY * p.same * self.diameter
        return any(share is not None and share.stays(way, most, self.reach, p.same_print) for share, way in ways)

    def groups(self, transforms: Sequence[Rigid]) -> tuple[NDArray[np.int64], Array]:
        """A number for each transform, the same for the same model, and how far each moves the first one's."""
        leaders: list[Rigid] = []
        out = np.zeros(len(transforms), np.int64)
        for n, T in enumerate(transforms):
            found = next((g for g, leader in enumerate(leaders) if self.one_model(T, leader)), None)
            if found is None:
                found = len(leaders)
                leaders.append(T)
            out[n] = found
        moved = np.array([self.moved_by(T @ transforms[0].inverse()) for T in transforms])
        return out, moved
