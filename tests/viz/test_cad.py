"""A CAD model is left where it belongs, and laid over the model from anywhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from registration.geometry.mesh import TriMesh
from registration.geometry.rigid import Rigid
from registration.viz.cad import beside
from tests.data.make import refusal
from tests.geometry.bodies import knob


def written(file: Path, mesh: TriMesh, scale: float = 1.0) -> Path:
    trimesh.Trimesh(mesh.vertices * scale, mesh.faces, process=False).export(file)
    return file


def surface() -> tuple[np.ndarray, np.ndarray]:
    mesh = knob()
    points, face, _ = mesh.sample(5000, np.random.default_rng(1))
    return points, mesh.face_normals()[face]


def test_one_that_lies_on_the_model_stays(tmp_path: Path) -> None:
    skin, said = beside(written(tmp_path / "k.ply", knob()), *surface())
    assert "where its file says" in said
    assert np.allclose(np.ptp(skin.vertices, axis=0), np.ptp(knob().vertices, axis=0))


@pytest.mark.parametrize(("scale", "unit"), [(1.0, ""), (0.001, "metres")])
def test_one_that_lies_elsewhere_is_laid_over(tmp_path: Path, scale: float, unit: str) -> None:
    moved = knob().moved(Rigid.exp([1.0, -2.0, 0.5, 90, 20, -30]))
    skin, said = beside(written(tmp_path / "k.stl", moved, scale), *surface())
    assert "by its shape" in said and unit in said and "another object" not in said
    off = np.abs(np.sort(skin.vertices[:, 0])[[0, -1]] - np.sort(knob().vertices[:, 0])[[0, -1]])
    assert off.max() < 1.0


def test_another_object_is_told(tmp_path: Path) -> None:
    box = trimesh.creation.box((60, 60, 60))
    other = TriMesh(np.asarray(box.vertices), np.asarray(box.faces))
    assert "another object" in beside(written(tmp_path / "b.ply", other), *surface())[1]


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a.ply", None, "no such mesh"),
        ("a.ply", b"nothing", "the mesh cannot be read"),
        ("a.xyz", b"1 2 3", "mesh"),
        ("a.stl", b"", "mesh"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, name: str, body: bytes | None, words: str) -> None:
    if body is not None:
        (tmp_path / name).write_bytes(body)
    assert words in refusal(beside, tmp_path / name, *surface())
