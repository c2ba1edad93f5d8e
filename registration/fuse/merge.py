"""One surface from the fields of all captures."""

from __future__ import annotations

from collections.abc import Sequence

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
from registration.sources.base import HalfModel

Placed = tuple[HalfModel, Rigid]
"""A half in the unit of the whole, and T_whole_from_half."""
NEAR_VOXELS = 2.5
"""A place this near to a seen point counts as seen."""
SAW = 0.1
"""A half of less weight does not say how deep a place is."""
NOISE_VOXELS, AGREED_VOXELS = 0.75, 0.5
"""Seen points that are so much nearer are nearer by chance; fields that are further off their mean contradict each other."""
AT_ONCE = 500_000
"""Places that are looked up together."""


def joint_field(parts: Sequence[Placed], box: Box) -> NDArray[np.float32]:
    """Signed distance of the whole, mm: the mean of the halves that saw something near, but for those that saw it clearly less near.

    A field can only be too large, since what nobody looked into is filled. So where none saw, and where those that saw
    contradict each other, as in the wall of a socket whose inside one of them knows, the smallest body is the best guess.
    """
    points = box.points()
    values = np.stack([field_at(half, T, points) for half, T in parts])
    voxel = max(box.step, *(h.nerf.step for h, _ in parts))
    band = np.flatnonzero(np.min(np.abs(values), axis=0) < 2 * NEAR_VOXELS * voxel)
    far = np.stack([seen_at(half, T, points[band], NEAR_VOXELS * voxel) for half, T in parts])
    nearest = far.min(0)
    neither = 0.05
    above, below = neither * values.max(0), np.full(len(points), neither)
    most = np.full(len(points), -np.inf)
    for value, distance in zip(values, far, strict=True):
        near = np.zeros(len(points), np.float32)
        near[band] = share_of(distance, nearest, NOISE_VOXELS * voxel)
        weight = gaussian_filter(near.reshape(box.shape), 1.0).ravel()
        above += weight * value
        below += weight
        most = np.where(weight > SAW, np.maximum(most, value), most)
    mean = above / below
    off = np.where(np.isfinite(most), most - mean, 0)
    return (mean + np.clip(off / voxel - AGREED_VOXELS, 0, 1) * off).reshape(box.shape).astype(np.float32)


def seen_at(half: HalfModel, T: Rigid, points: Array, reach: float) -> Array:  # (n, 3) -> (n,)
    """How far places of the whole are from what a half saw, mm; infinite beyond the reach."""
    found: Array = KDTree(half.cloud.points).query(T.inverse().apply(points), distance_upper_bound=reach)[0]
    return found


def share_of(distance: Array, nearest: Array, noise: float) -> Array:  # (n,)
    """What a half that saw something so far from a place has to say of it: nothing if another saw something clearly nearer."""
    out, seen = np.zeros(len(distance)), np.isfinite(distance)
    out[seen] = np.clip(2 - (distance[seen] - nearest[seen]) / noise, 0, 1)
    return out


def field_at(half: HalfModel, T: Rigid, points: Array) -> Array:  # (n, 3) -> (n,)
    """A half's signed distances at places of the whole, mm; some places at a time, for a fine grid has many."""
    solid, back = Solid.from_field(half.nerf.low, half.nerf.step, half.nerf.sdf), T.inverse()
    starts = range(0, len(points), AT_ONCE)
    return np.concatenate([solid.at(back.apply(points[n : n + AT_ONCE])) for n in starts])


def clouds_together(parts: Sequence[Placed]) -> Array:  # (n, 3)
    """All points in one frame."""
    return np.concatenate([T.apply(half.cloud.points) for half, T in parts])


def even_tint(parts: Sequence[Placed]) -> Array:  # (n, 3)
    """Colours of all clouds on one scale of brightness, that of the first: each capture has its own exposure."""
    (first, T), *others = parts
    points, tints = T.apply(first.cloud.points), first.cloud.colours.astype(float)
    for half, T in others:
        moved, colours = T.apply(half.cloud.points), half.cloud.colours.astype(float)
        distance, index = KDTree(points).query(moved)
        near = distance < np.quantile(distance, 0.3) + 1e-9
        gain = np.median(tints[np.asarray(index)[near]].mean(1) + 1) / np.median(colours[near].mean(1) + 1)
        points, tints = np.concatenate([points, moved]), np.concatenate([tints, np.clip(colours * gain, 0, 255)])
    return tints


def fuse(parts: Sequence[Placed], params: FuseParams, rng: np.random.Generator) -> Fused:
    """Mesh and cloud of the whole object in the frame of the first capture."""
    corners = np.concatenate([T.apply(half.nerf.vertices) for half, T in parts])
    low, high = corners.min(0), corners.max(0)
    rim = 0.03 * float((high - low).max())
    box = Box.around(low - rim, high + rim, params.grid)
    mesh = iso_surface(joint_field(parts, box), box.low, box.step)
    tree, tints = KDTree(clouds_together(parts)), even_tint(parts)
    points, face, weights = mesh.sample(params.points, rng)
    normals = mesh.vertex_normals()
    point_normals = blended(normals, mesh.faces[face], weights)
    seen = tree.query(points)[0] < NEAR_VOXELS * max(half.nerf.step for half, _ in parts)
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
