"""What cameras that face a body see of it: coordinates, normals, colours, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.geometry.camera import Cameras, pixel_grid
from registration.geometry.mesh import barycentric, blended
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array
from registration.progress import Tick, silent

ROOM = 1.12
"""A look is so much wider than the ball around the body."""


@dataclass(frozen=True, eq=False)
class Body:
    """A surface to look at, and which of it is known rather than made up."""

    vertices: Array  # (v, 3) mm
    faces: NDArray[np.int64]  # (f, 3)
    normals: Array  # (v, 3)
    tints: NDArray[np.uint8]  # (v, 3) colours without light
    known: NDArray[np.bool_]  # (v,)
    middle: Array  # (3,)
    radius: float
    """Half the diameter that both captures agree on, mm."""


@dataclass(frozen=True, eq=False)
class Looks:
    """Square pictures from cameras whose axes run through one place, pixel by pixel."""

    K: Array  # (n, 3, 3)
    R: Array  # (n, 3, 3)
    t: Array  # (n, 3)
    point: NDArray[np.float16]  # (n, s, s, 3) in radii from the body's middle
    normal: NDArray[np.int8]  # (n, s, s, 3) in the camera's axes, 127 long
    tint: NDArray[np.uint8]  # (n, s, s, 3)
    hit: NDArray[np.bool_]  # (n, s, s)
    known: NDArray[np.bool_]  # (n, s, s) the surface seen there is one that the capture saw
    middle: Array  # (3,)
    radius: float

    def __len__(self) -> int:
        return len(self.K)

    @property
    def cameras(self) -> Cameras:
        """Whence."""
        return Cameras(self.K, self.R, self.t, self.hit.shape[2], self.hit.shape[1])


def turned_to(axis: Array) -> Array:  # (3,) in the camera's axes -> (3, 3)
    """The smallest turn that brings a direction onto the optical axis."""
    z = axis / np.linalg.norm(axis)
    across = np.cross(z, (0.0, 0.0, 1.0))
    k = np.array([[0, -across[2], across[1]], [across[2], 0, -across[0]], [-across[1], across[0], 0]])
    return np.eye(3) + k + k @ k / (1 + z[2])


def facing(cameras: Cameras, middle: Array, radius: float, size: int) -> Cameras:
    """The same places, each camera turned to the middle and zoomed so that the ball around it fills the picture."""
    seen = cameras.R @ middle + cameras.t  # (n, 3)
    turns = np.stack([turned_to(axis) for axis in seen])
    away = np.linalg.norm(seen, axis=1)
    f = 0.5 * size * np.sqrt(np.maximum(away**2 - radius**2, (0.2 * away) ** 2)) / (ROOM * radius)
    K = np.zeros((len(cameras), 3, 3))
    K[:, 0, 0] = K[:, 1, 1] = f
    K[:, :2, 2], K[:, 2, 2] = (size - 1) / 2, 1
    return Cameras(K, turns @ cameras.R, np.einsum("nij,nj->ni", turns, cameras.t), size, size)


def around(middle: Array, distances: Array, directions: Array, rolls: Array) -> tuple[Array, Array]:
    """Cameras at these distances in these directions (unit), each rolled by an angle; R (n, 3, 3) and t (n, 3)."""
    away = -directions
    help_ = np.where(np.abs(away[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    x = np.cross(help_, away)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.cross(away, x)
    c, s = np.cos(rolls)[:, None], np.sin(rolls)[:, None]
    R = np.stack([c * x + s * y, c * y - s * x, away], 1)
    centres = middle + distances[:, None] * directions
    return R, -np.einsum("nij,nj->ni", R, centres)


def look_at(body: Body, cameras: Cameras, tick: Tick = silent) -> Looks:
    """Render a body from cameras that face it."""
    caster = Caster(body.vertices, body.faces)
    shape = (len(cameras), cameras.height, cameras.width)
    point, normal = np.zeros((*shape, 3), np.float16), np.zeros((*shape, 3), np.int8)
    tint, hit, known = np.zeros((*shape, 3), np.uint8), np.zeros(shape, bool), np.zeros(shape, bool)
    for i in range(len(cameras)):
        depth, face = depth_image(caster, cameras, i)
        seen = face >= 0
        pixels = pixel_grid(cameras.width, cameras.height)[seen.ravel()]
        places = cameras.places(i, pixels, depth[seen])
        corners = body.faces[face[seen]]
        weights = barycentric(places, *(body.vertices[corners[:, k]] for k in range(3)))
        n = blended(body.normals, corners, weights) @ cameras.R[i].T
        nearest = corners[np.arange(len(corners)), weights.argmax(1)]
        point[i][seen] = (places - body.middle) / body.radius
        normal[i][seen] = np.rint(127 * n)
        tint[i][seen] = np.einsum("nk,nkd->nd", weights, body.tints[corners].astype(float)).round()
        hit[i], known[i][seen] = seen, body.known[nearest]
        tick(i + 1, len(cameras))
    return Looks(
        cameras.K, cameras.R, cameras.t, point, normal, tint, hit, known, body.middle, body.radius
    )  # fmt: skip
