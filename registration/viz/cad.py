"""A CAD model beside the one that was found: read, and laid over it by shape where it lies elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from registration.errors import UserError
from registration.geometry.mesh import TriMesh, diameter
from registration.geometry.rigid import Array, Rigid
from registration.viz.scene import Skin

AT_HOME = 0.02
"""A CAD model whose surface lies nearer than this share of the diameter is left where its file puts it."""
POINTS, ROUNDS, REFINED = 3_000, 40, 6


def read_mesh(file: Path) -> TriMesh:
    """A mesh file of any kind that trimesh reads, as it is."""
    import trimesh

    if not file.is_file():
        raise UserError("no such file", file, "--cad names a mesh: ply, stl, obj, glb, off")
    try:
        mesh = trimesh.load(file, process=False, force="mesh")
    except Exception as error:  # readers of foreign files fail in many ways
        raise UserError(f"not a mesh that can be read ({error})", file, "ply, stl, obj, glb and off can") from error
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces) or not np.isfinite(mesh.vertices).all():
        raise UserError("a mesh without triangles", file, "--cad needs a surface, not a cloud")
    return TriMesh(np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int64))


def beside(file: Path, surface: Array, normals: Array) -> tuple[Skin, str]:  # (n, 3), (n, 3)
    """The CAD model in the frame of the surface that was found, and how it came to lie there."""
    cad = read_mesh(file)
    ratio = diameter(cad.vertices) / max(diameter(surface), 1e-9)
    unit = ""
    if 0.5 < 1000 * ratio < 2:
        cad, unit = TriMesh(cad.vertices * 1000, cad.faces), "read as metres; "
    rng = np.random.default_rng(0)
    points, face, _ = cad.sample(POINTS, rng)
    own = Surface(points, cad.face_normals()[face])
    pick = rng.permutation(len(surface))[:POINTS]
    found, d = Surface(surface[pick], normals[pick]), diameter(surface)
    as_it_is = mutual(own, found)
    if as_it_is < AT_HOME * d:
        return skin_of(cad), f"{unit}lies where its file says; the surfaces are {as_it_is:.2f} mm apart on average"
    T = fitted(points, found, d)
    apart = mutual(Surface(T.apply(points), T.turn(own.normals)), found)
    warning = "" if apart < AT_HOME * d else ": it may be another object, or turned wrongly"
    said = f"{unit}laid over the model by its shape; the surfaces are {apart:.2f} mm apart on average{warning}"
    return skin_of(cad.moved(T)), said


def skin_of(mesh: TriMesh) -> Skin:
    """A mesh in plain grey, its faces flat and its edges sharp."""
    faces = np.arange(3 * len(mesh.faces)).reshape(-1, 3)
    corners = mesh.vertices[mesh.faces].reshape(-1, 3)
    return Skin(corners, faces, np.repeat(mesh.face_normals(), 3, axis=0), np.full((len(corners), 3), 150, np.uint8))


def mutual(a: Surface, b: Surface) -> float:
    """Mean distance of the points of each to the other's surface, mm: what either lacks counts."""
    return (a.gap(b.points) + b.gap(a.points)) / 2


class Surface:
    """Points and normals of what was found, ready to be asked."""

    def __init__(self, points: Array, normals: Array) -> None:  # (n, 3), (n, 3)
        self.points, self.normals, self.tree = points, normals, KDTree(points)
        self.spacing = float(np.median(self.tree.query(points, k=2)[0][:, 1]))

    def apart(self, others: Array) -> float:  # (m, 3)
        """Mean distance between both sets of points, mm, to order tries by."""
        return float(self.tree.query(others)[0].mean() + KDTree(others).query(self.points)[0].mean()) / 2

    def gap(self, others: Array) -> float:  # (m, 3)
        """Mean distance of other points to the surface, mm: to its planes where it is near, else to its points."""
        distance, index = self.tree.query(others)
        plane = np.abs(((others - self.points[index]) * self.normals[index]).sum(1))
        return float(np.where(distance < 3 * self.spacing, plane, distance).mean())

    def step(self, points: Array, reach: float) -> Rigid:  # (m, 3)
        """The small motion that lays points nearest onto the surface's planes."""
        distance, index = map(np.asarray, self.tree.query(points))
        near = distance < reach
        p, q, n = points[near], self.points[index[near]], self.normals[index[near]]
        middle = p.mean(0)
        J = np.concatenate([np.cross(p - middle, n), n], 1)
        x = np.linalg.lstsq(J.T @ J + 1e-6 * np.eye(6), J.T @ ((q - p) * n).sum(1), rcond=None)[0]
        turn = Rigid.exp([*x[:3], 0, 0, 0])
        return Rigid(turn.R, middle - turn.R @ middle + x[3:])


def fitted(points: Array, found: Surface, d: float) -> Rigid:  # (m, 3)
    """T_found_from_cad: its axes on the other's axes in every way, the best few refined."""
    starts = sorted((found.apart(T.apply(points)), n, T) for n, T in enumerate(by_axes(points, found.points)))
    best = (np.inf, Rigid.identity())
    for _, _, T in starts[:REFINED]:
        for n in range(ROUNDS):
            T = found.step(T.apply(points), d * (0.1 if n < ROUNDS // 2 else 0.04)) @ T
        best = min(best, (found.apart(T.apply(points)), T), key=lambda pair: pair[0])
    return best[1]


def by_axes(a: Array, b: Array) -> list[Rigid]:  # (n, 3), (m, 3)
    """The 24 ways to lay the principal axes of a onto those of b."""
    own, other = (np.asarray(np.linalg.eigh(np.cov(points.T)).eigenvectors) for points in (a, b))
    out = []
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        for signs in np.ndindex(2, 2, 2):
            R = other @ np.diag(1 - 2 * np.array(signs)) @ own[:, order].T
            if np.linalg.det(R) > 0:
                out.append(Rigid(R, b.mean(0) - R @ a.mean(0)))
    return out
