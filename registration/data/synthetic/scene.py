"""One virtual capture: cameras on a dome, lamps fixed to the room, a sensor with noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.data.synthetic.paint import Paint
from registration.geometry.camera import Cameras, pixel_grid
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import MISS, Caster
from registration.geometry.rigid import Array

Rng = np.random.Generator
OVERSAMPLING = 2
VARNISH = 0.55  # how bright a lamp's reflection is on a print: it has no ink's colour


@dataclass(frozen=True, eq=False)
class Lamp:
    """A distant lamp in the room; the object turns with the table under it."""

    direction: Array  # (3,) towards the lamp, in the camera's azimuth frame
    power: float
    casts: bool


def dome(views: int, size: int, focal: float, distance: float, rng: Rng, lowest_deg: float = 5.0) -> Cameras:
    """Cameras all around the origin, from so low to 78 degrees above the table, each a little off the middle."""
    n = np.arange(views)
    azimuth = 2 * np.pi * (n * 0.618034 % 1) + rng.uniform(-0.05, 0.05, views)
    elevation = np.radians(lowest_deg + (78 - lowest_deg) * ((n + 0.5) / views + rng.uniform(-0.2, 0.2, views) / views))
    R, t = np.empty((views, 3, 3)), np.empty((views, 3))
    for k, (a, e) in enumerate(zip(azimuth, elevation, strict=True)):
        eye = distance * rng.uniform(0.97, 1.03) * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        forward = rng.normal(0, 0.015 * distance, 3) - eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        roll = rng.normal(0, 0.03)
        down = np.cross(forward, right)
        right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
        R[k] = np.stack([right, down, forward])
        t[k] = -R[k] @ eye
    K = np.array([[focal, 0, (size - 1) / 2], [0, focal, (size - 1) / 2], [0, 0, 1.0]])
    return Cameras(np.tile(K, (views, 1, 1)), R, t, size, size)


def room_lamps(rng: Rng) -> list[Lamp]:
    """A key lamp that casts shadows and a weaker fill from the other side."""
    side = rng.choice([-1, 1])
    key = np.array([side * rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.3)])
    fill = np.array([-side * rng.uniform(0.6, 1.0), rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.6)])
    return [Lamp(v / np.linalg.norm(v), p, c) for v, p, c in ((key, 0.62, True), (fill, 0.22, False))]


def lamp_directions(lamp: Lamp, camera_R: Array) -> Array:  # (3,)
    """The lamp as the object sees it: it keeps its place beside the camera while the table turns."""
    forward = camera_R[2].copy()
    forward[2] = 0
    forward /= max(np.linalg.norm(forward), 1e-9)
    right = np.cross(forward, [0, 0, 1])
    x, y, z = lamp.direction
    return x * right - y * forward + z * np.array([0, 0, 1])


@dataclass(frozen=True, eq=False)
class Shot:
    """One noiseless image."""

    image: Array  # (h, w) or, of a print, (h, w, 3): linear brightness, black outside
    cover: Array  # (h, w) share of the pixel that shows the object
    depth: Array  # (h, w) mm, inf outside


def lighting(
    caster: Caster, off: Array, n: Array, d: Array, lamps: list[tuple[Lamp, Array]], gloss: float
) -> tuple[Array, Array]:  # (n,), (n,)
    """What white, seen along d, sends back, and how much of it is the lamps' reflection; from points just ``off`` it shadows fall."""
    light, sheen = 0.20 + 0.06 * n[:, 2], np.zeros(len(n))
    for lamp, to in lamps:
        lit = np.clip(n @ to, 0, 1)
        half = to - d
        shine = gloss * np.clip((n * half).sum(1) / np.linalg.norm(half, axis=1), 0, 1) ** 24 * (lit > 0)
        part, shine = lamp.power * (lit + shine), lamp.power * shine
        if lamp.casts:
            dark = caster.blocked(off, np.tile(to, (len(n), 1)))
            part, shine = np.where(dark, 0.15 * part, part), np.where(dark, 0.15 * shine, shine)
        light, sheen = light + part, sheen + shine
    return light, sheen


def shoot(
    mesh: TriMesh, caster: Caster, cameras: Cameras, i: int, lamps: list[Lamp], tone: float | Paint, gloss: float
) -> Shot:
    """Matt and glossy reflection of the lamps, with the key lamp's shadows; edges smoothed by oversampling."""
    s = OVERSAMPLING
    h, w = cameras.height, cameras.width
    pixels = (pixel_grid(w * s, h * s) + 0.5) / s - 0.5
    origin, rays = cameras.rays(i, pixels)
    distance, face = np.full(len(rays), np.inf), np.full(len(rays), MISS)
    corners = cameras.project(i, mesh.vertices)[0]
    worth = ((pixels >= corners.min(0) - 1) & (pixels <= corners.max(0) + 1)).all(1)
    distance[worth], face[worth] = caster.first_hits(origin, rays[worth])
    hit = face >= 0
    d, p = rays[hit], origin + distance[hit, None] * rays[hit]
    n = mesh.face_normals()[face[hit]]
    n = np.where((n * d).sum(1, keepdims=True) > 0, -n, n)
    hung = [(lamp, lamp_directions(lamp, cameras.R[i])) for lamp in lamps]
    light, sheen = lighting(caster, p + 0.02 * n * np.sqrt(mesh.area()) / 10, n, d, hung, gloss)
    if callable(tone):
        image = np.zeros((len(rays), 3))
        image[hit] = tone(p, n) * (light - sheen)[:, None] + VARNISH * sheen[:, None]
    else:
        image = np.zeros(len(rays))
        image[hit] = tone * light
    depth = np.full(len(rays), np.inf)
    depth[hit] = distance[hit] * (d @ cameras.R[i].T)[:, 2]
    blocks = lambda a: a.reshape(h, s, w, s, *a.shape[1:])  # noqa: E731
    cover = blocks(hit.astype(float)).mean((1, 3))
    return Shot(blocks(image).mean((1, 3)), cover, blocks(depth).min((1, 3)))


def expose(shot: Shot, rng: Rng, noise: float) -> NDArray[np.uint8]:  # (h, w, 3)
    """What the sensor makes of it: exposure, gamma, blur, shot and read noise, a faint tint."""
    from scipy.ndimage import gaussian_filter

    linear = gaussian_filter(shot.image, (0.4, 0.4, 0)[: shot.image.ndim]) * rng.uniform(0.88, 1.12)
    bright = np.clip(linear, 0, 1.3) ** (1 / 2.2)
    bright = bright.reshape(*shot.cover.shape, -1)  # (h, w, 1) or (h, w, 3)
    tint = np.array([1.0, 0.995, 0.985])
    grain = noise * rng.normal(0, 1, (*shot.cover.shape, 3)) * (0.006 + 0.012 * np.sqrt(bright))
    image = bright * tint + grain
    image = np.where(shot.cover[..., None] > 0, image, 0)
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)


def spoil_mask(cover: Array, rng: Rng, strength: float) -> NDArray[np.bool_]:
    """A mask as a segmenter gives it: a border that is off by a pixel here and there, specks, at times a bite."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    true = cover > 0.5
    if strength <= 0 or not true.any():
        return true
    edge = np.asarray(distance_transform_edt(true)) - np.asarray(distance_transform_edt(~true))
    wobble = gaussian_filter(rng.normal(size=true.shape), 2.0)
    wobble *= strength * 0.9 / max(wobble.std(), 1e-9)
    mask = edge + wobble > 0
    specks = rng.random(true.shape) < 0.0008 * strength
    mask ^= specks & (np.abs(edge) < 8)
    if rng.random() < 0.04 * strength:
        y, x = np.argwhere(np.abs(edge) < 1.5)[rng.integers((np.abs(edge) < 1.5).sum())]
        yy, xx = np.ogrid[: true.shape[0], : true.shape[1]]
        mask &= (yy - y) ** 2 + (xx - x) ** 2 > (0.03 * true.shape[0]) ** 2
    return mask if mask.any() else true


def spoil_depth(depth: Array, rng: Rng) -> NDArray[np.float64]:  # (h, w) mm, 0 unknown
    """Depth as a sensor gives it: noise that grows with distance, holes at steep edges."""
    seen = np.isfinite(depth)
    flat = np.where(seen, depth, 0)
    steep = np.hypot(*np.gradient(flat)) > 0.02 * np.maximum(flat, 1)
    keep = seen & ~steep & (rng.random(depth.shape) > 0.01)
    return np.where(keep, flat + rng.normal(0, 0.0015, depth.shape) * flat, 0)
