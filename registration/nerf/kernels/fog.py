"""Rays through fog."""

from __future__ import annotations

import numpy as np

from registration.geometry.compiled import compiled
from registration.nerf.kernels.cell import cell, corners, place, soft, span, weights

THICKEST = 20.0
"""A sample stops no more light than this thickness does."""
FAINT = 1e-4
"""A sample that adds less has no colour worth knowing."""
DARK = 1e-4
"""A ray ends where so little of it is left."""


@compiled
def is_live(g, live, shape):
    """Whether the voxel nearest to a place in voxels is worth a sample."""
    x, y, z = int(np.floor(g[0] + 0.5)), int(np.floor(g[1] + 0.5)), int(np.floor(g[2] + 0.5))
    if x < 0 or y < 0 or z < 0 or x >= shape[0] or y >= shape[1] or z >= shape[2]:
        return False
    return live[(x * shape[1] + y) * shape[2] + z]


@compiled
def around(g, rows, shape):
    """Rows and weights of the eight voxels around a place in voxels."""
    first, x, y, z = cell(g[0], g[1], g[2], shape)
    return corners(rows, first, shape), weights(x, y, z)


@compiled
def shade_of(eight, w, tint, light, ray):
    """Brightness of fog under the light of a ray."""
    total = 0.0
    for c in range(8):
        one = 0.0
        for k in range(light.shape[1]):
            one += tint[eight[c], k] * light[ray, k]
        total += w[c] * one
    return total


@compiled
def see(o, d, jitter, light, low, high, step, shape, live, rows, raw, tint, scale):
    """Brightness and opacity of rays (rays, 2), one sample a voxel; and of each sample what it lets through, how its
    thickness follows the table, and its brightness."""
    out, longest = np.zeros((len(o), 2)), 2  # a ray that just misses the box may still round into it
    for ray in range(len(o)):
        enter, leave = span(o[ray], d[ray], low, high)
        longest = max(longest, int((leave - enter) / step) + 2)
    kept = np.empty((len(o), longest, 3))
    for ray in range(len(o)):
        enter, leave = span(o[ray], d[ray], low, high)
        t, left, n = enter + step * jitter[ray], 1.0, 0
        while t < leave + step and left > DARK:
            g = place(o[ray], d[ray], t, low, step)
            t += step
            if not is_live(g, live, shape):
                continue
            eight, w = around(g, rows, shape)
            value = 0.0
            for k in range(8):
                value += w[k] * raw[eight[k]]
            thick, slope = soft(value)
            through = np.exp(-min(thick * scale, THICKEST))
            weight = left * (1 - through)
            left *= through
            out[ray, 1] += weight
            kept[ray, n, 0], kept[ray, n, 1] = through, slope if thick * scale < THICKEST else 0.0
            if weight > FAINT:
                kept[ray, n, 2] = shade_of(eight, w, tint, light, ray)
                out[ray, 0] += weight * kept[ray, n, 2]
            n += 1
    return out.astype(np.float32), kept


@compiled
def ask(o, d, jitter, light, low, high, step, shape, live, rows, raw, tint, scale, out, kept, out_grad, to_raw, to_tint):
    """What a change of brightness and opacity asks of the light; that of density and tint is added to what is there."""
    to_light = np.zeros(light.shape, np.float32)
    for ray in range(len(o)):
        enter, leave = span(o[ray], d[ray], low, high)
        t, left, n = enter + step * jitter[ray], 1.0, 0
        later = out[ray, 0] * out_grad[ray, 0] + out[ray, 1] * out_grad[ray, 1]
        while t < leave + step and left > DARK:
            g = place(o[ray], d[ray], t, low, step)
            t += step
            if not is_live(g, live, shape):
                continue
            through = kept[ray, n, 0]
            weight = left * (1 - through)
            left *= through
            plain = weight > FAINT
            seen = out_grad[ray, 1]
            if plain:
                seen += out_grad[ray, 0] * kept[ray, n, 2]
            later -= weight * seen
            by_raw = (left * seen - later) * scale * kept[ray, n, 1]
            n += 1
            eight, w = around(g, rows, shape)
            for c in range(8):
                to_raw[eight[c]] += w[c] * by_raw
            if plain:
                by_tint = weight * out_grad[ray, 0]
                for c in range(8):
                    for k in range(light.shape[1]):
                        to_tint[eight[c], k] += w[c] * by_tint * light[ray, k]
                        to_light[ray, k] += w[c] * by_tint * tint[eight[c], k]
    return to_light
