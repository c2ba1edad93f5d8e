"""A field around points that another program has found: its distances, its light and its colours."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import KDTree

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array
from registration.nerf.cloud import seen_by
from registration.nerf.field import FAR
from registration.nerf.lamp import GREY, LIFT, light_on
from registration.nerf.level import KEPT_BAND, Level, make_level
from registration.nerf.light import Light, shade
from registration.nerf.params import NerfParams
from registration.nerf.views import unshadowed

LEAST_POINTS = 100
BLURS, NEAR = (3.0, 1.0), 2.0
"""Voxels by which the first and the second surface are blurred; what is further from the first is left out of the second."""
CROWD, SPARSE = 8.0, 0.5
"""Points are weighed by how crowded they are within so many voxels; where they are sparser than this share of the mean they
stay weak."""
RIM = 8
"""Voxels around the box, so that what leaves the grid on one side does not come in on the other."""
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


def splat(at: Array, values: Array, shape: tuple[int, ...]) -> Array:  # (n, 3) voxels, (n, k) -> (k, *shape)
    """Values given to the eight voxels around each place."""
    base = np.floor(at).astype(int)
    share, out = at - base, np.zeros((values.shape[1], int(np.prod(shape))))
    for corner in np.ndindex(2, 2, 2):
        weight = np.abs(1 - np.array(corner) - share).prod(1)
        flat = np.ravel_multi_index(tuple((base + corner).T), shape)
        for k, column in enumerate(values.T):
            out[k] += np.bincount(flat, weight * column, out.shape[1])
    return out.reshape(-1, *shape)


def potential(normals: Array, blur: float) -> Array:  # (3, x, y, z) -> (x, y, z)
    """What grows along the normals that are spread over a grid, blurred: Poisson's equation, by Fourier."""
    shape = normals.shape[1:]
    waves = np.stack(np.meshgrid(*[2 * np.pi * np.fft.fftfreq(n) for n in shape], indexing="ij"))
    square = (waves**2).sum(0)
    slope = (1j * waves * np.fft.fftn(normals, axes=(1, 2, 3))).sum(0)
    square[0, 0, 0] = 1.0
    return np.fft.ifftn(-slope * np.exp(-square * blur**2 / 2) / square).real


def agreed(at: Array, normals: Array, shape: tuple[int, ...], blur: float) -> Array:  # (n, 3) voxels -> shape
    """Signed distances in voxels to the surface that most of the points agree on."""
    spread = splat(at, np.c_[normals, np.ones(len(at))], shape)
    crowd = gaussian_filter(spread[3], CROWD)
    grid = potential(spread[:3] / np.maximum(crowd, SPARSE * crowd[spread[3] > 0].mean()), blur)
    grid -= np.median(map_coordinates(grid, at.T, order=1))
    slope: Array = np.linalg.norm(np.array(np.gradient(grid)), axis=0)
    steep = float(np.median(map_coordinates(slope, at.T, order=1)))
    return grid / np.maximum(slope, steep / 4)


def distances(points: Array, normals: Array, box: Box, hull: NDArray[np.float32]) -> NDArray[np.float32]:
    """Signed distances in voxels to a surface through most of the points; nowhere more inside than the hull.

    First much blurred, so that points that lie too deep are outvoted by those above them; then sharper, without them.
    """
    if len(points) < LEAST_POINTS:
        raise ValueError(f"only {len(points)} points lie inside the silhouettes")
    at = (points - box.low) / box.step + RIM
    shape = tuple(n + 2 * RIM for n in box.shape)
    near = np.abs(map_coordinates(agreed(at, normals, shape, BLURS[0]), at.T, order=1)) < NEAR
    sharp = agreed(at[near], normals[near], shape, BLURS[1])[RIM:-RIM, RIM:-RIM, RIM:-RIM]
    return np.maximum(sharp.clip(-FAR, FAR), hull.clip(-FAR, FAR)).astype(np.float32)


def albedo(mesh: TriMesh, capture: Capture, light: Light, lift: float) -> Array:  # (v, 3) 0..1
    """The colour of each vertex that explains best what the views see of it; grey where none does."""
    normals, each = mesh.vertex_normals(), light.each().numpy()
    top, bottom = np.zeros((len(normals), 3)), np.zeros(len(normals))
    caster = Caster(mesh.vertices, mesh.faces)
    for i, index, uv in seen_by(mesh.vertices, normals, capture, caster, lift, STEEP):
        x, y = uv.round().astype(int).T
        used = capture.mask[i][y, x]
        index = index[used]
        free = unshadowed(mesh.vertices[index], normals[index], each[i], caster, lift)
        bright = shade(normals[index], each[i], free)
        top[index] += bright[:, None] * capture.rgb[i][y[used], x[used]] / 255.0
        bottom[index] += bright**2
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
    mesh = iso_surface(sdf, box.low, box.step)
    light = light_on(capture, mesh, GREY, LIFT * box.step)
    colour = np.full((*box.shape, 3), GREY, np.float32)
    band = np.abs(sdf) <= KEPT_BAND
    nearest = KDTree(mesh.vertices).query(box.points()[band.ravel()])[1]
    colour[band] = albedo(mesh, capture, light, 0.5 * box.step)[nearest]
    return make_level(box, sdf, colour, light, torch.zeros(len(capture)), params, device)
