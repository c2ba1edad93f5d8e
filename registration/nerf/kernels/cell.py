"""What all kernels share: the eight voxels around a place, and what they give between them."""

from __future__ import annotations

import numpy as np

from registration.geometry.compiled import compiled


@compiled
def cell(x, y, z, shape):
    """Flat index of the lower corner around a place given in voxels, and how far along each axis it is."""
    x = min(max(x, 0.0), shape[0] - 1.001)
    y = min(max(y, 0.0), shape[1] - 1.001)
    z = min(max(z, 0.0), shape[2] - 1.001)
    i, j, k = int(x), int(y), int(z)
    return (i * shape[1] + j) * shape[2] + k, x - i, y - j, z - k


@compiled
def corners(rows, flat, shape):
    """Rows of the eight voxels: z runs fastest."""
    sy, sx = shape[2], shape[1] * shape[2]
    return (
        rows[flat], rows[flat + 1], rows[flat + sy], rows[flat + sy + 1],
        rows[flat + sx], rows[flat + sx + 1], rows[flat + sx + sy], rows[flat + sx + sy + 1],
    )  # fmt: skip


@compiled
def weights(x, y, z):
    """What each corner counts."""
    a, b, c, d = (1 - y) * (1 - z), (1 - y) * z, y * (1 - z), y * z
    return (1 - x) * a, (1 - x) * b, (1 - x) * c, (1 - x) * d, x * a, x * b, x * c, x * d


@compiled
def blend(v, x, y, z):
    """The value between eight corners, its slope along each axis, and how these change along one another (xy, xz, yz)."""
    z00, z01, z10, z11 = v[1] - v[0], v[3] - v[2], v[5] - v[4], v[7] - v[6]
    a00, a01, a10, a11 = v[0] + z * z00, v[2] + z * z01, v[4] + z * z10, v[6] + z * z11
    y0, y1 = a01 - a00, a11 - a10
    b0, b1 = a00 + y * y0, a10 + y * y1
    z0, z1 = z00 + y * (z01 - z00), z10 + y * (z11 - z10)
    yz0, yz1 = z01 - z00, z11 - z10
    return b0 + x * (b1 - b0), b1 - b0, y0 + x * (y1 - y0), z0 + x * (z1 - z0), y1 - y0, z1 - z0, yz0 + x * (yz1 - yz0)


@compiled
def slope_weights(x, y, z, gx, gy, gz):
    """What each corner counts in the sum of the slopes, themselves weighed by gx, gy, gz."""
    p, q, r = 1 - x, 1 - y, 1 - z
    return (
        -gx * q * r - gy * p * r - gz * p * q,
        -gx * q * z - gy * p * z + gz * p * q,
        -gx * y * r + gy * p * r - gz * p * y,
        -gx * y * z + gy * p * z + gz * p * y,
        gx * q * r - gy * x * r - gz * x * q,
        gx * q * z - gy * x * z + gz * x * q,
        gx * y * r + gy * x * r - gz * x * y,
        gx * y * z + gy * x * z + gz * x * y,
    )


@compiled
def soft(x):
    """log(1 + exp(x)), and its slope."""
    e = np.exp(-abs(x))
    return (x + np.log1p(e), 1 / (1 + e)) if x > 0 else (np.log1p(e), e / (1 + e))


@compiled
def span(o, d, low, high):
    """Where a ray enters and leaves a box."""
    enter, leave = 0.0, np.inf
    for k in range(3):
        inverse = 1 / (d[k] if abs(d[k]) >= 1e-9 else 1e-9)
        a, b = (low[k] - o[k]) * inverse, (high[k] - o[k]) * inverse
        enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
    return enter, leave


@compiled
def place(o, d, t, low, step):
    """Where a ray is after t, in voxels."""
    return (o[0] + t * d[0] - low[0]) / step, (o[1] + t * d[1] - low[1]) / step, (o[2] + t * d[2] - low[2]) / step
