"""The plane an object stands on where no board tells: found among points, and a frame that lies on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from registration.data.fit import middle_of
from registration.data.scan.motion import Motion
from registration.geometry.rigid import Array, Rigid

DRAWN, THIN = 2_000, 0.004
"""Planes that are tried, and how far a point of it may lie off, as a share of the cameras' distance."""
BELOW = 3.0
"""A point beneath a table weighs so much more than one on it."""
LEAST_SHARE = 0.15
"""A plane holds at least this share of the points, or there is none."""
LEAST_SEEN = 3
"""Images that show a point which is believed."""
WIDTH_MM = 160.0
"""What the images show of the floor at its middle is taken to be so wide where there is no unit."""


@dataclass(frozen=True, eq=False)
class Floor:
    """The plane z = 0 and how much of it is looked at; what lies on it nobody knows but from the images."""

    size_mm: Array  # (2,) about the origin: the object stands there
    places: Array  # (n, 2) where points of it were seen, mm


def aim_of(poses: list[Rigid]) -> tuple[Array, float]:
    """The point nearest to what all cameras look straight at, and their usual distance from it."""
    R, t = np.stack([T.R for T in poses]), np.stack([T.t for T in poses])
    aim = middle_of(np.tile(np.eye(3), (len(R), 1, 1)), R, t, np.zeros((len(R), 2)))
    return aim, float(np.median(np.linalg.norm(R @ aim + t, axis=1)))


def plane_under(points: Array, eyes: Array, thin: float) -> tuple[Array, float] | None:  # (m, 3), (n, 3)
    """Normal n, towards the cameras, and offset d of the plane n x = d that holds the most points and has few beneath; None: there is none."""
    if len(points) < 20:
        return None
    rng = np.random.default_rng(0)
    corners = points[rng.integers(len(points), size=(DRAWN, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals[lengths > 1e-12] / lengths[lengths > 1e-12, None]
    offsets = (normals * corners[lengths > 1e-12, 0]).sum(1)
    side = np.sign((eyes @ normals.T - offsets).mean(0))
    normals, offsets = normals * side[:, None], offsets * side
    some = points[rng.permutation(len(points))[:2_000]]
    off = some @ normals.T - offsets  # (m, planes)
    best = int(np.argmax((np.abs(off) < thin).sum(0) - BELOW * (off < -3 * thin).sum(0)))
    normal, offset = normals[best], offsets[best]
    for _ in range(3):
        on = points[np.abs(points @ normal - offset) < thin]
        middle = on.mean(0)
        normal = np.linalg.svd(on - middle, full_matrices=False)[2][2]
        normal = normal if ((eyes - middle) @ normal).mean() > 0 else -normal
        offset = float(middle @ normal)
    share = float((np.abs(points @ normal - offset) < thin).mean())
    return (normal, offset) if share > LEAST_SHARE and ((eyes @ normal) > offset).all() else None


def frame_on(normal: Array, origin: Array, axes: Array) -> Rigid:  # (3, 3)
    """T_floor_from_world: z along the normal, x along the one of three axes that lies flattest."""
    along = axes[np.argmin(np.abs(axes @ normal))]
    x = along - (along @ normal) * normal
    x /= np.linalg.norm(x)
    R = np.asarray(np.stack([x, np.cross(normal, x), normal]), float)
    return Rigid(R, np.asarray(-R @ origin, float))


def settled(motion: Motion, on_floor: bool, metric: bool) -> tuple[Motion, Floor | None, Array]:
    """The same in a frame z up with its origin where the cameras look, put down on the floor if one is asked for and found; and what they look at.

    Lengths stay if they are ``metric``, else are made what they may be in millimetres.
    """
    c = motion.calibration
    poses = list(c.poses.values())
    eyes, (aim, away) = np.array([T.inverse().t for T in poses]), aim_of(poses)
    wide = away * min(c.lens.size) / c.lens.f
    plane = plane_under(motion.points[motion.seen_by() >= LEAST_SEEN], eyes, THIN * away) if on_floor else None
    up = plane[0] if plane else np.asarray((eyes - aim).mean(0) / np.linalg.norm((eyes - aim).mean(0)))
    origin = aim - (aim @ up - plane[1]) * up if plane else aim
    T, scale = frame_on(up, origin, poses[0].R), 1.0 if metric else WIDTH_MM / wide
    moved = transformed(motion, T, scale)
    if plane is None:
        return moved, None, scale * T.apply(aim)
    there = moved.points[moved.seen_by() >= LEAST_SEEN]
    places = there[np.abs(there[:, 2]) < 2 * THIN * scale * away, :2]
    return moved, Floor(np.full(2, scale * wide), places), scale * T.apply(aim)


def transformed(motion: Motion, T: Rigid, scale: float) -> Motion:
    """Moved into another frame, then all lengths times a factor."""
    back, poses = T.inverse(), motion.calibration.poses
    moved = {n: (P @ back).scaled(scale) for n, P in poses.items()}
    return Motion(replace(motion.calibration, poses=moved), scale * T.apply(motion.points))
