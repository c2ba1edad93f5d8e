"""A field around points that another program has found: its distances, its light and its colours."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array
from registration.nerf.cloud import seen_by
from registration.nerf.field import FAR
from registration.nerf.level import KEPT_BAND, Level, make_level
from registration.nerf.light import GREY, Light, first_light, harmonics
from registration.nerf.params import NerfParams

NEIGHBOURS = 24
BLUR = 0.7
"""Voxels by which the distances are blurred: points that a density gives are rough."""
OUTSIDE = 1.0
"""Points further than this outside the hull, in voxels, float: no silhouette allows them."""
STEEP = 0.15


def kept_points(points: Array, normals: Array, box: Box, hull: NDArray[np.float32]) -> tuple[Array, Array]:
    """The points that the silhouettes allow, with normals of length one."""
    at = np.rint((points - box.low) / box.step)
    known = np.isfinite(points).all(1) & (at >= 0).all(1) & (at < box.shape).all(1) & (normals != 0).any(1)
    points, normals = points[known], normals[known]
    x, y, z = at[known].astype(int).T
    near = hull[x, y, z] < OUTSIDE
    return points[near], normals[near] / np.linalg.norm(normals[near], axis=1, keepdims=True)


def distances(points: Array, normals: Array, box: Box, hull: NDArray[np.float32]) -> NDArray[np.float32]:
    """Signed distances in voxels: to the planes through the nearest points, and nowhere more inside than the hull."""
    if len(points) < NEIGHBOURS:
        raise ValueError(f"only {len(points)} points lie inside the silhouettes")
    inside = np.flatnonzero((hull < OUTSIDE).ravel())
    places = box.points()[inside]
    away, index = KDTree(points).query(places, k=NEIGHBOURS)
    width = np.maximum(box.step, away[:, :1])
    weight = np.exp(-((away / width) ** 2))
    planes = np.einsum("nkd,nkd->nk", normals[index], places[:, None] - points[index])
    out = np.full(hull.size, FAR)
    out[inside] = (weight * planes).sum(1) / weight.sum(1) / box.step
    smooth = gaussian_filter(out.reshape(box.shape).clip(-FAR, FAR), BLUR)
    return np.maximum(smooth, hull.clip(-FAR, FAR)).astype(np.float32)


def albedo(mesh: TriMesh, capture: Capture, light: Light, lift: float) -> Array:  # (v, 3) 0..1
    """The colour of each vertex that explains best what the views see of it; grey where none does."""
    normals, each = mesh.vertex_normals(), light.each().numpy()
    terms = harmonics(torch.from_numpy(normals)).numpy()
    top, bottom = np.zeros((len(normals), 3)), np.zeros(len(normals))
    caster = Caster(mesh.vertices, mesh.faces)
    for i, index, uv in seen_by(mesh.vertices, normals, capture, caster, lift, STEEP):
        x, y = uv.round().astype(int).T
        used = capture.mask[i][y, x]
        index, shade = index[used], terms[index[used]] @ each[i]
        top[index] += shade[:, None] * capture.rgb[i][y[used], x[used]] / 255.0
        bottom[index] += shade**2
    return np.where(bottom[:, None] > 1e-6, top / np.maximum(bottom, 1e-6)[:, None], GREY).clip(0, 1)


def level_around(
    points: Array,
    normals: Array,
    capture: Capture,
    box: Box,
    hull: NDArray[np.float32],
    params: NerfParams,
    device: str,
) -> Level:
    """A level whose surface runs through points (n, 3) mm with outward normals."""
    return level_of(distances(*kept_points(points, normals, box, hull), box, hull), capture, box, params, device)


def level_of(sdf: NDArray[np.float32], capture: Capture, box: Box, params: NerfParams, device: str) -> Level:
    """A level with these distances in voxels, and the light and the colours that explain the images best on them."""
    mesh, light = iso_surface(sdf, box.low, box.step), first_light(capture, box, sdf)
    colour = np.full((*box.shape, 3), GREY, np.float32)
    band = np.abs(sdf) <= KEPT_BAND
    nearest = KDTree(mesh.vertices).query(box.points()[band.ravel()])[1]
    colour[band] = albedo(mesh, capture, light, 0.5 * box.step)[nearest]
    return make_level(box, sdf, colour, light, torch.zeros(len(capture)), params, device)
