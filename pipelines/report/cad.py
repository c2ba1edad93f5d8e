"""A CAD model beside the result, for the report only: laid onto the model, and held against it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from registration.data.synthetic.dataset import load_part
from registration.errors import UserError
from registration.fuse.merge import as_mesh
from registration.fuse.record import Fused
from registration.geometry.distance import surface_distance
from registration.geometry.mesh import TriMesh, diameter
from registration.geometry.rigid import Array, Rigid

SIZES = (0.6, 1.6)
"""A CAD model of another size than this, as a share of the object's, is in other units, or of another object."""
TURNS = 160
"""Turns that are tried, besides those of the principal axes."""
COARSE, FINE = 500, 4000
"""Points that take part while turns are tried, and at last."""
TRIM = 0.9
"""Share of the points that counts: what was never seen is not held against a turn."""


@dataclass(frozen=True, eq=False)
class CadCheck:
    """Distances between the model and a CAD model that was laid onto it."""

    name: str
    T_model_from_cad: Rigid
    model_mm: Array  # (p,) of the points of the fused cloud
    cad_mm: Array  # (q,) of points of the CAD model


def checked(file: Path, fused: Fused, seed: int = 0) -> CadCheck:
    """Read a CAD model (millimetres, any frame), lay it onto the model, measure."""
    cad, rng = load_part(file).mesh, np.random.default_rng(seed)
    share = diameter(cad.vertices) / fused.diameter_mm
    if not SIZES[0] <= share <= SIZES[1]:
        told = f"the CAD model is {share * fused.diameter_mm:.4g} mm large, the object {fused.diameter_mm:.4g} mm"
        raise UserError(told, file, "scale it to millimetres, or name the CAD model of this object")
    model = as_mesh(fused)
    T = laid(cad, model, rng)
    moved = cad.moved(T)
    there = surface_distance(fused.points, moved, rng)
    back = surface_distance(moved.sample(20_000, rng)[0], model, rng)
    return CadCheck(file.name, T, there, back)


def laid(cad: TriMesh, model: TriMesh, rng: np.random.Generator) -> Rigid:
    """The motion that lays one mesh onto another that may be turned any way."""
    a, b = cad.sample(FINE, rng)[0], model.sample(FINE, rng)
    normals = model.face_normals()[b[1]]
    goal, few = KDTree(b[0]), KDTree(b[0][:COARSE])
    found = []
    for R in starts(a, b[0], rng):
        start = Rigid(R, b[0].mean(0) - R @ a.mean(0))
        found.append(followed(a[:COARSE], b[0][:COARSE], normals[:COARSE], few, start, 8))
    found.sort(key=lambda f: f[0])
    ends = [followed(a, b[0], normals, goal, T, 30) for _, T in found[:4]]
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
