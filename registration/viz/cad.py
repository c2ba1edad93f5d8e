"""A CAD model beside the one that was found: read, and laid over it by shape where it lies elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from registration.geometry.laying import laid
from registration.geometry.mesh import TriMesh, diameter, read_mesh
from registration.geometry.rigid import Array
from registration.viz.scene import Skin

AT_HOME = 0.02
"""A CAD model whose surface lies nearer than this share of the diameter is left where its file puts it."""
POINTS = 3_000


def beside(file: Path, surface: Array, normals: Array) -> tuple[Skin, str]:  # (n, 3), (n, 3)
    """The CAD model in the frame of the surface that was found, and how it came to lie there."""
    cad, unit = in_millimetres(read_mesh(file), diameter(surface))
    rng = np.random.default_rng(0)
    points, face, _ = cad.sample(POINTS, rng)
    own = Surface(points, cad.face_normals()[face])
    pick = rng.permutation(len(surface))[:POINTS]
    found, d = Surface(surface[pick], normals[pick]), diameter(surface)
    as_it_is = mutual(own, found)
    if as_it_is < AT_HOME * d:
        return skin_of(cad), f"{unit}lies where its file says; the surfaces are {as_it_is:.2f} mm apart on average"
    T = laid(points, found.points, found.normals, rng)
    apart = mutual(Surface(T.apply(points), T.turn(own.normals)), found)
    warning = "" if apart < AT_HOME * d else ": it may be another object, or turned wrongly"
    said = f"{unit}laid over the model by its shape; the surfaces are {apart:.2f} mm apart on average{warning}"
    return skin_of(cad.moved(T)), said


def in_millimetres(cad: TriMesh, diameter_mm: float) -> tuple[TriMesh, str]:
    """A mesh that a thousand times larger is as large as the object is in metres; and a word on it."""
    if 0.5 < 1000 * diameter(cad.vertices) / max(diameter_mm, 1e-9) < 2:
        return TriMesh(cad.vertices * 1000, cad.faces), "read as metres; "
    return cad, ""


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

    def gap(self, others: Array) -> float:  # (m, 3)
        """Mean distance of other points to the surface, mm: to its planes where it is near, else to its points."""
        distance, index = self.tree.query(others)
        plane = np.abs(((others - self.points[index]) * self.normals[index]).sum(1))
        return float(np.where(distance < 3 * self.spacing, plane, distance).mean())
