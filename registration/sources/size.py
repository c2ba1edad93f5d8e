"""How large one half is against the other, where a capture's unit is unknown.

A half that is turned the wrong way still has the right size, nearly: so this is found before the transform is.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from registration.geometry.icp import align
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.geometry.rotation import spread_rotations
from registration.sources.base import HalfModel
from registration.sources.shape import distinct, outline_fit

ROTATIONS, APART_DEG = 4_000, 12.0
TRIED, REFINED = 32, 6
"""Rotations pulled into contact, and of these again with more points."""
FEW, MANY = 600, 4_000
"""Points of each half that take part."""
NO_WORSE = 1.2
"""Ends that fit so much less at most have a say in how sure the scale is."""


@dataclass(frozen=True)
class Size:
    """Lengths of down times ``factor`` are lengths of up."""

    factor: float
    spread: float
    """How far apart the factors are of turns that fit nearly as well, as a share."""


def size_of(up: HalfModel, down: HalfModel, rng: np.random.Generator) -> Size:
    """The factor of the turn that fits best when both halves are in contact."""
    rotations = spread_rotations(ROTATIONS)
    shifts, misfits, scales = outline_fit(up.nerf.vertices, down.nerf.vertices, rotations, sized=True)
    a, b, d = up.side(), down.side(), diameter(up.nerf.vertices)
    chosen = distinct(rotations, np.argsort(misfits), APART_DEG, TRIED)
    found = [(Rigid(rotations[n], shifts[n]), float(scales[n]), np.inf) for n in chosen]
    for points, shares in ((FEW, (0.08, 0.03)), (MANY, (0.03, 0.015, 0.008))):
        reaches = tuple(s * d for s in shares)
        ends = [
            (s, align(a.thinned(points, rng), b.scaled(s).thinned(points, rng), T, reaches, sized=True))
            for T, s, _ in found
        ]
        found = sorted(((r.T_up_from_down, s * r.scale, r.cost) for s, r in ends), key=itemgetter(2))[:REFINED]
    near = np.array([s for _, s, cost in found if cost <= NO_WORSE * found[0][2]])
    return Size(found[0][1], float(near.max() / near.min() - 1))
