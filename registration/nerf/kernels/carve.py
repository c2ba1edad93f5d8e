"""Whether what the cameras see of a place can be one place of one surface."""

from __future__ import annotations

import numpy as np

from registration.geometry.compiled import compiled

AHEAD, STEEP = 1.0, 0.15
"""A ray leaves a surface so many voxels above it; a camera that looks at it flatter than this sees nothing of it."""
NEAR = 0.01
"""Errors below this count as they are, those above by their size only."""
ROUNDS = 5
TRUSTED = 0.6
"""Share of the views, those that are explained best, that count: shadows and gloss spoil the others."""


@compiled
def free(place, way, solid):
    """Whether a ray leaves the grid of voxels without meeting a solid one."""
    nx, ny, nz = solid.shape
    t = 0.0
    while True:
        x, y, z = (
            int(np.floor(place[0] + t * way[0] + 0.5)), int(np.floor(place[1] + t * way[1] + 0.5)),
            int(np.floor(place[2] + t * way[2] + 0.5)),
        )  # fmt: skip
        if x < 0 or y < 0 or z < 0 or x >= nx or y >= ny or z >= nz:
            return True
        if solid[x, y, z]:
            return False
        t += 0.7


@compiled
def brightness(image, x, y):
    """Between the pixels; below zero where one of the four is not known to show the object."""
    i, j = int(np.floor(y)), int(np.floor(x))
    if i < 0 or j < 0 or i + 1 >= image.shape[0] or j + 1 >= image.shape[1]:
        return -1.0
    a, b, c, d = image[i, j], image[i, j + 1], image[i + 1, j], image[i + 1, j + 1]
    if min(min(a, b), min(c, d)) < 0:
        return -1.0
    u, v = x - j, y - i
    return (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)


@compiled
def along(row, x):
    """One row of a projection (4,) times a place."""
    return row[0] * x[0] + row[1] * x[1] + row[2] * x[2] + row[3]


@compiled
def unlike(places, normals, low, step, solid, centres, project, images, light, least):
    """The error with which a few lights explain what is seen of each place (n, 3), voxels: mean of the best views; negative where too few see it."""
    lights = light.shape[1]
    out = np.full(len(places), -1.0)
    seen, which = np.empty(len(centres)), np.empty(len(centres), np.int64)
    for n in range(len(places)):
        p, normal, k = places[n], normals[n], 0
        start = p + AHEAD * normal
        for view in range(len(centres)):
            way = (centres[view] - low) / step - p
            way = way / np.sqrt((way**2).sum())
            if (way * normal).sum() < STEEP:
                continue
            x = low + step * (p + 0.5 * normal)
            u, v, depth = along(project[view, 0], x), along(project[view, 1], x), along(project[view, 2], x)
            if depth <= 0:
                continue
            value = brightness(images[view], u / depth, v / depth)
            if value < 0 or not free(start, way, solid):
                continue
            seen[k], which[k] = value, view
            k += 1
        if k < least:
            continue
        rows, y = light[which[:k]], seen[:k].copy()
        weight, off = np.ones(k), np.zeros(k)
        for _ in range(ROUNDS):
            A, b = 1e-4 * np.eye(lights), np.zeros(lights)
            for r in range(k):
                for i in range(lights):
                    b[i] += weight[r] * rows[r, i] * y[r]
                    for j in range(lights):
                        A[i, j] += weight[r] * rows[r, i] * rows[r, j]
            tint = np.linalg.solve(A, b)
            for r in range(k):
                off[r] = abs(y[r] - (rows[r] * tint).sum())
                weight[r] = 1 / max(off[r], NEAR)
        best = int(np.ceil(TRUSTED * k))
        out[n] = np.sort(off)[:best].sum() / best * k / (k - lights)
    return out
