"""Guesses from geometry alone: all rotations by their outlines, the best ones pulled into contact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, KDTree

from registration.geometry.icp import IcpResult, Side, align
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Array, Rigid
from registration.geometry.rotation import angles_between_deg, spread_directions, spread_rotations
from registration.progress import Tick
from registration.sources.base import HalfModel, Hypothesis
from registration.sources.params import PosesParams

DIRECTIONS = 256
"""In which the outlines of both halves are compared."""
TABLE = 20_000
"""Directions in which the other half's outline is worked out once, and then looked up."""


def support(points: Array, directions: Array) -> Array:  # (n, 3), (m, 3) -> (m,)
    """How far a body reaches in each direction, mm from the origin."""
    corners = points[ConvexHull(points).vertices]
    return np.concatenate(
        [(chunk @ corners.T).max(1) for chunk in np.array_split(directions, max(1, len(directions) // 2048))]
    )


def outline_fit(up: Array, down: Array, rotations: Array, sized: bool = False) -> tuple[Array, Array, Array]:
    """Best shift (r, 3) and left-over misfit (r,), mm, of every rotation, by how far both halves reach; and scales (r,).

    Silhouettes tell how far a half reaches in nearly every direction, seen or not; so this needs no overlap. The scale, which down
    is multiplied by first, is 1 unless ``sized`` leaves it free.
    """
    directions, table = spread_directions(DIRECTIONS), spread_directions(TABLE)
    reach_up, reach_down = support(up, directions), support(down, table)
    lookup = KDTree(table)
    shifts, misfits, scales = np.empty((len(rotations), 3)), np.empty(len(rotations)), np.ones(len(rotations))
    pinv = np.linalg.pinv(directions)
    for chunk in np.array_split(np.arange(len(rotations)), max(1, len(rotations) // 500)):
        turned = np.einsum("dk,rkj->rdj", directions, rotations[chunk])  # R' d
        reach = reach_down[lookup.query(turned.reshape(-1, 3))[1]].reshape(len(chunk), -1)
        if sized:  # of what no shift explains
            free, left_up = reach - reach @ pinv.T @ directions.T, reach_up - pinv @ reach_up @ directions.T
            scales[chunk] = (free @ left_up) / (free * free).sum(1)
        gap = reach_up - scales[chunk, None] * reach
        shift = gap @ pinv.T
        left = gap - shift @ directions.T
        shifts[chunk], misfits[chunk] = shift, np.sqrt((np.sort(left**2, 1)[:, : int(0.9 * DIRECTIONS)]).mean(1))
    return shifts, misfits, scales


def distinct(rotations: Array, order: NDArray[np.intp], apart_deg: float, most: int) -> list[int]:
    """The first ones of an order, each at least so far from all chosen before."""
    chosen: list[int] = []
    for index in order if most else ():
        if not chosen or angles_between_deg(rotations[index][None], rotations[chosen]).min() > apart_deg:
            chosen.append(int(index))
            if len(chosen) == most:
                break
    return chosen


@dataclass
class ShapeProposer:
    """Has the reference's surface and solid at hand."""

    reference: HalfModel
    params: PosesParams

    def propose(self, other: HalfModel, rng: np.random.Generator, tick: Tick) -> list[Hypothesis]:
        """Rotations by outline, then coarse contact of many, then fine contact of the best."""
        p = self.params
        rotations = spread_rotations(p.rotations)
        shifts, misfits, _ = outline_fit(self.reference.nerf.vertices, other.nerf.vertices, rotations)
        first = distinct(rotations, np.argsort(misfits), p.apart_deg, p.tried)
        up, down = self.reference.side(), other.side()
        size = diameter(self.reference.nerf.vertices)
        total = len(first) + p.refined
        coarse: list[IcpResult] = []
        for number, index in enumerate(first):
            coarse.append(
                self.contact(up, down, Rigid(rotations[index], shifts[index]), rng, 600, (0.08 * size, 0.03 * size))
            )
            tick(number + 1, total)
        best = self.different(coarse, size, p.refined, apart_deg=3.0)
        fine = []
        for number, result in enumerate(best):
            fine.append(self.contact(up, down, result.T_up_from_down, rng, 3000, (0.03 * size, 0.015 * size)))
            tick(len(first) + number + 1, total)
        kept = self.different(fine, size, p.keep, apart_deg=2.0)
        tick(total, total)
        return [Hypothesis(r.T_up_from_down, -r.cost, "shape") for r in kept]

    @staticmethod
    def contact(
        up: Side, down: Side, start: Rigid, rng: np.random.Generator, points: int, reaches: tuple[float, ...]
    ) -> IcpResult:
        """Trimmed ICP of thinned halves."""
        return align(up.thinned(points, rng), down.thinned(points, rng), start, reaches, iterations=12)

    @staticmethod
    def different(results: list[IcpResult], size: float, most: int, apart_deg: float) -> list[IcpResult]:
        """The cheapest results, those that came to the same place counted once."""
        kept: list[IcpResult] = []
        for result in sorted(results, key=lambda r: r.cost):
            T = result.T_up_from_down
            if all(
                T.angle_deg(k.T_up_from_down) > apart_deg or np.linalg.norm(T.t - k.T_up_from_down.t) > 0.02 * size
                for k in kept
            ):
                kept.append(result)
        return kept[:most]


class ShapeSource:
    """Geometry alone: needs no texture, no training, no overlap beyond the sides."""

    name = "shape"

    def fit(self, reference: HalfModel, params: PosesParams, rng: np.random.Generator, tick: Tick) -> ShapeProposer:
        """Nothing to learn: the reference is its own model."""
        return ShapeProposer(reference, params)
