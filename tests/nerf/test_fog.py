"""Cavities that no silhouette shows are opened, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from registration.geometry.distance import chamfer_parts
from registration.geometry.hull import Box
from registration.geometry.rays import Caster, depth_image
from registration.nerf.cloud import cloud_of
from registration.nerf.extract import half_of
from registration.nerf.fog import opened, thickness_at
from registration.nerf.params import CloudParams, NerfParams
from registration.nerf.train import train
from registration.progress import silent
from tests.geometry.bodies import capture_of, knob, ring, socket

BOX = Box(np.full(3, -15.5), 1.0, (32, 32, 32))
CAMERAS = ring(24, 64, 190.0, (40, 60, 80))


def block() -> np.ndarray:
    """Signed distances of a block in a grid, voxels."""
    x, y, z = np.mgrid[:32, :32, :32] - 15.5
    return np.maximum(np.maximum(abs(x) - 11, abs(y) - 10), abs(z) - 9).astype(np.float32)


def test_a_cleared_bore_is_cut_out_and_the_walls_stay() -> None:
    hull = block()
    x, y, z = np.mgrid[:32, :32, :32] - 15.5
    bore = (np.hypot(x, y) < 5) & (z > -3)
    out = opened(hull, np.where(bore, 0.0, 3.0).astype(np.float32), BOX, CAMERAS)
    assert (out[bore & (np.hypot(x, y) < 3) & (z > 0)] > 0).all()
    far = np.hypot(x, y) > 8
    assert np.array_equal(out[far] < 0, hull[far] < 0) and np.array_equal(
        out[far & (hull > -1)], hull[far & (hull > -1)]
    )


@pytest.mark.parametrize("cameras", [2, 3])
def test_two_cameras_are_not_enough_to_open_a_bore(cameras: int) -> None:
    hull = block()
    x, y, z = np.mgrid[:32, :32, :32] - 15.5
    dense = np.where((np.hypot(x, y) < 5) & (z > -3), 0.0, 3.0).astype(np.float32)
    out = opened(hull, dense, BOX, ring(cameras, 64, 190.0, (80,)))
    assert np.array_equal(out, hull) == (cameras < 3)


@pytest.mark.parametrize("what", ["nothing", "bubble", "bubble with a crack", "skin"])
def test_a_bubble_inside_and_a_thin_skin_are_no_cavities(what: str) -> None:
    hull = block()
    x, y, z = np.mgrid[:32, :32, :32] - 15.5
    clear = np.hypot(np.hypot(x, y), z) < 4 if "bubble" in what else hull > -1.5
    if what == "nothing":
        clear = np.zeros(hull.shape, bool)
    if "crack" in what:
        clear |= (np.abs(y) < 1) & (np.abs(z) < 1)
    assert np.array_equal(opened(hull, np.where(clear, 0.0, 3.0).astype(np.float32), BOX, CAMERAS), hull)


def test_the_fog_thickens_at_the_end() -> None:
    assert thickness_at(0) == thickness_at(0.5) == 1 and thickness_at(0.8) > 2 and thickness_at(1) == pytest.approx(10)


@pytest.mark.slow
def test_a_socket_is_opened_by_more_than_half(tmp_path: Path) -> None:
    params = NerfParams(
        coarse_grid=36, fine_grid=56, fog_steps=250, rough_steps=30, coarse_steps=60, middle_steps=0, fine_steps=80, rays=1024
    )
    capture = capture_of(socket(), 30, 90, (20, 45, 70))
    level, curve = train(capture, params, 0, "cpu", tmp_path / "c.pt", silent)
    cloud = cloud_of(
        half_of(capture, level, curve, np.zeros(0, np.int64)),
        capture,
        CloudParams(points=8000),
        np.random.default_rng(0),
    )
    bore = cloud.points[np.hypot(cloud.points[:, 0], cloud.points[:, 1]) < 8]
    floor = bore[bore[:, 2] > -15, 2]
    assert len(floor) > 100 and np.quantile(floor, 0.9) < 7  # the lid would lie at 18, the true floor at -4


@pytest.mark.slow
def test_measured_depth_opens_the_socket_to_its_floor(tmp_path: Path) -> None:
    params = NerfParams(
        coarse_grid=36, fine_grid=56, fog_steps=40, rough_steps=30, coarse_steps=50, middle_steps=0, fine_steps=60, rays=1024
    )
    capture, rng = capture_of(socket(), 30, 90, (20, 45, 70)), np.random.default_rng(1)
    caster = Caster(socket().vertices, socket().faces)
    depth = np.stack([depth_image(caster, capture.cameras, i)[0] for i in range(30)])
    depth = np.where(np.isfinite(depth) & (rng.random(depth.shape) > 0.1), depth + rng.normal(0, 0.4, depth.shape), 0)
    deep = replace(capture, depth=depth.astype(np.float32))
    level, curve = train(deep, params, 0, "cpu", tmp_path / "c.pt", silent)
    half = half_of(deep, level, curve, np.zeros(0, np.int64))
    floor = np.array([[x, y, -4.0] for x in np.linspace(-7, 7, 5) for y in np.linspace(-7, 7, 5)])
    assert np.abs(chamfer_parts(floor, half.vertices)[0]).max() < 1.5


@pytest.mark.slow
def test_masks_too_large_in_some_views_are_noticed(tmp_path: Path) -> None:
    from scipy.ndimage import binary_dilation

    capture = capture_of(knob(), 24, 72)
    large = np.arange(24) % 3 == 0
    mask = np.stack(
        [binary_dilation(m, iterations=2) if wrong else m for m, wrong in zip(capture.mask, large, strict=True)]
    )
    params = NerfParams(
        coarse_grid=32, fine_grid=48, fog_steps=60, rough_steps=60, coarse_steps=80, middle_steps=0, fine_steps=60, rays=1024
    )
    level, _ = train(replace(capture, mask=mask), params, 0, "cpu", tmp_path / "c.pt", silent)
    slack = level.slack.numpy()
    assert slack[large].max() < slack[~large].min() and slack[~large].mean() - slack[large].mean() > 0.6
