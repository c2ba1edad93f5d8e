"""What both captures know that a hypothesis may contradict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.hull import signed_mask_distance
from registration.geometry.icp import Side
from registration.geometry.rigid import Array, Rigid
from registration.sources.base import HalfModel

SATURATED_PX = 4.0
"""Points further outside a mask than this are no worse."""


@dataclass(frozen=True)
class Evidence:
    """Contradictions of one hypothesis, each 0 (none) to 1; the own noise of the halves is taken off."""

    mask: float
    """Points of either half outside the other's masks."""
    free: float
    """Points of either half where the other half's cameras looked through."""
    apart: float
    """Both halves' surfaces, where both saw them, differ: share of the reach."""
    overlap: float
    """Share of points of either half that lie on the other's surface."""
    chamfer_mm: float
    """Mean distance of overlapping surfaces."""

    @property
    def total(self) -> float:
        """What hypotheses are ranked by: lower is better."""
        return self.mask + self.free + self.apart


@dataclass(frozen=True, eq=False)
class Witness:
    """One half, ready to be asked."""

    side: Side
    capture: Capture
    distances: NDArray[np.float32]  # (n, h, w) signed pixels to the masks' borders
    own: float
    """How much its own points contradict its own masks: noise."""

    @classmethod
    def of(cls, half: HalfModel, points: int, rng: np.random.Generator) -> Witness:
        """Thin the cloud and measure the half against itself."""
        inside = [None] * len(half.capture) if half.capture.inside is None else list(half.capture.inside)
        distances = np.stack([signed_mask_distance(m, k) for m, k in zip(half.capture.mask, inside, strict=True)])
        side = half.side().thinned(points, rng)
        blank = cls(side, half.capture, distances, 0.0)
        return cls(side, half.capture, distances, outside_masks(side.points, blank))


def outside_masks(points: Array, witness: Witness) -> float:  # (n, 3) in the witness's frame
    """Mean over views and points of how far points fall outside the masks, beyond one pixel."""
    cameras, total = witness.capture.cameras, 0.0
    limit = np.array([cameras.width - 1, cameras.height - 1])
    for i, distance in enumerate(witness.distances):
        uv, z = cameras.project(i, points)
        xy = np.clip(np.rint(uv), 0, limit).astype(int)
        beyond = np.abs(uv - xy).max(1)  # a point outside the crop is outside the mask, and by how much
        beyond = np.where(beyond > 0.51, beyond, 0)
        out = np.clip(beyond - distance[xy[:, 1], xy[:, 0]] - 1.0, 0, SATURATED_PX) / SATURATED_PX
        total += float(np.where(z > 0, out, 1.0).mean())
    return total / len(witness.distances)


def into(points: Array, normals: Array, side: Side, reach: float) -> tuple[float, float, float, float]:
    """Of points in a side's frame: free-space contradiction, gap where surfaces meet, overlap, chamfer in mm."""
    distance, slope = side.solid.at(points), side.solid.slope_at(points)
    ahead = np.clip(distance - 0.25 * reach, 0, None) / reach
    free = float((ahead**2 / (1 + ahead**2)).mean())
    meets = (np.abs(distance) < 2 * reach) & ((slope * normals).sum(1) > 0.7)
    if not meets.any():
        return free, 1.0, 0.0, float("inf")
    gap = np.abs(distance[meets])
    return free, float(np.clip(gap / reach, 0, 1).mean()), float(meets.mean()), float(gap.mean())


def judge(up: Witness, down: Witness, T_up_from_down: Rigid, reach: float) -> Evidence:
    """All evidence for and against one hypothesis; ``reach`` in mm is what counts as a contradiction."""
    back = T_up_from_down.inverse()
    moved, moved_n = T_up_from_down.apply(down.side.points), T_up_from_down.turn(down.side.normals)
    home, home_n = back.apply(up.side.points), back.turn(up.side.normals)
    mask = (outside_masks(moved, up) - down.own + outside_masks(home, down) - up.own) / 2
    f1, a1, o1, c1 = into(moved, moved_n, up.side, reach)
    f2, a2, o2, c2 = into(home, home_n, down.side, reach)
    return Evidence(max(0.0, mask), (f1 + f2) / 2, (a1 + a2) / 2, (o1 + o2) / 2, (c1 + c2) / 2)
