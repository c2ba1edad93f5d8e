"""A capture's light: even light, and a lamp if its shadows are seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.camera import pixel_grid
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array
from registration.nerf.light import TERMS, Light, fitted, harmonics, lamp_frames, light_bases, upright

GREY = 0.5
"""Colour that a surface has before it is learned."""
PER_VIEW = 200
"""Pixels of each view that serve to guess the light."""
SEARCHED, DIRECTIONS = 3000, 150
"""Pixels and directions that a lamp is searched with."""
NARROWER, LAST = (0.2, 0.1, 0.05), (0.03,)
AROUND = 8
"""A lamp's direction is bettered among so many around it, nearer and nearer; last with all pixels."""
WORTH = 0.03
"""A lamp must take away this share of what even light leaves over."""
LIFT = 1.5
"""Voxels above the surface that its light is looked for from."""


@dataclass
class Spots:
    """Places that views see, on a first guess of the surface."""

    view: NDArray[np.int64]  # (m,) ascending
    points: Array  # (m, 3)
    normals: Array  # (m, 3)
    brightness: Array  # (m,) as a share of the surface's own

    def at(self, chosen: NDArray[np.int64]) -> Spots:
        """Some of them."""
        return Spots(self.view[chosen], self.points[chosen], self.normals[chosen], self.brightness[chosen])

    def by_view(self, rows: Array, views: int) -> list[Array]:
        """Rows (m, ...) in one piece a view."""
        return np.split(rows, np.searchsorted(self.view, np.arange(1, views)))


def spots_of(capture: Capture, mesh: TriMesh, caster: Caster, grey: float) -> Spots:
    """Evenly strided pixels of every mask that meet the surface, with smooth normals and all of one colour."""
    faces, vertex_normals = mesh.faces, mesh.vertex_normals()
    parts: list[tuple[NDArray, ...]] = []
    for i in range(len(capture)):
        inside = np.flatnonzero(capture.mask[i].ravel())
        pixels = inside[:: max(1, len(inside) // PER_VIEW)]
        grid = pixel_grid(capture.mask.shape[2], capture.mask.shape[1])[pixels]
        origin, directions = capture.cameras.rays(i, grid)
        far, face = caster.first_hits(origin, directions)
        hit = face >= 0
        normals = vertex_normals[faces[face[hit]]].mean(1)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        points = origin + far[hit, None] * directions[hit]
        brightness = capture.rgb[i].reshape(-1, 3)[pixels[hit]].mean(1) / 255
        parts.append((np.full(hit.sum(), i), points, normals, brightness / grey))
    return Spots(*(np.concatenate(p) for p in zip(*parts, strict=True)))


def lamp_shade(spots: Spots, caster: Caster, frames: Array, direction: Array, lift: float) -> Array:  # (m,)
    """How brightly a lamp of strength one, fixed to frames (views, 3, 3), lights each place; 0 in its shadow."""
    toward = (direction @ frames)[spots.view]
    facing = (toward * spots.normals).sum(1)
    index = np.flatnonzero(facing > 0)
    free = ~caster.blocked(spots.points[index] + lift * spots.normals[index], toward[index])
    out = np.zeros(len(facing))
    out[index[free]] = facing[index[free]]
    return out


def even_directions(n: int) -> Array:  # (n, 3)
    """Directions spread evenly over the sphere."""
    k = np.arange(n) + 0.5
    z, turn = 1 - 2 * k / n, np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], 1)


def likeliest(
    spots: Spots, caster: Caster, even: Array, gain: Array, frames: list[Array], lift: float
) -> tuple[int, Array]:
    """Of many directions in every frame the one whose lamp takes most away of what even light (m, 27) leaves over."""
    base = np.linalg.qr(even)[0]
    left = spots.brightness - base @ (base.T @ spots.brightness)
    guesses: list[tuple[float, int, Array]] = []
    for k, frame in enumerate(frames):
        for direction in even_directions(DIRECTIONS):
            lamp = lamp_shade(spots, caster, frame, direction, lift) * gain[spots.view]
            new = lamp - base @ (base.T @ lamp)
            taken = max(0.0, float(new @ left)) ** 2 / max(float(new @ new), 1e-12)
            guesses.append((taken, k, direction))
    return max(guesses, key=lambda g: g[0])[1:]


def bettered(
    spots: Spots, caster: Caster, even: list[Array], frame: Array, direction: Array, lift: float,
    reaches: tuple[float, ...],
) -> tuple[Array, float, float]:  # fmt: skip
    """A lamp's direction (3,) moved to where it explains the images best; the mean error there, and its strength."""
    bright = spots.by_view(spots.brightness, len(even))

    def judged(w: Array) -> tuple[float, float]:
        lamp = spots.by_view(lamp_shade(spots, caster, frame, w, lift)[:, None], len(even))
        shared, _, off = fitted([np.hstack(pair) for pair in zip(even, lamp, strict=True)], bright, rounds=3)
        return float(np.abs(off).mean()), float(shared[-1])

    best, strength = judged(direction)
    for reach in reaches:
        for step in even_directions(AROUND):
            w = direction + reach * step
            w /= np.linalg.norm(w)
            error, power = judged(w)
            if error < best:
                best, strength, direction = error, power, w
    return direction, best, strength


def find_lamp(
    spots: Spots, caster: Caster, even: list[Array], frames: list[Array], lift: float, known: tuple[int, Array] | None
) -> tuple[int, Array] | None:
    """The frame that a lamp is fixed to, and its direction (3,) there; None if no lamp explains the images better.

    One that is ``known`` is bettered only; else every direction in every frame is looked at.
    """
    chosen = np.unique(np.linspace(0, len(spots.view) - 1, SEARCHED).astype(int))
    few, terms = spots.at(chosen), np.concatenate(even)[chosen]
    _, gain, off = fitted(even, spots.by_view(spots.brightness, len(even)))
    k, direction = known or likeliest(few, caster, terms * gain[few.view, None], gain, frames, lift)
    direction = bettered(few, caster, few.by_view(terms, len(even)), frames[k], direction, lift, NARROWER)[0]
    direction, error, strength = bettered(spots, caster, even, frames[k], direction, lift, LAST)
    return (k, direction) if strength > 0 and error < (1 - WORTH) * float(np.abs(off).mean()) else None


def light_on(
    capture: Capture, mesh: TriMesh, grey: float, lift: float, known: tuple[int, Array] | None = None
) -> Light:
    """The light that explains the images best on a surface all of one colour, with a lamp if its shadows are seen."""
    caster = Caster(mesh.vertices, mesh.faces)
    spots, views = spots_of(capture, mesh, caster, grey), len(capture)
    up = upright(capture.cameras)
    bases, frames = light_bases(capture.cameras, up), lamp_frames(capture.cameras, up)
    even, bright = even_terms(spots, bases), spots.by_view(spots.brightness, views)
    found = find_lamp(spots, caster, even, frames, lift, known)
    lamp = np.zeros(9)
    if found is None:
        shared, gain, _ = fitted(even, bright)
        return light_from(bases, np.concatenate([shared, lamp]), gain)
    k, direction = found
    shadowed = spots.by_view(lamp_shade(spots, caster, frames[k], direction, lift)[:, None], views)
    shared, gain, _ = fitted([np.hstack(pair) for pair in zip(even, shadowed, strict=True)], bright)
    lamp[3 * k : 3 * k + 3] = max(float(shared[-1]), 0.0) * direction
    return light_from(bases, np.concatenate([shared[:-1], lamp]), gain)


def even_terms(spots: Spots, bases: NDArray[np.float32]) -> list[Array]:  # each (m, 27)
    """What the shared even light adds to each place of each view."""
    terms = harmonics(torch.from_numpy(spots.normals)).numpy()
    return [t @ b[:TERMS, : 3 * TERMS] for t, b in zip(spots.by_view(terms, len(bases)), bases, strict=True)]


def light_from(bases: NDArray[np.float32], shared: Array, gain: Array) -> Light:
    """Tables of a light."""
    to = lambda a: torch.from_numpy(np.asarray(a, np.float32))  # noqa: E731
    return Light(to(bases), to(shared), to(gain))
