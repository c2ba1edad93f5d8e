"""Cavities by what the cameras see of their lids: nothing that one place of a surface could show.

Silhouettes know nothing of a socket. But a camera that looks at the lid over it sees its floor, another one its wall: no brightness under the
light of each view explains them all. What is not alike is taken off, layer by layer, until what shows is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter, uniform_filter

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.rigid import Array
from registration.nerf.rays import SURE_PX
from registration.nerf.unlike import explained

UNLIKE, TIMES = 0.015, 1.8
"""Brightness by which what is seen of a place must be unlike one place, and how many times the usual of all of them."""
LAYERS = 60
"""The most that come off: a cavity is no deeper than the grid is wide."""
RIM_VOXELS, RIM_SHARE = 0.9, 0.15
"""A voxel whose middle lies no deeper than this within the masks of such a share of the views makes their outline, and stays."""


def images_of(capture: Capture, distances: NDArray[np.float32]) -> NDArray[np.float32]:  # (n, h, w)
    """Brightness 0..1, and -1 where it is not sure to be the object's."""
    grey = capture.rgb.mean(3).astype(np.float32) / 255
    return np.where(distances > SURE_PX, grey, np.float32(-1))


def judged(
    solid: NDArray[np.bool_], box: Box, capture: Capture, images: NDArray[np.float32], light: Array
) -> tuple[NDArray[np.int64], Array]:  # (n, 3), (n,)
    """The voxels at the surface, and how unlike one place each is to the cameras; below zero where too few see it."""
    from registration.nerf.kernels import carve as kernel

    surface = np.argwhere(solid & ~np.asarray(binary_erosion(solid), bool))
    smooth = np.asarray(gaussian_filter(solid.astype(np.float32), 1.0))
    slope = -np.stack([np.gradient(smooth, axis=a)[tuple(surface.T)] for a in range(3)], -1)
    normals = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)
    cameras = capture.cameras
    project = np.stack([K @ np.concatenate([R, t[:, None]], 1) for K, R, t in zip(cameras.K, cameras.R, cameras.t, strict=True)])
    seen = kernel.sights(
        surface.astype(float), normals.astype(float), np.asarray(box.low, float), float(box.step), solid, cameras.centres(), project, images
    )
    return surface, explained(seen, light.astype(float), known=True)


def outlines(solid: NDArray[np.bool_], box: Box, capture: Capture, distances: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Voxels of a body that make the outline of some views: edges, which show two faces and are unlike one place, too."""
    at = np.argwhere(solid)
    points, count = box.low + box.step * at, np.zeros(len(at), int)
    cameras = capture.cameras
    limit = np.array([cameras.width - 1, cameras.height - 1])
    for i, distance in enumerate(distances):
        uv, z = cameras.project(i, points)
        x, y = np.clip(np.rint(uv), 0, limit).astype(int).T
        voxel = cameras.K[i][0, 0] * box.step / np.maximum(z, 1e-9)  # pixels
        count += distance[y, x] < RIM_VOXELS * voxel
    out = np.zeros(solid.shape, bool)
    out[tuple(at[count >= RIM_SHARE * len(capture)].T)] = True
    return out


def carved(
    sdf: NDArray[np.float32], box: Box, capture: Capture, distances: NDArray[np.float32], light: Array, layers: int = LAYERS
) -> NDArray[np.bool_]:  # box.shape
    """Voxels of a body (signed distances, voxels) that are taken off, in so many layers at most."""
    first, images = sdf < 0, images_of(capture, distances)
    solid, stays, bound = first.copy(), outlines(first, box, capture, distances), 0.0
    for _ in range(layers):
        at, error = judged(solid, box, capture, images, light)
        known = error >= 0
        if not known.any():
            break
        bound = bound or max(UNLIKE, TIMES * float(np.median(error[known])))
        total, number = np.zeros(solid.shape, np.float32), np.zeros(solid.shape, np.float32)
        total[tuple(at[known].T)], number[tuple(at[known].T)] = error[known], 1
        mean = uniform_filter(total, 3)[tuple(at.T)] / np.maximum(uniform_filter(number, 3)[tuple(at.T)], 1e-6)
        unlike = known & (mean > bound) & (error > bound) & ~stays[tuple(at.T)]
        if not unlike.any():
            break
        solid[tuple(at[unlike].T)] = False
    return first & ~solid
