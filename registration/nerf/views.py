"""What a half looks like from any camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from registration.geometry.camera import Cameras
from registration.geometry.mesh import barycentric, blended
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array
from registration.nerf.light import TERMS, light_bases, shade
from registration.nerf.record import NerfHalf

SAMPLES = 2
"""Rays along either side of a pixel of a photograph."""


@dataclass(frozen=True, eq=False)
class Views:
    """Images of a half; outside the object all is zero, and the depth infinite."""

    rgb: NDArray[np.float32]  # (n, h, w, 3) 0..1, as blurred as the capture's images, its edges as well
    albedo: NDArray[np.float32]  # (n, h, w, 3) 0..1, without light
    normal: NDArray[np.float32]  # (n, h, w, 3) unit, in the capture's frame
    depth: NDArray[np.float32]  # (n, h, w) mm along the optical axis
    opacity: NDArray[np.float32]  # (n, h, w) 0 or 1


def light_at(half: NerfHalf, cameras: Cameras) -> NDArray[np.float32]:  # (n, 12)
    """The light that new cameras would find in the room the capture was taken in."""
    return light_bases(cameras, half.axis) @ half.shared_light


def render_views(
    half: NerfHalf, cameras: Cameras, light: Array | NDArray[np.float32] | None = None, caster: Caster | None = None
) -> Views:
    """Images from all cameras, under the light of the room or a given one, (n, 9) even or (n, 12) with a lamp."""
    caster = caster or Caster(half.vertices, half.faces)
    light = light_at(half, cameras) if light is None else light
    shape = (len(cameras), cameras.height, cameras.width)
    rgb, albedo, normal = (np.zeros((*shape, 3), np.float32) for _ in range(3))
    depths, opacity = np.full(shape, np.inf, np.float32), np.zeros(shape, np.float32)
    for i in range(len(cameras)):
        depth, face = depth_image(caster, cameras, i)
        seen = face >= 0
        corners, weights = half.faces[face[seen]], corner_weights(half, cameras, i, depth, face)
        points = np.einsum("nk,nkd->nd", weights, half.vertices[corners])
        n = blended(half.normals, corners, weights)
        tint = np.einsum("nk,nkd->nd", weights, half.vertex_colours[corners] / 255.0)
        bright = shade(n, light[i], unshadowed(points, n, light[i], caster, 1.5 * half.step))
        depths[i], opacity[i] = depth, seen
        albedo[i][seen], normal[i][seen] = tint, n
        rgb[i][seen] = (tint * bright[:, None]).clip(0, 1)
        rgb[i] = blurred(rgb[i], half.blur)
    return Views(rgb, albedo, normal, depths, opacity)


def photographs(
    half: NerfHalf, cameras: Cameras, light: Array | NDArray[np.float32] | None = None, blur: float | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Images (n, h, w, 3) whose pixels gather light over their whole area, blurred as the capture's unless told, and opacity (n, h, w) 0..1."""
    caster, sharp = Caster(half.vertices, half.faces), replace(half, blur=0.0)
    light = light_at(half, cameras) if light is None else light
    shape = (len(cameras), cameras.height, cameras.width)
    rgb, opacity = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    for i in range(len(cameras)):
        fine = render_views(sharp, cameras.only(i).finer(SAMPLES), light[i : i + 1], caster)
        parts = (cameras.height, SAMPLES, cameras.width, SAMPLES)
        rgb[i] = blurred(fine.rgb[0].reshape(*parts, 3).mean((1, 3)), half.blur if blur is None else blur)
        opacity[i] = fine.opacity[0].reshape(parts).mean((1, 3))
    return rgb, opacity


def blurred(image: NDArray[np.float32], pixels: float) -> NDArray[np.float32]:  # (h, w, 3)
    """As a lens and a grid of finite pixels show it."""
    return np.asarray(gaussian_filter(image, (pixels, pixels, 0)), np.float32) if pixels else image


def unshadowed(
    points: Array, normals: Array, light: Array | NDArray[np.float32], caster: Caster, lift: float
) -> NDArray[np.bool_]:  # (m,)
    """Which places the lamp of a light reaches."""
    strength = float(np.linalg.norm(light[TERMS:]))
    if strength < 1e-6:
        return np.zeros(len(points), bool)
    toward = np.broadcast_to(np.asarray(light[TERMS:], float) / strength, points.shape)
    return ~caster.blocked(points + lift * normals, toward)


def corner_weights(half: NerfHalf, cameras: Cameras, i: int, depth: Array, face: NDArray[np.int64]) -> Array:
    """Barycentric weights (m, 3) of the places that the pixels of view i see."""
    y, x = np.nonzero(face >= 0)
    points = cameras.places(i, np.stack([x, y], 1).astype(float), depth[y, x])
    return barycentric(points, *(half.vertices[half.faces[face[y, x]][:, k]] for k in range(3)))
