"""Values between the points of a regular grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array

CORNERS = np.array([(x, y, z) for z in (0, 1) for x in (0, 1) for y in (0, 1)])


def sampled(grid: NDArray[np.float32], index: Array) -> Array:  # (x, y, z, k), (n, 3) in grid steps -> (n, k)
    """Linear between the eight neighbours; beyond the grid its rim goes on. Many channels at once, so few calls."""
    shape = np.array(grid.shape[:3])
    index = np.clip(index, 0, shape - 1)
    low = np.minimum(index.astype(np.int64), np.maximum(shape - 2, 0))
    x, y, z = (index - low).T
    strides = np.where(shape > 1, (shape[1] * shape[2], shape[2], 1), 0)
    corners = CORNERS @ strides
    flat = grid.reshape(-1, grid.shape[3])
    ex, ey = 1 - x, 1 - y
    xy = np.stack([ex * ey, ex * y, x * ey, x * y])
    weights = np.concatenate([xy * (1 - z), xy * z])  # (8, n)
    base = low @ np.array((shape[1] * shape[2], shape[2], 1))
    return np.einsum("cn,cnk->nk", weights, flat[base + corners[:, None]])
