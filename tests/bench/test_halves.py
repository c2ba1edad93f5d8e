"""The judge of clouds gives what is known to be right."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.bench.halves import distance_to, judge, medians
from registration.geometry.mesh import diameter
from registration.nerf.record import Cloud
from tests.geometry.bodies import capture_of, knob


def cloud_at(points: np.ndarray) -> Cloud:
    return Cloud(
        points,
        np.zeros_like(points),
        np.zeros(points.shape, np.uint8),
        np.full(len(points), 3),
        np.ones(len(points), np.float32),
    )


def test_points_on_the_surface_and_points_beside_it() -> None:
    mesh = knob()
    capture, d = capture_of(mesh), diameter(mesh.vertices)
    points, face, _ = mesh.sample(20_000, np.random.default_rng(2))
    good = judge(cloud_at(points), capture, mesh, d)
    assert good["mean"] < 1e-4 and good["within"] == 1 and good["cover"] > 0.999
    normals = mesh.face_normals()[face]
    beside = judge(cloud_at(points + 0.01 * d * normals), capture, mesh, d)
    assert beside["mean"] == pytest.approx(0.01, rel=0.05) and beside["within"] > 0.99
    off = judge(cloud_at(points + 0.02 * d * normals), capture, mesh, d)
    assert off["within"] < 0.02


def test_what_is_not_covered_is_missed() -> None:
    mesh = knob()
    points = mesh.sample(20_000, np.random.default_rng(2))[0]
    half = judge(cloud_at(points[points[:, 0] > 0]), capture_of(mesh), mesh, diameter(mesh.vertices))
    assert 0.3 < half["cover"] < 0.7 and half["mean"] < 1e-4


def test_distance_is_to_faces_not_to_samples() -> None:
    mesh = knob()
    points, face, _ = mesh.sample(500, np.random.default_rng(5))
    assert np.allclose(distance_to(mesh, points + 0.5 * mesh.face_normals()[face]), 0.5, atol=0.1)


def test_medians_leave_out_what_is_missing() -> None:
    assert medians([{"mean": 1.0}, {"mean": 3.0, "fused": 2.0}, {}]) == {"mean": 2.0, "fused": 2.0}
