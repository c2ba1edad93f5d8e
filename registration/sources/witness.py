"""One half, ready to be asked whether a pose of the other contradicts what it saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.hull import hull_depth, signed_mask_distance
from registration.geometry.icp import Side, align
from registration.geometry.paint import Printed
from registration.geometry.rigid import Array, Rigid
from registration.sources.base import HalfModel

SATURATED_PX = 4.0
"""Points further outside a mask than this are no worse."""
CARVED_BY = 2
"""So many views may disagree before a place counts as outside the hull of the silhouettes."""
ROUNDS, PRINT_ROUNDS = 15, 40
"""Of the alignment on each of two reaches; along a print it has a longer way to go than into contact."""


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
        return cls(side, deep, capture, distances, printed, looks / max(float(np.linalg.norm(looks)), 1e-9), own)


def pulled(up: Witness, down: Witness, start: Rigid, reach: float) -> Rigid:
    """A guess of T_up_from_down brought into contact; ``reach`` in mm."""
    rounds = ROUNDS if up.side.tone is None or down.side.tone is None else PRINT_ROUNDS
    return align(up.side, down.side, start, (2 * reach, reach), rounds).T_up_from_down


def outside_masks(
    points: Array, trust: Array, capture: Capture, distances: NDArray[np.float32]
) -> float:  # (n, 3), (n,)
    """Mean over views and points, in the capture's frame, of how far they fall outside the masks, beyond one pixel."""
    cameras, total, trust = capture.cameras, 0.0, trust / max(float(trust.sum()), 1e-9)
    limit = np.array([cameras.width - 1, cameras.height - 1])
    for i, distance in enumerate(distances):
        uv, z = cameras.project(i, points)
        xy = np.clip(np.rint(uv), 0, limit).astype(int)
        beyond = np.abs(uv - xy).max(1)  # a point outside the crop is outside the mask, and by how much
        beyond = np.where(beyond > 0.51, beyond, 0)
        out = np.clip(beyond - distance[xy[:, 1], xy[:, 0]] - 1.0, 0, SATURATED_PX) / SATURATED_PX
        total += float(trust @ np.where(z > 0, out, 1.0))
    return total / len(distances)


def turned_deg(up: Witness, down: Witness, T_up_from_down: Rigid) -> float:
    """Angle between the sides that both captures looked at: 180 if the object was turned right over."""
    return float(np.degrees(np.arccos(np.clip(up.looks @ T_up_from_down.turn(down.looks), -1, 1))))
