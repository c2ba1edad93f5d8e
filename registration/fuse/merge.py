"""One surface from two fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from registration.fuse.params import FuseParams
from registration.fuse.record import Fused
from registration.geometry.distance import Solid
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh, blended, diameter, iso_surface
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Cloud
from registration.sources.base import HalfModel

NEAR_VOXELS = 2.5
"""A place this near to a seen point counts as seen."""


def near_cloud(points: Array, candidates: NDArray[np.bool_], tree: KDTree, reach: float) -> NDArray[np.float32]:
    """1 where a candidate place lies within reach of a cloud, else 0."""
    out = np.zeros(len(points), np.float32)
    index = np.flatnonzero(candidates)
    out[index] = np.isfinite(tree.query(points[index], distance_upper_bound=reach)[0])
    return out


def joint_field(up: HalfModel, down: HalfModel, T: Rigid, box: Box) -> NDArray[np.float32]:
    """Signed distance of the whole, mm: the mean where both halves saw, the seeing half elsewhere.

    Where neither saw, both fields are too large (a hull can only be too large), so the smaller body is the better guess.
    """
    points = box.points()
    back = T.inverse().apply(points)
    solid_up, solid_down = (Solid.from_field(h.nerf.low, h.nerf.step, h.nerf.sdf) for h in (up, down))
    a, b = solid_up.at(points), solid_down.at(back)
    reach = NEAR_VOXELS * max(box.step, up.nerf.step, down.nerf.step)
    band = np.minimum(np.abs(a), np.abs(b)) < 2 * reach
    wa = near_cloud(points, band, KDTree(up.cloud.points), reach)
    wb = near_cloud(back, band, KDTree(down.cloud.points), reach)
    wa, wb = (gaussian_filter(w.reshape(box.shape), 1.0).ravel() for w in (wa, wb))
    neither = 0.05
    return ((wa * a + wb * b + neither * np.maximum(a, b)) / (wa + wb + neither)).reshape(box.shape).astype(np.float32)


def even_tint(up: Cloud, down: Cloud, T: Rigid) -> tuple[Array, Array]:
    """Both clouds' colours on one scale of brightness: each capture has its own exposure."""
    moved = T.apply(down.points)
    distance, index = KDTree(up.points).query(moved)
    near = distance < np.quantile(distance, 0.3) + 1e-9
    a, b = up.colours[np.asarray(index)[near]].astype(float), down.colours[near].astype(float)
    gain = np.median(a.mean(1) + 1) / np.median(b.mean(1) + 1)
    return up.colours.astype(float), np.clip(down.colours * gain, 0, 255)


def fuse(up: HalfModel, down: HalfModel, T: Rigid, params: FuseParams, rng: np.random.Generator) -> Fused:
    """Mesh and cloud of the whole object in the up frame."""
    corners = np.concatenate([up.nerf.vertices, T.apply(down.nerf.vertices)])
    middle_low, middle_high = np.quantile(corners, 0, axis=0), np.quantile(corners, 1, axis=0)
    rim = 0.03 * float((middle_high - middle_low).max())
    box = Box.around(middle_low - rim, middle_high + rim, params.grid)
    mesh = iso_surface(joint_field(up, down, T, box), box.low, box.step)
    clouds = np.concatenate([up.cloud.points, T.apply(down.cloud.points)])
    tints = np.concatenate(even_tint(up.cloud, down.cloud, T))
    tree = KDTree(clouds)
    points, face, weights = mesh.sample(params.points, rng)
    normals = mesh.vertex_normals()
    point_normals = blended(normals, mesh.faces[face], weights)
    seen = tree.query(points)[0] < NEAR_VOXELS * max(up.nerf.step, down.nerf.step)
    size = diameter(mesh.vertices)
    return Fused(
        mesh.vertices, mesh.faces, normals, tint_of(mesh.vertices, tree, tints), points[seen], point_normals[seen],
        tint_of(points[seen], tree, tints), size, float(seen.mean()),
    )  # fmt: skip


def tint_of(points: Array, tree: KDTree, tints: Array) -> NDArray[np.uint8]:
    """Mean colour of the four nearest seen points."""
    index = np.asarray(tree.query(points, k=4)[1])
    return tints[index].mean(1).round().clip(0, 255).astype(np.uint8)


def as_mesh(fused: Fused) -> TriMesh:
    """The fused surface."""
    return TriMesh(fused.vertices, fused.faces)
