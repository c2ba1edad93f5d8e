"""Empty places that nothing vouches for: no camera looks into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from registration.data.capture import Capture
from registration.data.crop import pieces_of
from registration.geometry.hull import Box
from registration.geometry.mesh import iso_surface
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array

CLEAR = 0.5
"""Voxels from the surface that a place counts as empty from."""
HOLLOW = 0.3
"""A place is filled if this share of what is around it must be."""
ENOUGH = 48
"""Places along the longest side that are looked at."""
GOLDEN = 0.6180339887498949
"""Steps of this size around a circle never come close to where they were soon."""


def hidden(points: Array, captures: Sequence[Capture], caster: Caster) -> NDArray[np.int64]:  # (n, 3) -> (m,)
    """Which places no camera sees, for the surface in the way; what lies beside a body is seen."""
    left = np.arange(len(points))
    for capture in captures:
        for i in np.argsort(np.arange(len(capture)) * GOLDEN % 1):  # far apart in turn: few places are left soon
            left = left[~sees(capture, int(i), points[left], caster)]
    return left


def sees(capture: Capture, i: int, points: Array, caster: Caster) -> NDArray[np.bool_]:  # (n, 3) -> (n,)
    """Which places one camera sees."""
    cameras = capture.cameras
    limit = np.array([cameras.width - 1, cameras.height - 1])
    uv, z = cameras.project(i, points)
    pixel = np.clip(np.rint(uv), 0, limit).astype(int)
    x, y = pixel.T
    known = (z > 0) & (np.abs(uv - pixel).max(1) < 0.51)
    if capture.inside is not None:
        known &= capture.inside[i, y, x]
    origin, directions = cameras.rays(i, pixel[known].astype(float))
    distance = caster.first_hits(origin, directions)[0]
    known[known] = z[known] < distance * (directions @ cameras.R[i][2])
    return known


def filled(sdf: NDArray[np.float32], box: Box, captures: Sequence[Capture]) -> NDArray[np.float32]:  # box.shape, voxels
    """Signed distances without hollows that no camera looks into: a body is solid where nothing is known.

    The captures share the frame of the box. No silhouette grows: what a camera sees beside the body is known to be empty.
    """
    mesh, skip = iso_surface(sdf, box.low, box.step), max(1, round(max(sdf.shape) / ENOUGH))
    few = sdf[::skip, ::skip, ::skip]
    empty = np.flatnonzero((few > CLEAR).ravel())
    points = Box(box.low, skip * box.step, (few.shape[0], few.shape[1], few.shape[2])).points()[empty]
    caster = Caster(mesh.vertices, mesh.faces)
    hollow = np.zeros(few.size, np.float32)
    hollow[empty[hidden(points, captures, caster)]] = 1
    share = gaussian_filter(hollow.reshape(few.shape), 1.0)
    index = np.indices(sdf.shape, np.float32) / skip
    share = map_coordinates(share, index, order=1, mode="nearest")
    left = np.pad((sdf > 0) & (share <= HOLLOW), 1, constant_values=True)
    pieces = pieces_of(left, corners=False)
    open_ = (pieces == pieces[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return np.where((sdf > 0) & ~open_, -np.abs(sdf) - CLEAR, sdf).astype(np.float32)
