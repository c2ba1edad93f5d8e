"""Looks at small bodies, and features that know everything."""

from __future__ import annotations

import numpy as np

from registration.embedding.bank import make_bank
from registration.embedding.looks import Body
from registration.embedding.params import CorrespondenceParams
from registration.embedding.record import Correspondences, Embedding, Features
from registration.geometry.mesh import TriMesh, diameter
from registration.progress import silent
from tests.geometry.bodies import knob, ring


def body_of(mesh: TriMesh) -> Body:
    """All of it known, tints by height."""
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    tints = (40 + 180 * (mesh.vertices - low) / (high - low)).astype(np.uint8)
    return Body(
        mesh.vertices, mesh.faces, mesh.vertex_normals(), tints, np.ones(len(mesh.vertices), bool), (low + high) / 2,
        diameter(mesh.vertices) / 2,
    )  # fmt: skip


def bank_of_knob(views: int = 40, size: int = 32) -> Correspondences:
    """A small training set."""
    mesh, rng = knob(), np.random.default_rng(0)
    points, face, _ = mesh.sample(1500, rng)
    params = CorrespondenceParams(size=size, views=views)
    return make_bank(
        body_of(mesh), points, mesh.face_normals()[face], ring(6, 64, 400), params, np.random.default_rng(1), silent
    )


def knowing(points: np.ndarray, normals: np.ndarray, radius: float) -> Features:
    """Features of a reference that nobody had to learn; only their points, normals and frame are used."""
    nothing = Embedding({}, {}, ("normals", "mask"), points.mean(0), radius, 32, np.zeros((1, 4)), "none")
    return Features(points, normals, np.zeros((len(points), 4), np.float32), nothing)
