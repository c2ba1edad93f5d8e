"""Laying one surface onto another that may be turned any way, by shape alone."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from registration.geometry.rigid import Array, Rigid

TURNS = 160
"""Turns that are tried, besides those of the principal axes."""
COARSE = 500
"""Points that take part while turns are tried."""
TRIM = 0.9
"""Share of the points that counts: what was never seen is not held against a turn."""


def laid(a: Array, b: Array, normals: Array, rng: np.random.Generator) -> Rigid:  # (n, 3), (m, 3), (m, 3)
    """T_b_from_a that lays even points of a surface, in any order, onto those of another with its normals."""
    goal, few, found = KDTree(b), KDTree(b[:COARSE]), []
    for R in starts(a, b, rng):
        start = Rigid(R, b.mean(0) - R @ a.mean(0))
        found.append(followed(a[:COARSE], b[:COARSE], normals[:COARSE], few, start, 8))
    found.sort(key=lambda f: f[0])
    ends = [followed(a, b, normals, goal, T, 30) for _, T in found[:4]]
    return min(ends, key=lambda f: f[0])[1]


def starts(a: Array, b: Array, rng: np.random.Generator) -> list[Array]:
    """Turns to begin with: principal axes onto principal axes, and others from all around."""
    frames = []
    for points in (a, b):
        axes = np.linalg.svd(points - points.mean(0), full_matrices=False)[2]
        frames.append(axes * np.linalg.det(axes))
    cube = Rotation.create_group("O").as_matrix()
    quaternions = rng.normal(size=(TURNS, 4))
    others = Rotation.from_quat(quaternions).as_matrix()
    return [*(frames[1].T @ R @ frames[0] for R in cube), *others]


def followed(a: Array, b: Array, normals: Array, tree: KDTree, T: Rigid, rounds: int) -> tuple[float, Rigid]:
    """Point-to-plane steps from a start; how far apart they end, both ways, and the motion."""
    for _ in range(rounds):
        moved = T.apply(a)
        distance, index = tree.query(moved)
        kept = distance <= np.quantile(distance, TRIM)
        p, q, n = moved[kept], b[np.asarray(index)[kept]], normals[np.asarray(index)[kept]]
        J = np.concatenate([np.cross(p, n), n], 1)
        size = np.abs(p).max()
        scaled = J / np.array([size] * 3 + [1.0] * 3)
        step = np.linalg.lstsq(scaled, ((q - p) * n).sum(1), rcond=1e-6)[0] / np.array([size] * 3 + [1.0] * 3)
        T = Rigid.exp(step) @ T
    moved = T.apply(a)
    both = (tree.query(moved)[0], KDTree(moved).query(b)[0])
    return sum(float(np.sort(d)[: int(TRIM * len(d))].mean()) for d in both), T
