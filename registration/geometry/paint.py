"""The print of a surface: its colours at points, and their brightness between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from registration.geometry.grid import sampled
from registration.geometry.rigid import Array, Rigid

MEETS_COSINE = 0.7
"""Surfaces whose normals differ more do not meet."""
LEAST_MET = 60
"""Fewer points that meet the other surface tell nothing of colours."""
LEAST_SHARE, UNKNOWN = 0.05, 0.5
FAINT = 0.05
"""Colours that vary less than this over the surface are no print."""
PRINTED = 0.48
"""From this strength on a print can decide."""


@dataclass(frozen=True, eq=False)
class Tone:
    """Brightness near a surface, on a grid."""

    low: Array  # (3,)
    step: float
    grid: NDArray[np.float32]  # (x, y, z, 4) 0..1, and its slope per mm

    @classmethod
    def near(cls, low: Array, step: float, sdf: NDArray[np.float32], colour: NDArray[np.uint8]) -> Tone:
        """From colours that are true near the surface only, within two voxels."""
        weight = (np.abs(sdf) < 2).astype(np.float32)
        bright = colour.mean(3, dtype=np.float32) / 255
        grid = gaussian_filter(weight * bright, 1.0) / np.maximum(gaussian_filter(weight, 1.0), 1e-3)
        return cls(low, step, np.stack([grid, *np.gradient(grid, step)], 3).astype(np.float32))

    def around(self, points: Array) -> tuple[Array, Array]:  # (n, 3) -> (n,), (n, 3)
        """Brightness, and the direction in which it grows."""
        read = sampled(self.grid, (points - self.low) / self.step)
        return read[:, 0], read[:, 1:]


@dataclass(frozen=True, eq=False)
class Printed:
    """A coloured cloud, and those of its points that are held against another one."""

    points: Array  # (n, 3)
    normals: Array  # (n, 3)
    tints: Array  # (n, 3) 0..1
    tree: KDTree
    picked: NDArray[np.int64]  # (k,)

    @classmethod
    def of(cls, points: Array, normals: Array, tints: Array, picked: NDArray[np.int64]) -> Printed:
        """Ready to be looked up in."""
        return cls(points, normals, tints, KDTree(points), picked)

    def strength(self) -> float:
        """0 where the surface is of one colour, towards 1 where its print is strong."""
        varied = float((unlit(self.tints[self.picked], self.normals[self.picked]) ** 2).mean())
        return varied / (varied + FAINT**2)


def unlit(tints: Array, normals: Array) -> Array:  # (n, 3), (n, 3) -> (n, 3)
    """Colours without their mean and without what a light that was taken for colour adds: it depends on the normal smoothly."""
    n = normals
    smooth = np.concatenate([np.ones((len(n), 1)), n, n[:, :2] ** 2, n * np.roll(n, 1, axis=1)], 1)
    return tints - smooth @ np.linalg.lstsq(smooth, tints, rcond=None)[0]


def print_apart(a: Printed, b: Printed, T_a_from_b: Rigid, reach: float) -> float:
    """How unlike two prints are where the surfaces meet: 0 the same, 1 unrelated; towards 0 too if there is no print.

    Prints that hardly meet are in between: nothing speaks for them.
    """
    own, other, normals = meeting(a, b, T_a_from_b, reach)
    if len(own) < max(LEAST_MET, LEAST_SHARE * (len(a.picked) + len(b.picked))):
        return UNKNOWN * min(a.strength(), b.strength()) ** 2
    own, other = unlit(own, normals), unlit(other, normals)
    varied = float((own**2).mean() + (other**2).mean()) / 2
    unlike = float(((own - other) ** 2).mean()) / max(2 * varied, 1e-9)
    return (varied / (varied + FAINT**2)) ** 2 * min(unlike, 1.0)


def meeting(a: Printed, b: Printed, T_a_from_b: Rigid, reach: float) -> tuple[Array, Array, Array]:
    """Colours (n, 3) of both at places that both saw, and the normals there, turned as those of a."""
    pairs = []
    for home, host, T in ((b, a, T_a_from_b), (a, b, T_a_from_b.inverse())):
        distance, index = host.tree.query(T.apply(home.points[home.picked]), distance_upper_bound=reach)
        met = np.isfinite(distance)
        at, own = np.asarray(index)[met], home.picked[met]
        turned = T.turn(home.normals[own])
        agree = (turned * host.normals[at]).sum(1) > MEETS_COSINE
        at, own = at[agree], own[agree]
        there, here = host.tints[at], home.tints[own]
        pairs.append((there, here, host.normals[at]) if host is a else (here, there, home.normals[own]))
    first, second, normals = (np.concatenate([p[k] for p in pairs]) for k in range(3))
    return first, second, normals
