"""Hollows that no view looks into: a field may leave them inside a body, and nothing speaks for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt

from registration.data.capture import Capture
from registration.data.crop import pieces_of
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rays import Caster, depth_image
from registration.nerf.fog import cut

NEEDED_VIEWS = 3
"""Space that fewer views look through is not known to be empty."""
DEEP_VOXELS = 1.5
"""A hollow is at least this deep."""
OPEN = 0.25
"""What has a larger share of its surface open to space that is looked through is the shadowed end of a true cavity."""


def looked_through(box: Box, empty: NDArray[np.bool_], mesh: TriMesh, captures: Sequence[Capture]) -> NDArray[np.bool_]:
    """Which of the empty voxels enough views see, past the surface that is there."""
    out, index = np.zeros(empty.size, bool), np.flatnonzero(empty.ravel())
    points, caster = box.points()[index], Caster(mesh.vertices, mesh.faces)
    votes = np.zeros(len(index), int)
    for capture in captures:
        cameras = capture.cameras
        for i in range(len(capture)):
            left = np.flatnonzero(votes < NEEDED_VIEWS)
            uv, z = cameras.project(i, points[left])
            x, y = np.rint(uv).astype(int).T
            within = (z > 0) & (x >= 0) & (y >= 0) & (x < cameras.width) & (y < cameras.height)
            left, x, y, z = left[within], x[within], y[within], z[within]
            votes[left[z < depth_image(caster, cameras, i)[0][y, x] + 0.5 * box.step]] += 1
    out[index] = votes >= NEEDED_VIEWS
    return out.reshape(empty.shape)


def hollows(box: Box, sdf: NDArray[np.float32], captures: Sequence[Capture]) -> NDArray[np.bool_]:  # box.shape
    """Empty voxels inside the body that no views look into, without thin shadows of its surface."""
    empty = sdf > 0
    hidden = empty & ~looked_through(box, empty, iso_surface(sdf, box.low, box.step), captures)
    pieces = pieces_of(hidden, corners=False)
    deep = np.unique(pieces[hidden & (np.asarray(distance_transform_edt(hidden)) > DEEP_VOXELS)])
    out = np.zeros(sdf.shape, bool)
    for number in deep[deep > 0]:
        piece = pieces == number
        around = np.asarray(binary_dilation(piece), bool) & ~piece
        if (around & empty).sum() < OPEN * around.sum():
            out |= piece
    return out


def sealed(box: Box, sdf: NDArray[np.float32], captures: Sequence[Capture]) -> NDArray[np.float32]:
    """Signed distances (voxels) with such hollows filled."""
    return -cut(-sdf, hollows(box, sdf, captures))
