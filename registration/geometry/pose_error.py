"""How far a pose is from the true one: the errors of the BOP challenge (2019 and later) and the older ADD and ADD-S.

``est`` and ``true`` are T_cam_from_model, points are the model's vertices, all in millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from registration.geometry.rigid import Array, Rigid

SHARES = 0.05 * np.arange(1, 11)
"""BOP's thresholds: VSD's tau and theta, and MSSD's theta as a share of the diameter."""
PIXELS = 5.0 * np.arange(1, 11)
"""BOP's thresholds of MSPD, for an image 640 pixels wide."""
TURNS = 315
"""A turn about an axis of symmetry is cut into so many steps: no vertex moves by more than 0.01 diameters in one."""
ITSELF = (Rigid.identity(),)


def symmetries_of(info: dict[str, Any]) -> list[Rigid]:
    """Motions that leave the model as it is, the identity first, from the two keys that BOP's models_info.json has for them."""
    still = [Rigid.identity(), *(Rigid.from_matrix(np.reshape(m, (4, 4))) for m in info.get("symmetries_discrete", []))]
    turns = [
        turn for axis in info.get("symmetries_continuous", []) for turn in turns_about(axis["axis"], axis["offset"])
    ]
    return [a @ b for b, a in product(still, turns or [Rigid.identity()])]


def turns_about(axis: Any, offset: Any) -> list[Rigid]:  # (3,), (3,)
    """A whole turn about a line along ``axis`` through ``offset``, in TURNS steps, from none."""
    u, point = np.asarray(axis, float), np.asarray(offset, float)
    there = Rigid(np.eye(3), point)
    angles = 2 * np.pi / TURNS * np.arange(TURNS)
    return [there @ Rigid.exp([*(a * u / np.linalg.norm(u)), 0, 0, 0]) @ there.inverse() for a in angles]


def mssd(est: Rigid, true: Rigid, points: Array, symmetries: Sequence[Rigid] = ITSELF) -> float:  # (n, 3)
    """Largest way from a vertex to where it belongs, in mm, for the symmetry that makes it least."""
    here = est.apply(points)
    return min(float(np.linalg.norm(here - (true @ s).apply(points), axis=1).max()) for s in symmetries)


def mspd(est: Rigid, true: Rigid, K: Array, points: Array, symmetries: Sequence[Rigid] = ITSELF) -> float:
    """The same between the vertices' images, in pixels; K (3, 3), points (n, 3), all before the camera."""
    here = projected(est, K, points)
    return min(float(np.linalg.norm(here - projected(true @ s, K, points), axis=1).max()) for s in symmetries)


def projected(pose: Rigid, K: Array, points: Array) -> Array:  # (3, 3), (n, 3) -> (n, 2)
    """Pixels of model points."""
    p = pose.apply(points) @ K.T
    return p[:, :2] / p[:, 2:]


def add(est: Rigid, true: Rigid, points: Array) -> float:  # (n, 3)
    """Mean way from a vertex to where it belongs, in mm; knows no symmetry."""
    return float(np.linalg.norm(est.apply(points) - true.apply(points), axis=1).mean())


def adds(est: Rigid, true: Rigid, points: Array) -> float:  # (n, 3)
    """Mean way from where a vertex belongs to the nearest vertex, in mm: ADD-S, blind to symmetries true and nearly true."""
    return float(np.mean(KDTree(est.apply(points)).query(true.apply(points))[0]))


def vsd(est: Array, true: Array, seen: Array, diameter: float, taus: ArrayLike = SHARES, delta: float = 15.0) -> Array:
    """Share of the visible pixels where both poses do not show the same surface within tau diameters; (t,), one per tau.

    Images (h, w) of distances from the camera's centre in mm: of the model in both poses, inf beside it, and of the scene, 0
    where it is not known; what lies up to ``delta`` behind the scene, or where that is not known, is visible. Nothing
    visible is an error of 1.
    """
    shows_true = shown(true, seen, delta)
    shows_est = shown(est, seen, delta) | (np.isfinite(est) & shows_true)
    both, either = shows_true & shows_est, shows_true | shows_est
    if not either.any():
        return np.ones(np.size(taus))
    off = np.abs(est[both] - true[both]) / diameter
    wrong = (off >= np.reshape(taus, (-1, 1))).sum(1)
    return (wrong + either.sum() - both.sum()) / either.sum()


def shown(model: Array, seen: Array, delta: float) -> NDArray[np.bool_]:  # (h, w)
    """Pixels of a model that nothing of the scene hides."""
    return np.isfinite(model) & ((seen == 0) | (model <= seen + delta))
