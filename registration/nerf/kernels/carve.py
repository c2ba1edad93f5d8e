"""What the cameras see of the voxels at the surface of a body."""

from __future__ import annotations

import numpy as np

from registration.geometry.compiled import compiled

AHEAD, STEEP = 1.0, 0.15
"""A ray leaves a surface so many voxels above it; a camera that looks at it flatter than this sees nothing of it."""


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
def sights(places, normals, low, step, solid, centres, project, images):
    """Brightness of each place (n, 3), voxels, in each view: (n, views); nan where it is not seen for sure."""
    out = np.full((len(places), len(centres)), np.nan)
    for n in range(len(places)):
        p, normal = places[n], normals[n]
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
            if value >= 0 and free(start, way, solid):
                out[n, view] = value
    return out
