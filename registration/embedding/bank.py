"""From a half to what its training needs: looks from anywhere, a clean cloud, places that are wrong."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from registration.embedding.looks import Body, Looks, around, facing, look_at
from registration.embedding.params import CorrespondenceParams
from registration.embedding.record import Correspondences
from registration.errors import UserError
from registration.geometry.camera import Cameras
from registration.geometry.rigid import Array
from registration.geometry.rotation import random_rotations, spread_directions
from registration.progress import Tick

KNOWN_WITHIN = 0.03
"""A vertex nearer than this to a point that the capture saw is known, radii."""
OFF = (0.06, 0.35)
"""How far free space near the surface reaches, radii."""
FREE = 4_000
DEEPEST = 16
"""Pixels of a look that the network brings down to one."""


def known_vertices(vertices: Array, points: Array, radius: float) -> np.ndarray:  # (v, 3), (p, 3) -> (v,) bool
    """Which vertices lie at points that were seen."""
    return KDTree(points).query(vertices, distance_upper_bound=KNOWN_WITHIN * radius)[0] < np.inf


def off_surface(points: Array, normals: Array, radius: float, rng: np.random.Generator) -> Array:  # -> (FREE, 3)
    """Places in front of and behind the surface, none of them near any of it."""
    at = rng.integers(len(points), size=2 * FREE)
    far = radius * rng.uniform(*OFF, size=(2 * FREE, 1)) * rng.choice([-1, 1], size=(2 * FREE, 1))
    places = points[at] + far * normals[at]
    clear = KDTree(points).query(places)[0] > OFF[0] * radius
    return places[clear][:FREE] if clear.any() else places[:FREE]


def make_bank(
    body: Body, points: Array, normals: Array, cameras: Cameras, params: CorrespondenceParams,
    rng: np.random.Generator, tick: Tick,
) -> Correspondences:  # fmt: skip
    """Looks from the capture's own places and from everywhere else, below the horizon too."""
    if not params.size or params.size % DEEPEST:
        raise UserError(f"looks of {params.size} pixels", "correspondences.size", f"a multiple of {DEEPEST}, such as 64")
    distances = np.linalg.norm(cameras.centres() - body.middle, axis=1)
    n = params.views
    R, t = around(
        body.middle, rng.choice(distances, n) * rng.uniform(0.85, 1.15, n),
        spread_directions(n) @ random_rotations(1, rng)[0].T, rng.uniform(0, 2 * np.pi, n),
    )  # fmt: skip
    every = Cameras(
        np.tile(np.eye(3), (n + len(cameras), 1, 1)), np.concatenate([R, cameras.R]), np.concatenate([t, cameras.t]),
        params.size, params.size,
    )  # fmt: skip
    looks = look_at(body, facing(every, body.middle, body.radius, params.size), tick)
    own = np.arange(len(looks)) >= n
    enough = own | (looks.known.sum((1, 2)) > params.least_known * np.maximum(looks.hit.sum((1, 2)), 1))
    return Correspondences(
        picked(looks, np.flatnonzero(enough)), own[enough], points, normals,
        off_surface(points, normals, body.radius, rng),
    )  # fmt: skip


def picked(looks: Looks, at: np.ndarray) -> Looks:
    """Some of the looks."""
    return Looks(
        looks.K[at], looks.R[at], looks.t[at], looks.point[at], looks.normal[at], looks.tint[at], looks.hit[at],
        looks.known[at], looks.middle, looks.radius,
    )  # fmt: skip
