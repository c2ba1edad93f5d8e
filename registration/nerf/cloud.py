"""The cloud of a half: points of its surface, and how far each can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from registration.data.capture import Capture
from registration.geometry.mesh import TriMesh, blended, diameter, iso_surface
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array
from registration.nerf.field import channels_at
from registration.nerf.light import shade
from registration.nerf.params import CloudParams
from registration.nerf.record import Cloud, Clouds, Coarse, NerfHalf
from registration.nerf.unlike import unlike
from registration.nerf.views import unshadowed

ABOVE = 1.0
"""Voxels above the surface that a point is looked at: its own grain must not hide it."""
ENOUGH_VIEWS = 6
"""More views than this make a point no surer."""
AGREE = 3.0
"""A view agrees with a point whose colour is off by at most this many times the median over all."""
LEAST_SPREAD = 0.01


def seen_by(
    points: Array, normals: Array, capture: Capture, caster: Caster, lift: float, min_cosine: float
) -> Iterator[tuple[int, NDArray[np.int64], Array]]:
    """For each view the points it sees (facing it, nothing between, inside the image), and their pixels (m, 2)."""
    for i, centre in enumerate(capture.cameras.centres()):
        to = centre - points
        to /= np.linalg.norm(to, axis=1, keepdims=True)
        facing = np.flatnonzero((to * normals).sum(1) > min_cosine)
        uv, z = capture.cameras.project(i, points[facing])
        known = (
            (z > 0)
            & (uv > -0.5).all(1)
            & (uv[:, 0] < capture.cameras.width - 0.5)
            & (uv[:, 1] < capture.cameras.height - 0.5)
        )
        facing, uv = facing[known], uv[known]
        free = ~caster.blocked(points[facing] + lift * normals[facing], to[facing])
        yield i, facing[free], uv[free]


def views_of(
    points: Array, normals: Array, capture: Capture, caster: Caster, lift: float, min_cosine: float
) -> NDArray[np.int64]:
    """How many views see each point."""
    count = np.zeros(len(points), np.int64)
    for _, index, _ in seen_by(points, normals, capture, caster, lift, min_cosine):
        count[index] += 1
    return count


def agreement(
    half: NerfHalf, points: Array, normals: Array, colours: NDArray[np.uint8], capture: Capture, caster: Caster,
    sights: Sequence[tuple[int, NDArray[np.int64], Array]],
) -> tuple[NDArray[np.int64], Array]:  # fmt: skip
    """How many views see each point, and the share of these in which it lies in the mask and has the colour it should."""
    count, agreed = np.zeros(len(points), np.int64), np.zeros(len(points))
    found = []
    for i, index, uv in sights:
        x, y = uv.round().astype(int).T
        free = unshadowed(points[index], normals[index], half.light[i], caster, 1.5 * half.step)
        expected = colours[index] / 255 * shade(normals[index], half.light[i], free)[:, None]
        off = np.abs(expected - capture.rgb[i][y, x] / 255.0).mean(1)
        found.append((index, np.where(capture.mask[i][y, x], off, np.inf)))
        count[index] += 1
    every = np.concatenate([off for _, off in found]) if found else np.zeros(0)
    spread = max(LEAST_SPREAD, float(np.median(every[np.isfinite(every)]))) if np.isfinite(every).any() else 1.0
    for index, off in found:
        agreed[index] += off < AGREE * spread
    return count, agreed / np.maximum(count, 1)


def sharpness(half: NerfHalf, points: Array) -> Array:  # (n, 3) -> (n,)
    """1 where the surface is smooth, less where it crumbles: the slope that is left when the field is blurred."""
    slopes = np.gradient(gaussian_filter(np.clip(half.sdf, -4, 4), 1.5))
    at = ((points - half.low) / half.step).T
    slope = np.stack([map_coordinates(s, at, order=1, mode="nearest") for s in slopes], 1)
    return np.linalg.norm(slope, axis=1).clip(0, 1)


def cloud_of(half: NerfHalf, capture: Capture, params: CloudParams, rng: np.random.Generator) -> Cloud:
    """Even points of the half's surface that enough views really saw and that can be trusted."""
    mesh = TriMesh(half.vertices, half.faces)
    points, face, weights = mesh.spread(params.points, rng)
    corners = half.faces[face]
    normals = blended(half.normals, corners, weights)
    colours = np.einsum("nk,nkd->nd", weights, half.vertex_colours[corners].astype(float)).round().astype(np.uint8)
    caster = Caster(mesh.vertices, mesh.faces)
    sights = list(seen_by(points, normals, capture, caster, ABOVE * half.step, params.min_cosine))
    views, agreed = agreement(half, points, normals, colours, capture, caster, sights)
    odd = unlike(len(points), sights, capture, (mesh.vertices.min(0) + mesh.vertices.max(0)) / 2)
    confidence = np.minimum(views / ENOUGH_VIEWS, 1) * agreed * sharpness(half, points)
    enough = max(params.min_views, round(params.min_share * len(capture)))
    kept = (views >= enough) & (confidence >= params.min_confidence)
    return Cloud(points[kept], normals[kept], colours[kept], views[kept], confidence[kept].astype(np.float32), odd[kept])


def coarse_half(half: NerfHalf, coarse: Coarse) -> NerfHalf:
    """The half with the surface of its coarse level, in the colours of its fine one."""
    mesh = iso_surface(coarse.sdf, coarse.low, coarse.step)
    tint = channels_at(half.colour, half.box, mesh.vertices)
    return replace(
        half, low=coarse.low, step=coarse.step, sdf=coarse.sdf, vertices=mesh.vertices, faces=mesh.faces,
        normals=mesh.vertex_normals(), vertex_colours=tint.astype(np.uint8),
    )  # fmt: skip


def clouds_of(
    nerfs: tuple[NerfHalf, NerfHalf], captures: tuple[Capture, Capture], params: CloudParams, rng: np.random.Generator
) -> Clouds:
    """Both halves' clouds."""
    up, down = (cloud_of(n, c, params, rng) for n, c in zip(nerfs, captures, strict=True))
    return Clouds(up, down, max(diameter(n.vertices) for n in nerfs))
