"""Triangle meshes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from registration.errors import UserError
from registration.geometry.rigid import Array, Rigid

KINDS = ("ply", "stl", "obj", "glb", "off")
"""Files that a mesh is read from: each holds all of it and names no other file that is needed."""


@dataclass(frozen=True, eq=False)
class TriMesh:
    """Vertices in millimetres and triangles, counter-clockwise seen from outside."""

    vertices: Array  # (v, 3)
    faces: NDArray[np.int64]  # (f, 3)

    def face_normals(self) -> Array:  # (f, 3)
        """Unit normals; zero for a face without area."""
        cross = self._cross()
        return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)

    def vertex_normals(self) -> Array:  # (v, 3)
        """Unit normals, faces weighted by area."""
        out = np.zeros_like(self.vertices)
        cross = self._cross()
        for corner in range(3):
            np.add.at(out, self.faces[:, corner], cross)
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)

    def areas(self) -> Array:  # (f,)
        """Of every face, square millimetres."""
        return np.asarray(0.5 * np.linalg.norm(self._cross(), axis=1), float)

    def area(self) -> float:
        """Of all faces."""
        return float(self.areas().sum())

    def volume(self) -> float:
        """Cubic millimetres, of a closed mesh."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64], Array]:
        """Even points on the surface: points (n, 3), their faces (n,), their barycentric weights (n, 3)."""
        areas = self.areas()
        return self._within(rng.choice(len(self.faces), size=n, p=areas / areas.sum()), rng)

    def spread(self, n: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64], Array]:
        """The same without clumps and gaps: every face has as many points as its area asks for, give or take one."""
        ladder = np.cumsum(self.areas())
        rungs = (np.arange(n) + rng.random()) / n * ladder[-1]
        face = np.minimum(np.searchsorted(ladder, rungs, side="right"), len(ladder) - 1)
        return self._within(rng.permutation(face), rng)

    def _within(self, face: NDArray[np.int64], rng: np.random.Generator) -> tuple[Array, NDArray[np.int64], Array]:
        """A point by chance in each of the faces."""
        r, s = np.sqrt(rng.random(len(face))), rng.random(len(face))
        weights = np.stack([1 - r, r * (1 - s), r * s], 1)
        return np.einsum("nk,nkd->nd", weights, self.vertices[self.faces[face]]), face, weights

    def moved(self, T: Rigid) -> TriMesh:
        """The same mesh elsewhere."""
        return TriMesh(T.apply(self.vertices), self.faces)

    def _cross(self) -> Array:
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return np.cross(b - a, c - a)


def blended(normals: Array, corners: NDArray[np.int64], weights: Array) -> Array:  # (v, 3), (n, 3), (n, 3) -> (n, 3)
    """Unit normals between those of three vertices each."""
    out = np.einsum("nk,nkd->nd", weights, normals[corners])
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def barycentric(points: Array, a: Array, b: Array, c: Array) -> Array:  # (n, 3) each -> (n, 3)
    """Weights of a triangle's corners at points in it, none negative."""
    across = np.cross(b - a, c - a)
    area = np.maximum((across**2).sum(1), 1e-18)
    wb = (np.cross(points - a, c - a) * across).sum(1) / area
    wc = (np.cross(b - a, points - a) * across).sum(1) / area
    weights = np.stack([1 - wb - wc, wb, wc], 1).clip(0, 1)
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)


def diameter(points: Array) -> float:  # (n, 3)
    """Largest distance between two points."""
    if len(points) > 50:
        try:
            points = points[ConvexHull(points).vertices]
        except Exception:  # flat or on a line: no hull, all points count
            points = points[:: max(1, len(points) // 2000)]
    return float(pdist(points[:: max(1, len(points) // 3000)]).max())


def iso_surface(grid: NDArray[np.float32], low: Array, step: float) -> TriMesh:
    """The zero level of signed distances (negative inside), without its small islands."""
    import trimesh
    from skimage.measure import marching_cubes

    grid = np.where(
        np.abs(grid) < 1e-4, np.float32(1e-4), grid
    )  # an exact zero on a grid point makes faces without area
    vertices, faces, _, _ = marching_cubes(grid, 0.0, gradient_direction="descent")
    mesh = trimesh.Trimesh(vertices * step + low, faces, process=False)
    labels = trimesh.graph.connected_component_labels(mesh.face_adjacency, node_count=len(mesh.faces))
    counts = np.bincount(labels)
    keep = (counts >= 0.05 * counts.max())[labels]
    used, index = np.unique(mesh.faces[keep], return_inverse=True)
    return TriMesh(np.asarray(mesh.vertices)[used], index.reshape(-1, 3).astype(np.int64))


def smoothed(mesh: TriMesh, rounds: int) -> TriMesh:
    """The mesh without its grain: vertices are drawn to their neighbours and pushed back by turns, so that nothing shrinks."""
    import trimesh

    grainy = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    trimesh.smoothing.filter_taubin(grainy, lamb=0.5, nu=0.53, iterations=2 * rounds)
    return TriMesh(np.asarray(grainy.vertices, float), mesh.faces)


def read_mesh(file: Path, merged: bool = False) -> TriMesh:
    """The triangles of a mesh file as they are, or with equal corners ``merged``."""
    import trimesh

    if not file.is_file():
        raise UserError("no such mesh", file, f"name a mesh: {', '.join(KINDS)}")
    if file.suffix[1:].lower() not in KINDS:
        raise UserError(f"no mesh is read from a {file.suffix or 'nameless'} file", file, f"export it as {', '.join(KINDS)}")
    try:
        mesh: Any = trimesh.load(file, process=merged, force="mesh", skip_materials=True)
        vertices, faces = np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int64)
    except Exception as error:  # readers of foreign files raise whatever they come across
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError("the mesh cannot be read", file, f"{text}; export it again as {', '.join(KINDS)}") from error
    shapes = vertices.shape[1:] == faces.shape[1:] == (3,) and len(vertices) > 1 and len(faces)
    if not shapes or not np.isfinite(vertices).all() or faces.min() < 0 or faces.max() >= len(vertices):
        raise UserError("the mesh has no faces, or broken ones", file, "export it again as triangles")
    return TriMesh(vertices, faces)
