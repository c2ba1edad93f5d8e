"""Values between the points of a regular grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.geometry.compiled import compiled
from registration.geometry.rigid import Array


def sampled(grid: NDArray[np.float32], index: Array) -> Array:  # (x, y, z, k), (n, 3) in grid steps -> (n, k)
    """Linear between the eight neighbours; beyond the grid its rim goes on. Many channels at once, so few calls."""
    return between(np.ascontiguousarray(grid), np.ascontiguousarray(index, float))


@compiled
def between(grid, index):
    """The same, of arrays that lie in one piece."""
    nx, ny, nz, channels = grid.shape
    out = np.zeros((len(index), channels))
    for n in range(len(index)):
        x = min(max(index[n, 0], 0.0), nx - 1.0)
        y = min(max(index[n, 1], 0.0), ny - 1.0)
        z = min(max(index[n, 2], 0.0), nz - 1.0)
        i, j, k = min(int(x), max(nx - 2, 0)), min(int(y), max(ny - 2, 0)), min(int(z), max(nz - 2, 0))
        for a in range(2):
            by_x = x - i if a else 1 - (x - i)
            for b in range(2):
                by_xy = by_x * (y - j if b else 1 - (y - j))
                for c in range(2):
                    weight = by_xy * (z - k if c else 1 - (z - k))
                    if weight != 0.0:
                        for channel in range(channels):
                            out[n, channel] += weight * grid[i + a, j + b, k + c, channel]
    return out
