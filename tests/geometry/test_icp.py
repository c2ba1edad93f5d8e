"""Two halves of one body find each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from registration.geometry.distance import Solid
from registration.geometry.icp import Side, align
from registration.geometry.mesh import TriMesh
from registration.geometry.rigid import Rigid
from tests.geometry.bodies import knob


def solid_of(mesh: TriMesh, step: float = 1.0) -> Solid:
    """A solid from a mesh, by winding: only for tests."""
    import trimesh

    low, high = mesh.vertices.min(0) - 6, mesh.vertices.max(0) + 6
    shape = np.ceil((high - low) / step).astype(int) + 1
    points = np.stack(np.meshgrid(*(low[k] + step * np.arange(shape[k]) for k in range(3)), indexing="ij"), -1).reshape(
        -1, 3
    )
    inside = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).contains(points).reshape(shape)
    blurred = gaussian_filter(inside.astype(np.float32), 1.0)  # its half level is the surface, to a fraction of a voxel
    return Solid.from_field(low, step, (0.5 - blurred) * np.float32(np.sqrt(2 * np.pi)), sure=1.0)


@pytest.fixture(scope="module")
def halves() -> tuple[Side, Side, Rigid]:
    """The upper and the lower two thirds of a body's surface; the lower in a frame of its own."""
    mesh, rng = knob(), np.random.default_rng(0)
    points, face, _ = mesh.sample(4000, rng)
    normals, z = mesh.face_normals()[face], points[:, 2]
    T = Rigid.exp([2.0, 1.0, -0.5, 12, -7, 30])  # T_up_from_down
    back, solid = T.inverse(), solid_of(mesh)
    low = z < 5
    up = Side(points[z > -5], normals[z > -5], solid, np.ones((z > -5).sum()))
    return up, Side(back.apply(points[low]), back.turn(normals[low]), solid_of(mesh.moved(back)), np.ones(low.sum())), T


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_from_ten_degrees_off_it_comes_home(halves: tuple[Side, Side, Rigid], seed: int) -> None:
    up, down, T = halves
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    start = Rigid.exp(np.concatenate([axis / np.linalg.norm(axis) * np.radians(10), rng.uniform(-3, 3, 3)])) @ T
    result = align(up, down, start, (6.0, 2.0), 40)
    assert result.T_up_from_down.angle_deg(T) < 1.0
    assert np.linalg.norm(result.T_up_from_down.apply(down.points) - T.apply(down.points), axis=1).mean() < 0.6
    assert result.overlap > 0.8


def test_a_wrong_place_costs_more(halves: tuple[Side, Side, Rigid]) -> None:
    up, down, T = halves
    right = align(up, down, T, (3.0, 1.5))
    turned = T @ Rigid.exp([0, 0, np.pi, 0, 0, 0])
    wrong = align(up, down, turned, (3.0, 1.5))
    assert wrong.cost > 3 * right.cost
