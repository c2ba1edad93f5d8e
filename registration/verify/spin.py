"""Nearly round bodies: which turns about the axis are worth a trial, and which of them fit what is not round.

An outline hardly changes when a round part turns, and contact does not pull it round. But a hole, a notch or a boss that both halves
know of stands out of the round on both: laid over each other around the axis they tell the few angles that can be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from registration.geometry.distance import Solid
from registration.geometry.rigid import Array, Rigid
from registration.sources.witness import Witness
from registration.verify.body import Body
from registration.verify.symmetry import turn_about

ROUND = 0.02
"""A body is nearly round about an axis if no turn moves its surface by more than this, share of the diameter, on the mean."""
TRIED_DEG = (20, 45, 70, 100, 140)
ANGLES, RINGS, LAYERS = 180, 20, 28
"""Places around the axis, away from it and along it that both halves are read at."""
FAR = 0.03
"""Distances from the surface beyond this share of the diameter say no more than this."""
APART_DEG = 6.0
FAINT = 0.01
"""Variance, in units of that reach, of what a rough surface has out of the round: less is not made much of."""


@dataclass(frozen=True, eq=False)
class Round:
    """The axis of a nearly round body, and what the upper half has around it that is not round."""

    axis: Array  # (3,) in the up frame
    middle: Array  # (3,)
    places: Array  # (ANGLES, m, 3)
    wide: Array  # (m,) what a place counts: further out it stands for more
    shown: Array  # (ANGLES, m)
    reach: float

    @classmethod
    def of(cls, body: Body, up: Witness, diameter: float, axes: Sequence[Array]) -> Round | None:
        """About the body's own axes or those given; None if it is round about none."""
        points = body.mesh.sample(2000, np.random.default_rng(0))[0]
        axis = round_axis(body, points, diameter, axes)
        if axis is None:
            return None
        middle, places, reach = points.mean(0), cylinder(points, axis), FAR * diameter
        wide = np.linalg.norm(np.cross(places[0] - middle, axis), axis=1)
        return cls(axis, middle, places, wide / wide.sum(), unround(up.side.solid, places, reach), reach)

    def told(self, down: Witness, T_up_from_down: Rigid) -> Array:  # (ANGLES, m)
        """What the lower half has that is not round, where a hypothesis puts it."""
        places = T_up_from_down.inverse().apply(self.places.reshape(-1, 3)).reshape(self.places.shape)
        return unround(down.side.solid, places, self.reach)

    def size(self, told: Array) -> float:
        """How much there is of it."""
        return float(np.sqrt(max(float((told**2 @ self.wide).mean()), FAINT)))

    def unlike(self, down: Witness, T_up_from_down: Rigid) -> float:
        """How little both halves agree on it: 0 wholly, 1 not at all, more if one has a hole where the other has a boss."""
        told = self.told(down, T_up_from_down)
        agree = float((self.shown * told @ self.wide).mean())
        return 1 - agree / (self.size(self.shown) * self.size(told))

    def turns(self, down: Witness, T_up_from_down: Rigid, most: int) -> list[Rigid]:
        """A hypothesis turned about the axis by the angles at which both agree on it best."""
        ours, theirs = (np.fft.fft(a, axis=0) for a in (self.shown, self.told(down, T_up_from_down)))
        agree = np.fft.ifft(ours * np.conj(theirs), axis=0).real @ self.wide  # (ANGLES,)
        step = 360 / ANGLES
        peaks = find_peaks(np.tile(agree, 2), distance=round(APART_DEG / step))[0]
        peaks = np.unique(peaks[(peaks >= ANGLES // 2) & (peaks < ANGLES // 2 + ANGLES)] % ANGLES)
        best = peaks[np.argsort(-agree[peaks])][:most]
        return [self.turn(step * float(k)) @ T_up_from_down for k in best]

    def turn(self, degrees: float) -> Rigid:
        """A turn about the axis."""
        return turn_about(self.axis, self.middle, degrees)


def round_axis(body: Body, points: Array, diameter: float, others: Sequence[Array]) -> Array | None:
    """The axis about which a body is the roundest, of its own and some others; None if it is nearly round about none.

    Points (n, 3) on the surface -> (3,).
    """
    middle = points.mean(0)

    def off(axis: Array) -> float:
        turns = (turn_about(axis, middle, degrees) for degrees in TRIED_DEG)
        return max(float(np.abs(body.solid.at(M.apply(points))).mean()) for M in turns)

    axes = [*np.linalg.svd(points - middle, full_matrices=False)[2], *others]
    best = min(axes, key=off)
    return np.asarray(best, float) if off(best) < ROUND * diameter else None


def across(axis: Array) -> tuple[Array, Array]:  # (3,)
    """Two directions at right angles to an axis and to each other."""
    x = np.cross(np.eye(3)[np.abs(axis).argmin()], axis)
    x /= np.linalg.norm(x)
    return x, np.cross(axis, x)


def cylinder(points: Array, axis: Array) -> Array:  # (n, 3) -> (ANGLES, RINGS * LAYERS, 3)
    """Places around an axis through the middle of points, as far as these reach."""
    middle = points.mean(0)
    along = (points - middle) @ axis
    far = np.linalg.norm(points - middle - along[:, None] * axis, axis=1).max()
    x, y = across(axis)
    turn = 2 * np.pi * np.arange(ANGLES) / ANGLES
    out = np.cos(turn)[:, None] * x + np.sin(turn)[:, None] * y  # (ANGLES, 3)
    r, z = np.meshgrid(far * (np.arange(RINGS) + 0.5) / RINGS, np.linspace(along.min(), along.max(), LAYERS))
    return middle + r.reshape(1, -1, 1) * out[:, None] + z.reshape(1, -1, 1) * axis


def unround(solid: Solid, places: Array, reach: float) -> Array:  # (a, m, 3) -> (a, m)
    """How much further the surface is at each place than all around the axis, in units of a reach."""
    near = np.clip(solid.at(places.reshape(-1, 3)) / reach, -1, 1).reshape(places.shape[:2])
    return near - near.mean(0)
