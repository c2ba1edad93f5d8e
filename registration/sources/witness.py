"""One half, ready to be asked whether a pose of the other contradicts what it saw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from registration.data.capture import Capture
from registration.geometry.compiled import compiled
from registration.geometry.hull import hull_depth, signed_mask_distance
from registration.geometry.icp import Side, align
from registration.geometry.paint import Printed
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Cloud
from registration.sources.base import HalfModel

SATURATED_PX = 4.0
"""Points further outside a mask than this are no worse."""
CARVED_BY = 2
"""So many views may disagree before a place counts as outside the hull of the silhouettes."""
BESIDE = 8
"""Neighbours, with the point itself, that must agree that something is unlike."""
USUAL, PLAINLY = 1.0, 4.0
"""Times the usual error at which a point begins to be unlike one place, and from which it wholly is."""
ROUNDS, PRINT_ROUNDS = 15, 40
"""Of the alignment on each of two reaches; along a print it has a longer way to go than into contact."""


@dataclass(frozen=True, eq=False)
class Marks:
    """Where the views of a half show what its surface does not explain."""

    points: Array  # (n, 3)
    normals: Array  # (n, 3)
    unlike: Array  # (n,) 0 as all others, 1 wholly

    @classmethod
    def of(cls, cloud: Cloud) -> Marks:
        """Of all points of a half; single ones do not count."""
        odd = np.clip((cloud.unlike - USUAL) / (PLAINLY - USUAL), 0, 1)
        near = KDTree(cloud.points).query(cloud.points, min(BESIDE, len(cloud)))[1]
        return cls(cloud.points, cloud.normals, np.asarray(np.median(odd[near.reshape(len(cloud), -1)], axis=1), float))


@dataclass(frozen=True, eq=False)
class Witness:
    """One half: some of its points to be tested elsewhere, and what it knows to test others by."""

    side: Side
    deep: Array  # (n,) mm that each point lies beneath the hull of its own silhouettes: 0 where they touch it
    capture: Capture
    distances: NDArray[np.float32]  # (views, h, w) signed pixels to the masks' borders
    printed: Printed
    """Its colours."""
    looks: Array
    """(3,) from the object towards the middle of the cameras, in the half's own frame."""
    own: float
    """How much its own points contradict its own masks: noise."""
    cloud: Cloud
    """All its points."""

    @cached_property
    def marks(self) -> Marks:
        """What its views show and its surface does not explain: only nearly round bodies are asked for it."""
        return Marks.of(self.cloud)

    @classmethod
    def of(cls, half: HalfModel, points: int, rng: np.random.Generator) -> Witness:
        """Thin the cloud and measure the half against itself."""
        capture, cloud = half.capture, half.cloud
        inside = [None] * len(capture) if capture.inside is None else list(capture.inside)
        distances = np.stack([signed_mask_distance(m, k) for m, k in zip(capture.mask, inside, strict=True)])
        printed = half.printed(points, rng)
        side = half.side(half.has_print()).picked(printed.picked)
        deep = hull_depth(capture.cameras, distances, side.points, CARVED_BY).clip(0).astype(float)
        centres = capture.cameras.centres() - cloud.points.mean(0)
        looks = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).mean(0)
        own = outside_masks(side.points, side.trust, capture, distances)
        return cls(side, deep, capture, distances, printed, looks / max(float(np.linalg.norm(looks)), 1e-9), own, cloud)


def pulled(up: Witness, down: Witness, start: Rigid, reach: float) -> Rigid:
    """A guess of T_up_from_down brought into contact; ``reach`` in mm."""
    rounds = ROUNDS if up.side.tone is None or down.side.tone is None else PRINT_ROUNDS
    return align(up.side, down.side, start, (2 * reach, reach), rounds).T_up_from_down


def outside_masks(
    points: Array, trust: Array, capture: Capture, distances: NDArray[np.float32]
) -> float:  # (n, 3), (n,)
    """Mean over views and points, in the capture's frame, of how far they fall outside the masks, beyond one pixel."""
    cameras, share = capture.cameras, trust / max(float(trust.sum()), 1e-9)
    given = (np.ascontiguousarray(a, float) for a in (points, share, cameras.K, cameras.R, cameras.t))
    return float(outside(*given, np.ascontiguousarray(distances)))


@compiled
def turned(M, x, y, z):
    """A matrix (3, 3) times a vector."""
    return (
        M[0, 0] * x + M[0, 1] * y + M[0, 2] * z, M[1, 0] * x + M[1, 1] * y + M[1, 2] * z,
        M[2, 0] * x + M[2, 1] * y + M[2, 2] * z,
    )  # fmt: skip


@compiled
def outside(points, share, K, R, t, distances):
    """The same, of arrays that lie in one piece."""
    views, height, width = distances.shape
    total = 0.0
    for i in range(views):
        for n in range(len(points)):
            x, y, z = turned(R[i], points[n, 0], points[n, 1], points[n, 2])
            x, y, z = x + t[i, 0], y + t[i, 1], z + t[i, 2]
            if z <= 0:
                total += share[n]
                continue
            u, v, deep = turned(K[i], x, y, z)
            deep = deep if abs(deep) >= 1e-9 else 1e-9
            u, v = u / deep, v / deep
            x, y = min(max(np.rint(u), 0.0), width - 1.0), min(max(np.rint(v), 0.0), height - 1.0)
            beyond = max(abs(u - x), abs(v - y))  # a point outside the crop is outside the mask, and by how much
            if beyond <= 0.51:
                beyond = 0.0
            off = beyond - distances[i, int(y), int(x)] - 1.0
            total += share[n] * min(max(off, 0.0), SATURATED_PX) / SATURATED_PX
    return total / views


def turned_deg(up: Witness, down: Witness, T_up_from_down: Rigid) -> float:
    """Angle between the sides that both captures looked at: 180 if the object was turned right over."""
    return float(np.degrees(np.arccos(np.clip(up.looks @ T_up_from_down.turn(down.looks), -1, 1))))
