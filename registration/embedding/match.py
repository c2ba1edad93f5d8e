"""From a picture to a pose by PnP: which surface point does each pixel show, and which pose agrees with most of them."""

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
SHARPER = 1.5
"""Exponent of the probabilities by which correspondences are drawn."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the network said of one picture."""

    pixels: Array  # (m, 2) of the look
    trust: NDArray[np.float32]  # (m,) that a pixel shows known surface
    likeness: NDArray[np.float32]  # (m, n) log-probability of every surface point, of each pixel


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


def pnp(
    pixels: Array, places: Array, camera: Cameras, seed: int, iterations: int = 3_000
) -> tuple[Rigid, NDArray[np.bool_]] | None:  # (m, 2), (m, 3)
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
