"""The judge of clouds gives what is known to be right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from pipelines.bench.halves import judge, medians, reachable, two_sided
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.nerf.record import Cloud
from registration.nerf.views import photographs
from tests.geometry.bodies import capture_of, knob
from tests.verify.made import exact_half


def cloud_at(points: np.ndarray) -> Cloud:
    return Cloud(
        points,
        np.zeros_like(points),
        np.zeros(points.shape, np.uint8),
        np.full(len(points), 3),
        np.ones(len(points), np.float32),
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


def test_two_surfaces_a_little_apart_are_so_far_from_each_other() -> None:
    mesh = knob()
    moved = mesh.moved(Rigid(np.eye(3), np.array([0, 0, 500.0])))
    assert two_sided(mesh.vertices, mesh.faces, mesh, 1.0) < 2e-3
    grown = mesh.vertices + 0.5 * mesh.vertex_normals()
    assert 0.45 < two_sided(grown, mesh.faces, mesh, 1.0) < 0.55
    assert two_sided(moved.vertices, moved.faces, mesh, 500.0) > 0.8


def test_medians_leave_out_what_is_missing() -> None:
    assert medians([{"mean": 1.0}, {"mean": 3.0, "fused": 2.0}, {}]) == {"mean": 2.0, "fused": 2.0}


def test_the_true_surface_tells_what_images_allow() -> None:
    mesh = knob()
    capture = capture_of(mesh)
    half = replace(exact_half(mesh, capture), held_out=np.array([3, 10, 17]))
    light = np.zeros((len(capture), 12), np.float32)
    light[:, 0], light[:, 3] = 0.9, 0.3
    images = photographs(half, capture.cameras, light)[0] * capture.mask[..., None]
    capture = replace(capture, rgb=(255 * images).round().astype(np.uint8))
    good = reachable(half, capture, mesh)
    assert good["psnr_true"] > 35 and good["inside_true"] > 35
    wrong = reachable(half, capture, mesh.moved(Rigid.exp([0.0, 0, 0.2, 0, 0, 3])))
    assert wrong["inside_true"] < good["inside_true"] - 5
    eaten = replace(capture, mask=np.array([binary_erosion(m, iterations=2) for m in capture.mask]))
    told = reachable(half, eaten, mesh)  # masks that are off say more than any surface
    assert told["uncut_true"] < good["uncut_true"] - 10 and told["inside_true"] > good["inside_true"] - 3
    assert told["psnr_true"] > good["psnr_true"] - 3
