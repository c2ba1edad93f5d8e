"""Distances: to a solid kept as a grid, and between clouds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import KDTree

from registration.geometry.rigid import Array


@dataclass(frozen=True, eq=False)
class Solid:
    """Signed distance to a surface, negative inside, known everywhere."""

    low: Array  # (3,) mm
    step: float
    grid: NDArray[np.float32]  # (x, y, z) mm
    slopes: NDArray[np.float32]  # (3, x, y, z)

    @classmethod
    def from_field(cls, low: Array, step: float, sdf: NDArray[np.float32], sure: float = 2.0) -> Solid:
        """From distances in voxels that are true near the surface only; further off they are measured anew."""
        inside = sdf < 0
        far = np.where(
            inside, 0.5 - np.asarray(distance_transform_edt(inside)), np.asarray(distance_transform_edt(~inside)) - 0.5
        )
        near = np.clip((np.abs(far) - sure) / sure, 0, 1)  # 0: believe the field, 1: believe the measure
        grid = (near * far + (1 - near) * np.clip(sdf, -2 * sure, 2 * sure)) * step
        return cls(low, step, grid.astype(np.float32), np.stack(list(np.gradient(grid, step))).astype(np.float32))

    def at(self, points: Array) -> Array:  # (n, 3) -> (n,)
        """Signed distance, mm; beyond the grid the way to it is added."""
        index = (points - self.low) / self.step
        inner = np.clip(index, 0, np.array(self.grid.shape) - 1)
        beyond = np.linalg.norm(index - inner, axis=1) * self.step
        return map_coordinates(self.grid, inner.T, order=1, mode="nearest") + beyond

    def slope_at(self, points: Array) -> Array:  # (n, 3) -> (n, 3)
        """Direction in which the distance grows; about one long."""
        index = (points - self.low) / self.step
        inner = np.clip(index, 0, np.array(self.grid.shape) - 1)
        out = np.stack([map_coordinates(s, inner.T, order=1, mode="nearest") for s in self.slopes], 1)
        away = (index - inner) * self.step
        off = np.linalg.norm(away, axis=1)
        return np.where((off > 0)[:, None], away / np.maximum(off, 1e-9)[:, None], out)


def chamfer_parts(a: Array, b: Array) -> tuple[Array, Array]:  # (n, 3), (m, 3) -> (n,), (m,)
    """Distance of each point of a to the nearest of b, and of each of b to the nearest of a."""
    return KDTree(b).query(a)[0], KDTree(a).query(b)[0]
