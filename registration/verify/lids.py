"""Nearly round bodies: what the views of both halves show around the axis that neither field explains.

A hole that a field did not open is covered by a lid, and a part whose holes are all covered looks round: every turn about its axis seems to give the
same model. But the views do show the holes (see ``nerf.unlike``). Where both captures see their ends, their lids meet at the right angles only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array, Rigid
from registration.sources.witness import Marks, Witness
from registration.verify.spin import Round, across

ANGLES, SMOOTH = 180, 2
"""Places around the axis, and how many to either side are taken together."""
RINGS, LAYERS = 12, 12
"""Of faces away from the axis, and of walls along it: a hole has one end on either face, or both are seen by both halves."""
SLOW = 2
"""Waves around the axis that are left out, up to so many a turn: an axis that is a little off makes those."""
FACE_COSINE = 0.6
LEAST_POINTS = 4
FAINT, LIKELY, PLAIN = 4.0, 2.5, 8.0
"""Agreement at some angle, in standard deviations of what chance does, below which nothing is made of it, also if both halves plainly have something to agree on, and above
which no more is made of it."""
MARKED, SOME = 0.35, 0.001
"""So much more unlike than all around the axis a place is plainly marked, and so large a share of them is something."""
GAP, GONE = 0.35, 0.75
"""Share of the usual points of a face that are missing where it begins to be open, and where it is: a hole that a field did open has no lid."""
HIDES = 3.0
"""Times its own area that a lid hides of walls and floor."""
LIKE, TRIED = 0.95, 0.7
"""Share of the best agreement that is as good as it, and from which on a turn is worth a trial."""
TELLS = 3.0
"""Loss of log-likelihood of a wrong turn from which it gives another model."""


@dataclass(frozen=True, eq=False)
class Lids:
    """How well both halves agree on what neither explains, by the angle between them."""

    around: Round
    bounds: tuple[float, float, float]
    """How far the body reaches from the axis, and from where to where along it."""
    shown: Array  # (ANGLES, bins)
    area: Array  # (bins,)
    usual: float
    spread: float
    best: float
    """Agreement at all turns of the lower half, its standard deviation by chance, and what is at the best turn above the usual, in these."""
    peaks: tuple[float, ...]
    """Degrees by which the first hypothesis is to be turned to where they agree best."""
    hidden: tuple[float, float]
    """Share of the surface of either half that plain lids hide."""

    @classmethod
    def of(cls, around: Round, up: Witness, down: Witness, T_up_from_down: Rigid) -> Lids:
        """By both halves where a hypothesis puts them."""
        points = np.concatenate([up.side.points, T_up_from_down.apply(down.side.points)]) - around.middle
        along = points @ around.axis
        far = float(np.linalg.norm(points - along[:, None] * around.axis, axis=1).max())
        bounds = (far, float(along.min()), float(along.max()))
        shown, area, here = unround(up.marks, Rigid.identity(), around, bounds)
        told, other, there = unround(down.marks, T_up_from_down, around, bounds)
        both = np.sqrt(area * other)
        curve = np.fft.ifft(np.fft.fft(shown, axis=0) * np.conj(np.fft.fft(told, axis=0)), axis=0).real @ both
        curve /= sizes(shown, told, both)
        usual = float(np.median(curve))
        spread = chance(both * np.sqrt((shown**2).sum(0) * (told**2).sum(0)))
        z = (curve - usual) / spread
        top = [k for k in np.argsort(-z) if z[k] >= max(z[k - 1], z[(k + 1) % ANGLES]) and z[k] > TRIED * z.max()]
        peaks = tuple(360 / ANGLES * float(k) for k in top)
        return cls(around, bounds, shown, area, usual, spread, float(z.max()), peaks, (HIDES * here, HIDES * there))

    @property
    def weight(self) -> float:
        """Loss of log-likelihood of a turn at which they agree no more than usual; 0 where no turn stands out."""
        least = LIKELY if min(self.hidden) >= HIDES * SOME else FAINT
        return max(0.0, (min(self.best, PLAIN) ** 2 - least**2) / 2)

    @property
    def tell(self) -> bool:
        """Whether they tell turns apart."""
        return self.weight > TELLS

    def agree(self, down: Witness, T_up_from_down: Rigid) -> float:
        """How well they agree under a hypothesis: 0 as usual or less, 1 nearly as well as anywhere."""
        told, other, _ = unround(down.marks, T_up_from_down, self.around, self.bounds)
        both = np.sqrt(self.area * other)
        value = float((self.shown * told).sum(0) @ both) / sizes(self.shown, told, both)
        return float(np.clip((value - self.usual) / (self.spread * LIKE * max(self.best, 1e-6)), 0, 1))


def sizes(a: Array, b: Array, area: Array) -> float:  # (ANGLES, bins), (bins,)
    """What an agreement is divided by."""
    return float(np.sqrt(((a**2).sum(0) @ area) * ((b**2).sum(0) @ area))) + 1e-12


def chance(power: Array) -> float:  # (bins,)
    """Standard deviation of the agreement of two patterns that have nothing to do with each other, by how much of it stands in each bin."""
    bins = float(power.sum() ** 2 / max((power**2).sum(), 1e-12))
    angles = ANGLES / (2 * SMOOTH + 1) - 2 * SLOW - 1
    return 1 / np.sqrt(max(bins, 1.0) * angles)


def unround(
    marks: Marks, T: Rigid, around: Round, bounds: tuple[float, float, float]
) -> tuple[Array, Array, float]:  # (ANGLES, bins), (bins,)
    """What is unlike one place, or open, more than all around the axis, where a motion puts a half; points that are seen there; the share that is plainly marked."""
    far, low, high = bounds
    points, normals = T.apply(marks.points) - around.middle, T.turn(marks.normals)
    x, y = across(around.axis)
    along, face = points @ around.axis, np.abs(normals @ around.axis) > FACE_COSINE
    angle = np.floor(np.arctan2(points @ y, points @ x) / (2 * np.pi) * ANGLES).astype(int) % ANGLES
    ring = place(np.hypot(points @ x, points @ y) / far, RINGS)
    layer = RINGS + place((along - low) / max(high - low, 1e-9), LAYERS)
    at = angle * (RINGS + LAYERS) + np.where(face, ring, layer)
    size = ANGLES * (RINGS + LAYERS)
    total, number = (
        summed(np.bincount(at, w, size).astype(float).reshape(ANGLES, -1)) for w in (marks.unlike.astype(float), np.ones(len(at)))
    )
    known, area = number >= LEAST_POINTS, number.mean(0)
    mean = np.where(known, total / np.maximum(number, 1), 0)
    above = np.where(known, mean - mean.sum(0) / np.maximum(known.sum(0), 1), 0)
    plain = float((above > MARKED).mean(0) @ area) / max(float(area.sum()), 1e-9)
    opened = gaps(number)
    mean, known = np.maximum(mean, opened), known | (opened > 0)
    waves = np.fft.rfft(np.where(known, mean - mean.sum(0) / np.maximum(known.sum(0), 1), 0), axis=0)
    waves[: SLOW + 1] = 0
    return np.fft.irfft(waves, ANGLES, axis=0), area, plain


def gaps(number: Array) -> Array:  # (ANGLES, bins)
    """Where a face has no points although it has some nearly all around: 1 where it is open."""
    usual = np.median(number, 0)
    missing = np.clip((1 - number / np.maximum(usual, 1) - GAP) / (GONE - GAP), 0, 1)
    return np.where((usual >= 3 * LEAST_POINTS) & (np.arange(RINGS + LAYERS) < RINGS), missing, 0)


def place(share: Array, of: int) -> NDArray[np.int64]:  # (n,)
    """The part of so many that a share falls into."""
    return np.clip(np.floor(share * of), 0, of - 1).astype(np.int64)


def summed(a: Array) -> Array:  # (ANGLES, bins)
    """With what is beside it around the axis."""
    return np.sum([np.roll(a, k, 0) for k in range(-SMOOTH, SMOOTH + 1)], axis=0)
