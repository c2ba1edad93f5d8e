"""From a picture to poses: which surface point does each pixel show, and which pose agrees with most of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registration.geometry.camera import Cameras
from registration.geometry.rigid import Array, Rigid

REPROJECTION = 2.5
"""Pixels of a look that a correspondence may be off by."""
KNOWN = 0.3
"""Pixels below this probability of showing known surface are not asked."""
DEPTH_CELLS = 24
SHARPER = 1.5
"""Exponent of the probabilities by which correspondences are drawn."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the network said of one picture."""

    pixels: Array  # (m, 2) of the look
    trust: NDArray[np.float32]  # (m,) that a pixel shows known surface
    likeness: NDArray[np.float32]  # (m, n) log-probability of every surface point, of each pixel


@dataclass(frozen=True, eq=False)
class Found:
    """One pose of one picture."""

    T_cam_from_reference: Rigid
    score: float
    """Mean log-likelihood over chance of the surface that the pose shows; 0 is chance."""
    inliers: int
    drawn: int


def drawn_from(likeness: NDArray[np.float32], rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A surface point for each of these rows of (m, n) log-probabilities, the likely ones more often than they are likely."""
    edges = np.cumsum(np.exp(SHARPER * likeness), 1)
    cut = (rng.random(len(rows)) * edges[rows, -1]).astype(np.float32)
    return np.minimum((edges[rows] < cut[:, None]).sum(1), likeness.shape[1] - 1)


def correspondences(answers: Answers, count: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    """Pixels (k, 2) and surface points (k,), drawn as likely as the network holds them: several per pixel."""
    weight = np.maximum(answers.trust, 1e-6).astype(float)
    pixel = rng.choice(len(weight), size=count, p=weight / weight.sum())
    return answers.pixels[pixel], drawn_from(answers.likeness, pixel, rng)


def pnp(pixels: Array, places: Array, camera: Cameras, seed: int, iterations: int) -> tuple[Rigid, NDArray[np.bool_]] | None:
    """Pose of a camera by PnP-RANSAC; None if nothing agrees."""
    import poselib

    answer: tuple[Any, dict[str, Any]] = poselib.estimate_absolute_pose(
        pixels, places, as_dict(camera),
        {"max_reproj_error": REPROJECTION, "max_iterations": iterations, "min_iterations": 500, "seed": seed},
        {"loss_type": "CAUCHY", "loss_scale": 1.0},
    )  # fmt: skip
    pose, info = answer
    inliers = np.asarray(info["inliers"], bool)
    if inliers.sum() < 6:
        return None
    return Rigid(np.asarray(pose.R), np.asarray(pose.t)), inliers


def as_dict(camera: Cameras) -> dict[str, Any]:
    """One camera as poselib reads it."""
    K = camera.K[0]
    return {
        "model": "PINHOLE", "width": camera.width, "height": camera.height,
        "params": [K[0, 0], K[1, 1], K[0, 2], K[1, 2]],
    }  # fmt: skip


def visible(pixels: Array, depth: Array, facing: NDArray[np.bool_], size: int, slack: float) -> NDArray[np.bool_]:
    """Which projected points nothing else covers, by a coarse depth buffer."""
    cell = np.clip((pixels * DEPTH_CELLS / size).astype(int), 0, DEPTH_CELLS - 1)
    flat = cell[:, 1] * DEPTH_CELLS + cell[:, 0]
    front = np.full(DEPTH_CELLS**2, np.inf)
    np.minimum.at(front, flat[facing], depth[facing])
    return facing & (depth < front[flat] + slack)


def score(
    answers: Answers, pose: Rigid, camera: Cameras, points: Array, normals: Array, radius: float
) -> float:
    """How much likelier than chance the network holds what the pose shows, per point that it shows.

    A point that falls where the network sees no known surface costs as much as a wrong one.
    """
    posed = Cameras(camera.K, pose.R[None], pose.t[None], camera.width, camera.height)
    uv, z = posed.project(0, points)
    toward = -(pose.apply(points))
    facing = ((pose.turn(normals) * toward).sum(1) > 0.15 * np.linalg.norm(toward, axis=1)) & (z > 0)
    shown = np.flatnonzero(visible(uv, z, facing, camera.width, 0.12 * radius))
    if len(shown) < 20:
        return -np.inf
    cells = camera.width // 2
    table = np.full((cells, cells), -1)
    at = (answers.pixels // 2).astype(int)
    table[at[:, 1], at[:, 0]] = np.arange(len(at))
    x, y = np.clip((uv[shown] / 2).astype(int), 0, cells - 1).T
    row = table[y, x]
    log_chance = -np.log(answers.likeness.shape[1])
    value = np.full(len(shown), -1.0)
    hit = row >= 0
    near = answers.likeness[row[hit], shown[hit]] - log_chance
    trust = answers.trust[row[hit]]
    value[hit] = trust * np.clip(near, -2, 6) - (1 - trust) * 1.0
    # What the picture shows of known surface has to be explained as well.
    explained = np.zeros(len(at), bool)
    explained[np.unique(row[hit])] = True
    spread = max(1, round(len(answers.pixels) / max(explained.sum(), 1)))
    missed = answers.trust[~explained].sum() / max(answers.trust.sum(), 1e-6) if spread < 4 else 1.0
    return float(value.mean() - missed)


def poses_of(
    answers: Answers, camera: Cameras, points: Array, normals: Array, radius: float, rng: np.random.Generator,
    tries: int = 3, drawn: int = 800, iterations: int = 3_000,
) -> list[Found]:  # fmt: skip
    """The poses that draws of correspondences lead to, the best first; those that agree counted once."""
    if len(answers.pixels) < 12:
        return []
    found: list[Found] = []
    for _ in range(tries):
        pixels, at = correspondences(answers, drawn, rng)
        pose = pnp(pixels, points[at], camera, int(rng.integers(2**31)), iterations)
        if pose is not None:
            T, inliers = pose
            found.append(Found(T, score(answers, T, camera, points, normals, radius), int(inliers.sum()), drawn))
    found.sort(key=lambda f: -f.score)
    kept: list[Found] = []
    for f in found:
        if all(f.T_cam_from_reference.angle_deg(k.T_cam_from_reference) > 10 for k in kept):
            kept.append(f)
    return kept
