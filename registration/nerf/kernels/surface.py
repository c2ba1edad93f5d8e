"""Rays through a signed distance: what they see, and what a change of it asks of the tables."""

from __future__ import annotations

import numpy as np

from registration.geometry.compiled import compiled
from registration.nerf.kernels.cell import blend, cell, corners, place, slope_weights, weights

THINNEST = np.exp(-20.0)
"""A sample lets this share of the light through at least."""
DEEP = 300.0
"""Distances beyond so many widths of the surface are as good as this."""
FAINT = 1e-6
"""A sample that adds less is not looked at closely."""
SLOPE = 1e-6
"""A gradient shorter than this has no direction."""


@compiled
def shaded(n, light):
    """How brightly even light and a lamp shine on a surface that faces n."""
    x, y, z = n
    even = (
        light[0] + light[1] * x + light[2] * y + light[3] * z + light[4] * x * y + light[5] * y * z
        + light[6] * (3 * z * z - 1) + light[7] * x * z + light[8] * (x * x - y * y)
    )  # fmt: skip
    return even, max(0.0, x * light[9] + y * light[10] + z * light[11])


@compiled
def unit(x, y, z):
    """The direction of a vector, and its length."""
    length = max(np.sqrt(x * x + y * y + z * z), SLOPE)
    return (x / length, y / length, z / length), length


@compiled
def tinted(colour, rows, w):
    """The colour between eight corners."""
    r = g = b = 0.0
    for k in range(8):
        r += w[k] * colour[rows[k], 0]
        g += w[k] * colour[rows[k], 1]
        b += w[k] * colour[rows[k], 2]
    return r, g, b


@compiled
def values(sdf, rows):
    """The distances at eight corners."""
    return (
        float(sdf[rows[0]]), float(sdf[rows[1]]), float(sdf[rows[2]]), float(sdf[rows[3]]),
        float(sdf[rows[4]]), float(sdf[rows[5]]), float(sdf[rows[6]]), float(sdf[rows[7]]),
    )  # fmt: skip


@compiled
def thick_back(ahead, behind, slope, half, beta):
    """How the thickness changes with the distance and with the slope along the ray; nothing where it is bounded."""
    if 1 + behind < THINNEST * (1 + ahead):
        return 0.0, 0.0
    p, q = ahead / (1 + ahead), behind / (1 + behind)
    by_slope = -(p + q) / beta * half if -2.0 <= slope <= 0.0 else 0.0
    return (q - p) / beta, by_slope


@compiled
def see(owner, t, o, d, low, step, shape, rows, sdf, colour, light, beta, half):
    """What rays see (rays, 11): colour under even light, colour the lamp adds, gradient, depth, opacity; and each
    sample's weight, the light that is left behind it (m,), and how its thickness follows the distance and the slope (m, 2).
    ``half`` of a sample's step, voxels."""
    m = len(owner)
    out, weight, after, follows = np.zeros((len(o), 11)), np.empty(m), np.empty(m), np.empty((m, 2))
    left = 1.0
    for i in range(m):
        ray = owner[i]
        if i == 0 or owner[i - 1] != ray:
            left = 1.0
        x, y, z = place(o[ray], d[ray], t[i], low, step)
        flat, x, y, z = cell(x, y, z, shape)
        eight = corners(rows, flat, shape)
        s, gx, gy, gz, _, _, _ = blend(values(sdf, eight), x, y, z)
        slope = gx * d[ray, 0] + gy * d[ray, 1] + gz * d[ray, 2]
        fall = half * min(max(slope, -2.0), 0.0)
        ahead, behind = np.exp(min(-(s + fall) / beta, DEEP)), np.exp(min(-(s - fall) / beta, DEEP))
        through = max((1 + behind) / (1 + ahead), THINNEST)  # exp(softplus of one - softplus of the other)
        w = left * (1 - through)
        left *= through
        weight[i], after[i] = w, left
        if w < FAINT:
            continue
        follows[i] = thick_back(ahead, behind, slope, half, beta)
        n, _ = unit(gx, gy, gz)
        even, lamp = shaded(n, light[ray])
        tint = tinted(colour, eight, weights(x, y, z))
        to = out[ray]
        for k in range(3):
            to[k] += w * even * tint[k]
            to[3 + k] += w * lamp * tint[k]
        to[6] += w * gx
        to[7] += w * gy
        to[8] += w * gz
        to[9] += w * t[i]
        to[10] += w
    return out.astype(np.float32), weight, after, follows


@compiled
def shade_back(n, light, even, lamp):
    """What a change of both brightnesses asks of the normal."""
    x, y, z = n
    nx = even * (light[1] + light[4] * y + light[7] * z + 2 * light[8] * x)
    ny = even * (light[2] + light[4] * x + light[5] * z - 2 * light[8] * y)
    nz = even * (light[3] + light[5] * y + 6 * light[6] * z + light[7] * x)
    return nx + lamp * light[9], ny + lamp * light[10], nz + lamp * light[11]


@compiled
def look_back(ask, w, tint, n, length, even, lamp, light):
    """What a sample's change of what is seen asks of its gradient and of its colour."""
    by_even = w * (ask[0] * tint[0] + ask[1] * tint[1] + ask[2] * tint[2])
    by_lamp = w * (ask[3] * tint[0] + ask[4] * tint[1] + ask[5] * tint[2]) if lamp > 0 else 0.0
    nx, ny, nz = shade_back(n, light, by_even, by_lamp)
    along = nx * n[0] + ny * n[1] + nz * n[2]
    g = (
        (nx - along * n[0]) / length + w * ask[6], (ny - along * n[1]) / length + w * ask[7],
        (nz - along * n[2]) / length + w * ask[8],
    )  # fmt: skip
    c = (w * (ask[0] * even + ask[3] * lamp), w * (ask[1] * even + ask[4] * lamp), w * (ask[2] * even + ask[5] * lamp))
    return g, c


@compiled
def give(to_sdf, to_colour, rows, w, w_slope, by_s, c):
    """Hand a sample's wishes to the eight voxels around it."""
    for k in range(8):
        row = rows[k]
        to_sdf[row] += by_s * w[k] + w_slope[k]
        to_colour[row, 0] += w[k] * c[0]
        to_colour[row, 1] += w[k] * c[1]
        to_colour[row, 2] += w[k] * c[2]


@compiled
def ask(owner, t, o, d, low, step, shape, rows, sdf, colour, light, weight, after, follows, out_grad, to_colour):
    """What a change of what rays see asks of the distances, the rays' starts and directions; that of the colours is added to what is there."""
    to_sdf = np.zeros(len(sdf), np.float32)
    to_o, to_d = np.zeros((len(o), 3)), np.zeros((len(o), 3))
    later = 0.0  # what lies behind on the ray, by what is asked of it
    for i in range(len(owner) - 1, -1, -1):
        ray = owner[i]
        if i == len(owner) - 1 or owner[i + 1] != ray:
            later = 0.0
        w, wish, way = weight[i], out_grad[ray], d[ray]
        if w < FAINT:
            continue
        x, y, z = place(o[ray], way, t[i], low, step)
        flat, x, y, z = cell(x, y, z, shape)
        eight = corners(rows, flat, shape)
        _, gx, gy, gz, xy, xz, yz = blend(values(sdf, eight), x, y, z)
        n, length = unit(gx, gy, gz)
        even, lamp = shaded(n, light[ray])
        share = weights(x, y, z)
        tint = tinted(colour, eight, share)
        seen = wish[6] * gx + wish[7] * gy + wish[8] * gz + wish[9] * t[i] + wish[10]
        for k in range(3):
            seen += tint[k] * (wish[k] * even + wish[3 + k] * lamp)
        by_thick = after[i] * seen - later
        later += w * seen
        by_s, by_slope = by_thick * follows[i, 0], by_thick * follows[i, 1]
        g, c = look_back(wish, w, tint, n, length, even, lamp, light[ray])
        ax, ay, az = g[0] + by_slope * way[0], g[1] + by_slope * way[1], g[2] + by_slope * way[2]
        give(to_sdf, to_colour, eight, share, slope_weights(x, y, z, ax, ay, az), by_s, c)
        px = (by_s * gx + xy * ay + xz * az) / step
        py = (by_s * gy + xy * ax + yz * az) / step
        pz = (by_s * gz + xz * ax + yz * ay) / step
        for k, (p, g_k) in enumerate(((px, gx), (py, gy), (pz, gz))):
            to_o[ray, k] += p
            to_d[ray, k] += t[i] * p + by_slope * g_k
    return to_sdf, to_o.astype(np.float32), to_d.astype(np.float32)
