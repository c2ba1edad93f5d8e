"""Meshes and clouds drawn on nothing: pictures with an alpha channel, for light and dark pages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.geometry.camera import Cameras
from registration.geometry.mesh import TriMesh, blended
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array
from registration.viz.pictures import orbit

Drawing = NDArray[np.uint8]  # (h, w, 4)
LAMP = np.array([-0.4, -0.6, -0.7]) / np.linalg.norm([0.4, 0.6, 0.7])
"""Where the light comes from, in the camera's axes: the viewer's upper left."""
FINER = 2
"""So many times finer it is drawn, then shrunk: smooth edges."""
BARE = 190.0
DENSE = 2.2
"""Width of a point, as a share of what would be between them if they filled the picture evenly."""


def shrunk(tint: Array, seen: NDArray[np.bool_]) -> Drawing:  # (h, w, 3), (h, w)
    """Shrink a finely drawn picture; what was not drawn is transparent."""
    h, w = seen.shape[0] // FINER, seen.shape[1] // FINER
    share = seen.reshape(h, FINER, w, FINER).mean((1, 3))
    summed = (tint * seen[..., None]).reshape(h, FINER, w, FINER, 3).mean((1, 3))
    rgb = summed / np.maximum(share, 1e-9)[..., None]
    return np.concatenate([rgb, 255 * share[..., None]], 2).round().clip(0, 255).astype(np.uint8)


def mesh_drawn(mesh: TriMesh, normals: Array, colours: NDArray | None, cameras: Cameras, caster: Caster) -> Drawing:
    """A mesh, lit from the viewer's upper left; the camera must be FINER times as large as the picture."""
    depth, face = depth_image(caster, cameras, 0)
    y, x = np.nonzero(face >= 0)
    corners = mesh.faces[face[y, x]]
    weights = weights_at(mesh.vertices[corners], cameras, np.stack([x, y], 1).astype(float), depth[y, x])
    facing = np.clip(blended(normals, corners, weights) @ cameras.R[0].T @ LAMP, 0, 1)
    tint = np.full((len(x), 3), BARE) if colours is None else np.einsum("nk,nkd->nd", weights, colours[corners])
    image = np.zeros((*face.shape, 3))
    image[y, x] = np.clip(tint * (0.5 + 0.6 * facing)[:, None], 0, 255)
    return shrunk(image, face >= 0)


def weights_at(corners: Array, cameras: Cameras, pixels: Array, depth: Array) -> Array:  # (n, 3, 3) -> (n, 3)
    """Barycentric weights of the places that pixels see."""
    local = np.concatenate([pixels, np.ones((len(pixels), 1))], 1) @ np.linalg.inv(cameras.K[0]).T * depth[:, None]
    points = (local - cameras.t[0]) @ cameras.R[0]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    across = np.cross(b - a, c - a)
    area = np.maximum((across**2).sum(1), 1e-18)
    wb = (np.cross(points - a, c - a) * across).sum(1) / area
    wc = (np.cross(b - a, points - a) * across).sum(1) / area
    weights = np.stack([1 - wb - wc, wb, wc], 1).clip(0, 1)
    return weights / weights.sum(1, keepdims=True)


def cloud_drawn(points: Array, normals: Array, tint: NDArray, cameras: Cameras) -> Drawing:
    """Points as small squares that nearly close the surface, near ones over far ones, those that look away left out."""
    dot = int(np.clip(round(DENSE * cameras.width / np.sqrt(max(1, len(points)))), 3, 14))
    uv, z = cameras.project(0, points)
    toward = -(normals @ cameras.R[0].T)[:, 2]
    order = np.argsort(-z)
    order = order[toward[order] > -0.2]
    xy = np.rint(uv[order]).astype(int) - dot // 2
    value = tint[order] * (0.6 + 0.4 * np.clip(toward[order], 0, 1))[:, None]
    image, seen = np.zeros((cameras.height, cameras.width, 3)), np.zeros((cameras.height, cameras.width), bool)
    for dx in range(dot):
        for dy in range(dot):
            x, y = (xy[:, 0] + dx).clip(0, cameras.width - 1), (xy[:, 1] + dy).clip(0, cameras.height - 1)
            image[y, x], seen[y, x] = value, True
    return shrunk(image, seen)


def around(points: Array, azimuth_deg: float, elevation_deg: float, size: int) -> Cameras:
    """A camera for a picture of this size that shows all the points."""
    return orbit(points, azimuth_deg, elevation_deg, size * FINER)


def cropped(drawings: list[Drawing], margin: int = 6) -> list[Drawing]:
    """Drawings of one size without the rows and columns that are empty in all of them."""
    drawn = np.any([d[..., 3] > 0 for d in drawings], axis=0)
    y, x = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    if not len(y):
        return drawings
    top, left = max(0, y[0] - margin), max(0, x[0] - margin)
    return [d[top : y[-1] + 1 + margin, left : x[-1] + 1 + margin] for d in drawings]
