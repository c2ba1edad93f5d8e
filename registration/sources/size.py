"""How large one half is against the other, where a capture's unit is unknown.

A half that is turned the wrong way still has the right size, nearly: so this is found before the transform is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registration.geometry.icp import IcpResult, align_sized
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.geometry.rotation import spread_rotations
from registration.sources.base import HalfModel
from registration.sources.shape import distinct, sized_outline_fit

ROTATIONS, APART_DEG = 4_000, 12.0
TRIED, REFINED = 32, 6
"""Rotations pulled into contact, and of these again with more points."""
FEW, MANY = 600, 4_000
"""Points of each half that take part."""
NO_WORSE = 1.2
"""Ends that fit so much less at most have a say in how sure the scale is."""
OTHER_UNIT = 1.5
"""Outlines that differ by more than this factor are in different units, or of different objects."""


@dataclass(frozen=True)
class Size:
    """Lengths of down times ``factor`` are lengths of up."""

    factor: float
    spread: float
    """How far apart the factors are of turns that fit nearly as well, as a share."""


def rough_size(up: HalfModel, down: HalfModel) -> float:
    """The factor at which the outlines meet best, within a percent or two; a second's work."""
    _, scales, misfits = sized_outline_fit(up.nerf.vertices, down.nerf.vertices, spread_rotations(ROTATIONS // 2))
    return float(np.median(scales[np.argsort(misfits)[:8]]))


def size_of(up: HalfModel, down: HalfModel, rng: np.random.Generator) -> Size:
    """The factor of the turn that fits best when both halves are in contact."""
    rotations = spread_rotations(ROTATIONS)
    shifts, scales, misfits = sized_outline_fit(up.nerf.vertices, down.nerf.vertices, rotations)
    a, b, d = up.side(), down.side(), diameter(up.nerf.vertices)
    starts = [
        (Rigid(rotations[n], shifts[n]), scales[n]) for n in distinct(rotations, np.argsort(misfits), APART_DEG, TRIED)
    ]
    for points, kept, shares in ((FEW, REFINED, (0.08, 0.03)), (MANY, REFINED, (0.03, 0.015, 0.008))):
        reaches = tuple(s * d for s in shares)
        found = [align_sized(a.thinned(points, rng), b.thinned(points, rng), T, s, reaches) for T, s in starts]
        found = sorted((f for f in found if np.isfinite(f[1])), key=by_cost)[:kept]
        starts = [(r.T_up_from_down, s) for r, s in found]
    best, factor = found[0]
    near = np.array([s for r, s in found if r.cost <= NO_WORSE * best.cost])
    return Size(factor, float(near.max() / near.min() - 1))


def by_cost(found: tuple[IcpResult, float]) -> float:
    """The better fit comes first."""
    return found[0].cost
