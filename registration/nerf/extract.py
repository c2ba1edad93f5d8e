"""From a trained field to arrays: mesh, cloud, figures of quality."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from registration.data.capture import Capture
from registration.geometry.mesh import TriMesh, diameter, iso_surface
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array
from registration.nerf.field import dense_colour
from registration.nerf.params import CloudParams, NerfParams
from registration.nerf.record import Cloud, Clouds, NerfHalf
from registration.nerf.render import harmonics
from registration.nerf.train import Level


def half_of(capture: Capture, level: Level, curve: list[list[float]], params: NerfParams) -> NerfHalf:
    """The field as arrays, its mesh, and how well both explain the capture."""
    box, sdf = level.field.box, level.field.dense()
    mesh = iso_surface(sdf, box.low, box.step)
    colour = (dense_colour(level.field).clip(0, 1) * 255).astype(np.uint8)
    light = level.light.detach().cpu().numpy()
    at = ((mesh.vertices - box.low) / box.step).T
    tint = np.stack([map_coordinates(colour[..., k], at, order=1, mode="nearest") for k in range(3)], 1).astype(
        np.uint8
    )
    psnr, iou = quality(capture, mesh, tint, light)
    return NerfHalf(
        low=box.low, step=box.step, sdf=sdf, colour=colour, light=light.astype(np.float32), vertices=mesh.vertices,
        faces=mesh.faces, normals=mesh.vertex_normals(), vertex_colours=tint, psnr=psnr, mask_iou=iou, curve=np.array(curve),
    )  # fmt: skip


def render_view(
    mesh: TriMesh, caster: Caster, tint: NDArray[np.uint8], light: NDArray, capture: Capture, i: int
) -> tuple[NDArray, NDArray]:
    """Colour (h, w, 3) 0..1 and depth (h, w) mm of view i, lit as the view was; black and inf outside."""
    depth, face = depth_image(caster, capture.cameras, i)
    seen = face >= 0
    corners = mesh.faces[face[seen]]
    normals = torch.from_numpy(mesh.vertex_normals()[corners].mean(1))
    shade = (harmonics(torch.nn.functional.normalize(normals, dim=1)).numpy() * light[i]).sum(1)
    image = np.zeros((*seen.shape, 3))
    image[seen] = (tint[corners].mean(1) / 255 * shade[:, None]).clip(0, 1)
    return image, depth


def quality(capture: Capture, mesh: TriMesh, tint: NDArray[np.uint8], light: NDArray) -> tuple[float, float]:
    """PSNR inside the masks over every fourth view, and the mean overlap of silhouettes and masks."""
    caster = Caster(mesh.vertices, mesh.faces)
    squares, overlaps = [], []
    for i in range(0, len(capture), 4):
        image, depth = render_view(mesh, caster, tint, light, capture, i)
        seen = np.isfinite(depth)
        both = seen & capture.mask[i]
        overlaps.append(both.sum() / max(1, (seen | capture.mask[i]).sum()))
        squares.append(((image - capture.rgb[i] / 255.0)[both] ** 2).ravel())
    error = float(np.mean(np.concatenate(squares))) if squares else 1.0
    return float(-10 * np.log10(max(error, 1e-10))), float(np.mean(overlaps))


def views_of(
    points: Array, normals: Array, capture: Capture, caster: Caster, lift: float, min_cosine: float
) -> NDArray[np.int64]:
    """How many views see each point: facing it, nothing between, inside the image."""
    count = np.zeros(len(points), np.int64)
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
        facing = facing[known]
        free = ~caster.blocked(points[facing] + lift * normals[facing], to[facing])
        count[facing[free]] += 1
    return count


def cloud_of(half: NerfHalf, capture: Capture, params: CloudParams, rng: np.random.Generator) -> Cloud:
    """Even points of the half's surface that enough views really saw."""
    mesh = TriMesh(half.vertices, half.faces)
    points, face, weights = mesh.sample(params.points, rng)
    corners = half.faces[face]
    normals = np.einsum("nk,nkd->nd", weights, half.normals[corners])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    colours = np.einsum("nk,nkd->nd", weights, half.vertex_colours[corners].astype(float)).round().astype(np.uint8)
    caster = Caster(mesh.vertices, mesh.faces)
    views = views_of(points, normals, capture, caster, 0.5 * half.step, params.min_cosine)
    seen = views >= params.min_views
    return Cloud(points[seen], normals[seen], colours[seen], views[seen])


def clouds_of(
    nerfs: tuple[NerfHalf, NerfHalf], captures: tuple[Capture, Capture], params: CloudParams, rng: np.random.Generator
) -> Clouds:
    """Both halves' clouds."""
    up, down = (cloud_of(n, c, params, rng) for n, c in zip(nerfs, captures, strict=True))
    return Clouds(up, down, max(diameter(n.vertices) for n in nerfs))
