"""Distances: to a solid kept as a grid, and between clouds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from registration.geometry.grid import sampled
from registration.geometry.mesh import TriMesh
from registration.geometry.rigid import Array

NEAREST = 8
"""Places of a mesh whose triangles are held against a point."""


@dataclass(frozen=True, eq=False)
class Solid:
    """Signed distance to a surface, negative inside, known everywhere."""

    low: Array  # (3,)
    step: float
    grid: NDArray[np.float32]  # (x, y, z) steps
    slopes: NDArray[np.float32]  # (x, y, z, 4): the distance, steps, and the direction in which it grows

    @classmethod
    def from_field(cls, low: Array, step: float, sdf: NDArray[np.float32], sure: float = 2.0) -> Solid:
        """From distances in voxels that are true near the surface only; further off they are measured anew."""
        inside = sdf < 0
        far = np.where(
            inside, 0.5 - np.asarray(distance_transform_edt(inside)), np.asarray(distance_transform_edt(~inside)) - 0.5
        )
        near = np.clip((np.abs(far) - sure) / sure, 0, 1)  # 0: believe the field, 1: believe the measure
        grid = near * far + (1 - near) * np.clip(sdf, -2 * sure, 2 * sure)
        slopes = np.stack([grid, *np.gradient(grid)], 3).astype(np.float32)
        return cls(low, step, grid.astype(np.float32), slopes)

    def scaled(self, factor: float) -> Solid:
        """The same solid in another size, about the origin."""
        return replace(self, low=self.low * factor, step=self.step * factor)

    def at(self, points: Array) -> Array:  # (n, 3) -> (n,)
        """Signed distance, mm; beyond the grid the way to it is added."""
        index, _, off = self._inside(points)
        return sampled(self.grid[..., None], index)[:, 0] * self.step + off

    def around(self, points: Array) -> tuple[Array, Array]:  # (n, 3) -> (n,), (n, 3)
        """Signed distance, and the direction in which it grows, about one long."""
        index, away, off = self._inside(points)
        read = sampled(self.slopes, index)
        return read[:, 0] * self.step + off, np.where((off > 0)[:, None], away / np.maximum(off, 1e-9)[:, None], read[:, 1:])

    def _inside(self, points: Array) -> tuple[Array, Array, Array]:
        """The nearest place of the grid, in its steps, and the way from there, mm."""
        index = (points - self.low) / self.step
        inner = np.clip(index, 0, np.array(self.grid.shape) - 1)
        away = (index - inner) * self.step
        return inner, away, np.linalg.norm(away, axis=1)


def chamfer_parts(a: Array, b: Array) -> tuple[Array, Array]:  # (n, 3), (m, 3) -> (n,), (m,)
    """Distance of each point of a to the nearest of b, and of each of b to the nearest of a."""
    return KDTree(b).query(a)[0], KDTree(a).query(b)[0]


def surface_distance(points: Array, mesh: TriMesh, rng: np.random.Generator) -> Array:  # (n, 3) -> (n,)
    """Distance of each point to the triangles of a mesh that have the nearest places of a fine sample."""
    from trimesh.triangles import closest_point

    places, face, _ = mesh.sample(int(np.clip(2 * len(mesh.faces), 60_000, 200_000)), rng)
    places = np.concatenate([places, mesh.vertices[mesh.faces].mean(1)])  # slivers get no sample, but have a middle
    face = np.concatenate([face, np.arange(len(mesh.faces))])
    near = face[np.asarray(KDTree(places).query(points, k=NEAREST)[1])].ravel()
    ours = np.repeat(points, NEAREST, axis=0)
    on = closest_point(mesh.vertices[mesh.faces[near]], ours)
    return np.linalg.norm(on - ours, axis=1).reshape(-1, NEAREST).min(1)
