"""Which hypotheses give the same model, and which turns of the model ought to be tried beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from registration.geometry.paint import PRINTED, Printed, print_apart
from registration.geometry.rigid import Array, Rigid
from registration.geometry.rotation import spread_rotations
from registration.sources.shape import distinct, outline_fit
from registration.sources.witness import Witness
from registration.verify.body import Body
from registration.verify.params import VerifyParams

ROTATIONS, LEAST_TURN_DEG, APART_DEG = 6_000, 15.0, 9.0
NEARLY = 0.03
"""A turn under which the outline changes by less than this share of the diameter is worth a trial."""
GRAIN = 0.02
"""Share of the diameter below which the halves' surfaces are rough: it is smoothed before the model is held against itself, turned."""


def turned(body: Body, T_up_from_down: Rigid, diameter: float, most: int) -> list[Rigid]:
    """The transforms that differ by a turn which leaves the body's outline nearly as it is."""
    rotations, corners = spread_rotations(ROTATIONS), body.mesh.vertices
    shifts, misfits, _ = outline_fit(corners, corners, rotations)
    angles = np.degrees(np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    order = np.argsort(misfits)
    order = order[(misfits[order] < NEARLY * diameter) & (angles[order] > LEAST_TURN_DEG)]
    return [Rigid(rotations[k], shifts[k]) @ T_up_from_down for k in distinct(rotations, order, APART_DEG, most)]


class Sameness:
    """Tells whether two transforms give the same model, in shape and in print."""

    def __init__(self, body: Body, up: Witness, down: Witness, T: Rigid, diameter: float, params: VerifyParams) -> None:
        """By the model that ``T`` gives."""
        rng = np.random.default_rng(0)
        self.body, self.diameter, self.params = body.smoothed(GRAIN * diameter), diameter, params
        self.points = self.body.mesh.sample(params.points, rng)[0]
        a, b = up.printed, down.printed
        self.whole: Printed | None = None
        if min(a.strength(), b.strength()) >= PRINTED:
            points = np.concatenate([a.points, T.apply(b.points)])
            picked = np.sort(rng.permutation(len(points))[: params.points])
            self.whole = Printed.of(
                points, np.concatenate([a.normals, T.turn(b.normals)]), np.concatenate([a.tints, b.tints]), picked
            )

    def moved_by(self, M: Rigid) -> float:
        """How far a motion moves the surface off itself, share of the diameter."""
        return self.body.moved_by(M, self.points) / self.diameter

    def same(self, M: Rigid) -> bool:
        """Whether a motion leaves the model as it is."""
        if self.moved_by(M) > self.params.same:
            return False
        if self.whole is None:
            return True
        reach = 2 * self.params.reach * self.diameter
        return print_apart(self.whole, self.whole, M, reach) <= self.params.same_print

    def groups(self, transforms: Sequence[Rigid]) -> tuple[NDArray[np.int64], Array]:
        """A number for each transform, the same for the same model, and how far each moves the first one's."""
        leaders: list[Rigid] = []
        out = np.zeros(len(transforms), np.int64)
        for n, T in enumerate(transforms):
            found = next((g for g, leader in enumerate(leaders) if self.same(T @ leader.inverse())), None)
            if found is None:
                found = len(leaders)
                leaders.append(T)
            out[n] = found
        moved = np.array([self.moved_by(T @ transforms[0].inverse()) for T in transforms])
        return out, moved
