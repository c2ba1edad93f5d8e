"""Sampling of rotations."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from registration.geometry.rigid import Array


def random_rotations(n: int, rng: np.random.Generator) -> Array:  # (n, 3, 3)
    """Uniform over all rotations, by normal 4-vectors as quaternions."""
    return Rotation.from_quat(rng.normal(size=(n, 4))).as_matrix()


def spread_rotations(n: int) -> Array:  # (n, 3, 3)
    """Evenly spread over all rotations, always the same: a super-Fibonacci spiral of quaternions."""
    s = np.arange(n) + 0.5
    phi, psi = np.sqrt(2.0), 1.533751168755204288118041
    r, R = np.sqrt(s / n), np.sqrt(1 - s / n)
    a, b = 2 * np.pi * s / phi, 2 * np.pi * s / psi
    return Rotation.from_quat(np.stack([r * np.sin(a), r * np.cos(a), R * np.sin(b), R * np.cos(b)], 1)).as_matrix()


def spread_directions(n: int) -> Array:  # (n, 3)
    """Evenly spread over the sphere, always the same."""
    z = 1 - 2 * (np.arange(n) + 0.5) / n
    a = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    r = np.sqrt(1 - z**2)
    return np.stack([r * np.cos(a), r * np.sin(a), z], 1)


def farthest(directions: Array, most: int) -> list[int]:  # (n, 3) unit
    """At most so many of them, from the first on always the one that lies farthest from those before; in their old order."""
    if len(directions) <= most:
        return list(range(len(directions)))
    chosen, nearest = [0], directions @ directions[0]
    while len(chosen) < most:
        nearest[chosen[-1]] = np.inf
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, directions @ directions[chosen[-1]])
    return sorted(chosen)


def angles_between_deg(A: Array, B: Array) -> Array:  # (n, 3, 3), (m, 3, 3) -> (n, m)
    """Angle of the turn between every rotation of A and every one of B."""
    trace = np.einsum("nij,mij->nm", A, B)
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
