"""A field learns a small body; a killed training ends where an undisturbed one does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from registration.data.capture import Capture
from registration.errors import UserError
from registration.geometry.distance import chamfer_parts
from registration.geometry.hull import Box
from registration.nerf.cloud import cloud_of, clouds_of, coarse_half
from registration.nerf.device import device_of
from registration.nerf.extract import half_of
from registration.nerf.field import make_field
from registration.nerf.params import CloudParams, NerfParams
from registration.nerf.render import Marks, composite, find_samples, look
from registration.nerf.train import levels_of, train
from registration.progress import silent
from tests.geometry.bodies import capture_of, knob

SMALL = NerfParams(
    coarse_grid=32,
    fine_grid=48,
    fog_steps=60,
    rough_steps=40,
    coarse_steps=40,
    middle_steps=40,
    fine_steps=60,
    rays=512,
    checkpoint_every=20,
)


@pytest.fixture(scope="module")
def capture() -> Capture:
    return capture_of(knob())


def wall() -> tuple[Box, np.ndarray]:
    """A solid half space below x = 10 mm in a box of 20 mm."""
    box = Box(np.zeros(3), 0.5, (41, 41, 41))
    x = np.arange(41)[:, None, None] * np.ones((1, 41, 41))
    return box, ((x * 0.5 - 10) / 0.5).astype(np.float32)


@pytest.mark.parametrize("tilt_deg", [0, 40, 75])
def test_a_wall_is_seen_where_it_is_however_flat_the_ray(tilt_deg: float) -> None:
    box, sdf = wall()
    field = make_field(box, sdf, 6, None, "cpu")
    marks = Marks.of(box, torch.from_numpy(sdf), 2.5)
    a = np.radians(tilt_deg)
    d = torch.tensor([[-np.cos(a), np.sin(a), 0.0]] * 8, dtype=torch.float32)
    o = torch.tensor([[10.0, 10, 10]] * 8) - 6 * d / np.cos(a)
    owner, t = find_samples(marks, o, d, 0.25, torch.linspace(0, 0.9, 8))
    seen = look(field, owner, t, o, d, 0.25, 0.3, torch.zeros(8, 12))
    assert (seen.opacity > 0.98).all()
    assert torch.allclose(seen.depth, torch.full((8,), 6 / float(np.cos(a))), atol=0.3)
    assert (seen.normal[:, 0] > 0.99).all()


def test_compositing_is_front_to_back() -> None:
    owner = torch.tensor([0, 0, 1])
    thick = torch.tensor([0.6931472, 100.0, 0.0])
    seen = composite(
        owner,
        torch.tensor([1.0, 3.0, 5.0]),
        thick,
        torch.eye(6, 3),
        torch.ones(3, 3),
        2,
    )
    assert torch.allclose(seen.colour[0], torch.tensor([0.5, 0.5, 0]), atol=1e-4)
    assert torch.allclose(seen.opacity, torch.tensor([1.0, 0.0]), atol=1e-4) and float(seen.depth[0]) == pytest.approx(
        2.0, abs=1e-3
    )


def test_a_small_body_is_learned(capture: Capture, tmp_path: Path) -> None:
    level, curve = train(capture, SMALL, 3, "cpu", tmp_path / "c.pt", silent)
    half = half_of(capture, level, curve, np.zeros(0, np.int64))
    assert half.mask_iou > 0.93 and half.psnr > 18
    clouds = clouds_of((half, half), (capture, capture), CloudParams(points=3000), np.random.default_rng(0))
    true = knob().sample(20_000, np.random.default_rng(1))[0]
    off = chamfer_parts(clouds.up.points, true)[0]
    assert half.coarse is not None and half.coarse.sdf.shape != half.sdf.shape and half.coarse.step > 1.15 * half.step
    coarse = cloud_of(coarse_half(half, half.coarse), capture, CloudParams(points=3000), np.random.default_rng(0))
    assert len(coarse) > 1500 and chamfer_parts(coarse.points, true)[0].mean() < 0.03 * clouds.diameter_mm
    assert len(clouds.up) > 1500 and off.mean() < 0.02 * clouds.diameter_mm and (clouds.up.views >= 2).all()


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_end(capture: Capture, tmp_path: Path) -> None:
    whole, _ = train(capture, SMALL, 3, "cpu", tmp_path / "whole.pt", silent)

    class Killed(Exception):
        pass

    def die_at(limit: int) -> object:
        def tick(done: int, total: int) -> None:
            if done == limit:
                raise Killed

        return tick

    for limit in (31, 95, 135, 175, 215):  # once in each phase
        with pytest.raises(Killed):
            train(capture, SMALL, 3, "cpu", tmp_path / "cut.pt", die_at(limit))  # type: ignore[arg-type]
    steps: list[int] = []
    again, _ = train(capture, SMALL, 3, "cpu", tmp_path / "cut.pt", lambda done, total: steps.append(done))
    assert steps[0] > 180
    assert again.coarse is not None and whole.coarse is not None
    assert np.array_equal(again.coarse.sdf, whole.coarse.sdf) and again.coarse.step == whole.coarse.step
    assert torch.equal(again.field.sdf, whole.field.sdf) and torch.equal(again.light.each(), whole.light.each())


def test_a_level_without_steps_is_left_out() -> None:
    assert [(steps, grid) for steps, _, grid in levels_of(SMALL)] == [(40, 32), (40, 32), (40, 36), (60, 48)]
    assert [grid for _, _, grid in levels_of(replace(SMALL, middle_steps=0))] == [32, 32, 48]


def test_masks_without_a_common_volume_are_told(capture: Capture, tmp_path: Path) -> None:
    scattered = replace(capture, t=capture.t + np.random.default_rng(0).normal(0, 90, capture.t.shape) * (1, 1, 0))
    with pytest.raises(ValueError, match="no common volume"):
        train(scattered, SMALL, 0, "cpu", tmp_path / "c.pt", silent)


def test_devices() -> None:
    assert device_of("cpu") == "cpu" and device_of("auto") in ("cpu", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no CUDA device"):
            device_of("cuda")
