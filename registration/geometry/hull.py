"""Shape from silhouettes: how deep every voxel lies inside all masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, label, map_coordinates

from registration.geometry.camera import Cameras
from registration.geometry.rigid import Array

Mask = NDArray[np.bool_]
LEAST_SHARE, LEAST_MASKS = 0.25, 3
"""Share and number of the masks that must show a place. What lies outside nearly all images no mask can deny, and it is none of the object."""
BESIDE = 2
"""Voxels around a place that is shown which go with it."""


@dataclass(frozen=True, eq=False)
class Box:
    """A regular grid of points: ``low + step * index``, millimetres."""

    low: Array  # (3,)
    step: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, low: Array, high: Array, voxels: int) -> Box:
        """The grid over a box, with this many points along its longest side."""
        step = float((high - low).max() / (voxels - 1))
        shape = np.ceil((high - low) / step).astype(int) + 1
        return cls(np.asarray(low, float), step, (int(shape[0]), int(shape[1]), int(shape[2])))

    @property
    def high(self) -> Array:
        """The far corner."""
        return self.low + self.step * (np.array(self.shape) - 1)

    def points(self) -> Array:  # (x * y * z, 3)
        """Every grid point, z fastest."""
        axes = [self.low[k] + self.step * np.arange(self.shape[k]) for k in range(3)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)


def signed_mask_distance(mask: Mask, inside: Mask | None = None) -> NDArray[np.float32]:  # (h, w)
    """Pixels to the mask's border, positive inside; pixels outside the image count as the object's own."""
    known = mask if inside is None else mask | ~inside
    if known.all():
        return np.full(mask.shape, float(max(mask.shape)), np.float32)
    return (np.asarray(distance_transform_edt(known)) - np.asarray(distance_transform_edt(~known))).astype(np.float32)


def look_at_centre(cameras: Cameras, masks: NDArray[np.bool_]) -> tuple[Array, float]:
    """The point nearest to all rays through the masks' centres, and a radius in mm that holds the object."""
    A, b, sizes = np.zeros((3, 3)), np.zeros(3), []
    for i, mask in enumerate(masks):
        y, x = np.nonzero(mask)
        centre = np.array([[(x.min() + x.max()) / 2, (y.min() + y.max()) / 2]])
        o, d = cameras.rays(i, centre)
        P = np.eye(3) - np.outer(d[0], d[0])
        A, b = A + P, b + P @ o
        sizes.append(np.hypot(x.max() - x.min() + 1, y.max() - y.min() + 1) / 2 / cameras.K[i, 0, 0])
    centre = np.linalg.solve(A, b)
    depth = np.linalg.norm(cameras.centres() - centre, axis=1)
    return np.asarray(centre, float), float(1.1 * np.max(np.array(sizes) * depth))


def hull_depth(cameras: Cameras, distances: NDArray[np.float32], points: Array, tolerated: int) -> NDArray[np.float32]:
    """How deep points lie inside the hull, mm, negative outside; the worst ``tolerated`` views are ignored."""
    return hull_depths(cameras, distances, points, tolerated)[tolerated]


def hull_depths(cameras: Cameras, distances: NDArray[np.float32], points: Array, most: int) -> NDArray[np.float32]:
    """The same for every number of ignored views up to ``most``: (most + 1, points)."""
    tolerated = most
    worst = np.full((tolerated + 1, len(points)), np.inf, np.float32)  # ascending
    for i, distance in enumerate(distances):
        uv, z = cameras.project(i, points)
        px = map_coordinates(distance, [uv[:, 1], uv[:, 0]], order=1, mode="nearest")
        mm = np.where(z > 0, px * z / cameras.K[i, 0, 0], -np.inf).astype(np.float32)
        for k in range(tolerated + 1):
            worst[k], mm = np.minimum(worst[k], mm), np.maximum(worst[k], mm)
    return worst


def shown(cameras: Cameras, masks: Mask, box: Box, inside: Mask) -> Mask:  # box.shape
    """Voxels of those inside that enough masks show and those beside them; of a piece on its own at least half as many as of the object."""
    points, count = box.points(), np.zeros(inside.size, int)
    for i, mask in enumerate(masks):
        uv, z = cameras.project(i, points)
        x, y = np.rint(np.clip(uv, -1e6, 1e6)).astype(int).T
        seen = (z > 0) & (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
        count[seen] += mask[y[seen], x[seen]]
    count = count.reshape(inside.shape)
    enough = np.asarray(binary_dilation(count >= max(LEAST_SHARE * len(masks), LEAST_MASKS), iterations=BESIDE), bool) & inside
    pieces = np.zeros(inside.shape, np.int32)
    label(enough, output=pieces)
    most = np.array([count[pieces == n].max() for n in range(1, int(pieces.max()) + 1)])
    return np.isin(pieces, 1 + np.flatnonzero(most >= most.max(initial=0) / 2))


def outline(cameras: Cameras, i: int, points: Array, step: float) -> Mask:  # (m, 3) -> (h, w)
    """What view i sees of a body that is a cloud of points, ``step`` apart: the gaps between them are closed."""
    import cv2

    pixels, depth = cameras.project(i, points)
    x, y = np.rint(np.clip(pixels, -1e6, 1e6)).astype(int).T
    seen = (depth > 0) & (x >= 0) & (y >= 0) & (x < cameras.width) & (y < cameras.height)
    out = np.zeros((cameras.height, cameras.width), np.uint8)
    if not seen.any():
        return out > 0
    out[y[seen], x[seen]] = 1
    side = int(np.ceil(1.8 * step * cameras.K[i, 0, 0] / np.median(depth[seen]))) | 1
    return cv2.morphologyEx(out, cv2.MORPH_CLOSE, np.ones((min(side, max(out.shape) | 1),) * 2, np.uint8)) > 0


def hull_box(
    cameras: Cameras, distances: NDArray[np.float32], masks: NDArray[np.bool_], tolerated: int
) -> tuple[Array, Array]:
    """Low and high corner of a box that holds the hull, with a rim."""
    centre, radius = look_at_centre(cameras, masks)
    box = Box.around(centre - radius, centre + radius, 48)
    points = box.points()
    inside = hull_depth(cameras, distances, points, tolerated) > -0.5 * box.step
    inside = shown(cameras, masks, box, inside.reshape(box.shape)).ravel()
    if not inside.any():
        raise ValueError("the masks have no common volume: poses, intrinsics or masks do not fit together")
    return points[inside].min(0) - 1.5 * box.step, points[inside].max(0) + 1.5 * box.step


def corner_shift(cameras: Cameras, distances: NDArray[np.float32], masks: NDArray[np.bool_]) -> float:
    """Shift of all principal points to the left, pixels, under which the silhouettes agree best.

    Data sets do not agree whether whole numbers are the centres or the corners of pixels, and never say. Silhouettes that
    disagree carve too much from the hull, so it is largest where they agree. Upwards a shift looks like a move of the
    object; sideways, with cameras all around, it does not.
    """
    low, high = hull_box(cameras, distances, masks, 2)
    box = Box.around(low, high, 40)
    points, volumes = box.points(), []
    for shift in (-1.0, 0.0, 1.0):
        K = cameras.K.copy()
        K[:, 0, 2] += shift
        moved = Cameras(K, cameras.R, cameras.t, cameras.width, cameras.height)
        worst = hull_depths(moved, distances, points, 5)[[0, 2, 5]]
        volumes.append(np.clip(worst / box.step + 0.5, 0, 1).sum(1))
    left, middle, right = volumes
    bend = left - 2 * middle + right
    peaks = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1), 0)
    return float(np.clip(peaks, -1, 1).mean())
