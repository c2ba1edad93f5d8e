"""Where rays are worth sampling, and how freely a lamp is seen."""

from __future__ import annotations

import numpy as np

from registration.geometry.compiled import compiled
from registration.nerf.kernels.cell import span


@compiled
def steps_of(o, d, low, high, stride):
    """The most strides that any ray takes through the box."""
    most = 1
    for ray in range(len(o)):
        enter, leave = span(o[ray], d[ray], low, high)
        if leave > enter:
            most = max(most, int(np.ceil((leave - enter) / stride)))
    return most


@compiled
def voxel_at(o, d, t, low, side, shape, rounding):
    """Flat index of the voxel of this side at a place on a ray, nearest (0.5) or around it (0.0)."""
    flat = 0
    for k in range(3):
        at = int(np.floor((o[k] + t * d[k] - low[k]) / side + rounding))
        flat = flat * shape[k] + min(max(at, 0), shape[k] - 1)
    return flat


@compiled
def samples(voxel, shape, block, block_shape, per_side, low, high, side, o, d, step, jitter):
    """Steps of rays near the surface, up to where a ray is inside solid: (owner ray, distance along it), ascending."""
    per_block = max(1, round(per_side * side / step))
    stride = per_block * step
    most = steps_of(o, d, low, high, stride) * per_block
    owner, t, m = np.empty(len(o) * most, np.int64), np.empty(len(o) * most, np.float32), 0
    for ray in range(len(o)):
        enter, leave = span(o[ray], d[ray], low, high)
        start, solid = enter, False
        while start < leave and not solid:
            if block[voxel_at(o[ray], d[ray], start + stride / 2, low, side * per_side, block_shape, 0.0)]:
                for k in range(per_block):
                    at = start + step * jitter[ray] + k * step
                    mark = voxel[voxel_at(o[ray], d[ray], at, low, side, shape, 0.5)]
                    if mark == 2:
                        solid = True
                        break
                    if mark == 1:
                        owner[m], t[m] = ray, at
                        m += 1
            start += stride
    return owner[:m].copy(), t[:m].copy()


@compiled
def free_ways(sdf, shape, low, side, points, toward, first):
    """How freely a lamp is seen from each place (m,), by how deep in voxels the way to it dips into solid."""
    out = np.empty(len(points), np.float32)
    for i in range(len(points)):
        least, s = 4.0, first
        while True:
            flat, inside = 0, True
            for k in range(3):
                at = (points[i, k] - low[k]) / side + 0.5 + s * toward[i, k]
                inside &= 0 <= at < shape[k]
                flat = flat * shape[k] + int(min(max(at, 0.0), shape[k] - 1.0))
            if not inside or least <= -0.5:
                break
            least = min(least, sdf[flat])
            s += 1
        out[i] = min(max(least + 0.5, 0.0), 1.0)
    return out
