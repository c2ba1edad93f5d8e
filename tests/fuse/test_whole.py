"""The final model: a slightly wrong transform is mended, a worse field is not kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from registration.fuse.merge import fuse
from registration.fuse.params import FuseParams
from registration.fuse.record import Fused, Model
from registration.fuse.whole import surface_of, whole_of
from registration.geometry.distance import chamfer_parts
from registration.geometry.hull import Box
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.nerf.cloud import cloud_of
from registration.nerf.params import CloudParams, FullParams
from registration.progress import silent
from registration.sources.base import HalfModel
from tests.geometry.bodies import capture_of, knob
from tests.verify.made import exact_half

T_TRUE = Rigid.exp([np.pi * 0.97, 0.15, 0.3, 6, -4, 9])
PARAMS = FullParams(steps=120, grid=48, rays=1024, points=6000, smooth_rounds=0)  # 48 voxels: edges would be rounded


def knob_distance(points: np.ndarray) -> np.ndarray:
    """The formula that ``knob`` is the surface of."""
    x, y, z = points.T
    box = np.maximum(np.maximum(abs(x) - 25, abs(y) - 18), abs(z) - 14)
    bump = np.sqrt((x - 22) ** 2 + (y - 6) ** 2 + (z - 10) ** 2) - 12
    bite = np.sqrt((x + 22) ** 2 + (y - 14) ** 2 + (z + 4) ** 2) - 11
    return np.maximum(np.minimum(box, bump), -bite)


def halves() -> tuple[HalfModel, HalfModel]:
    models, rng = [], np.random.default_rng(0)
    box = Box.around(np.full(3, -52.0), np.full(3, 52.0), 105)
    for T in (Rigid.identity(), T_TRUE):
        mesh = knob().moved(T.inverse())
        capture = capture_of(mesh)
        sdf = (knob_distance(T.apply(box.points())) / box.step).reshape(box.shape).astype(np.float32)
        half = replace(
            exact_half(mesh, capture), low=box.low, step=box.step, sdf=sdf,
            colour=np.full((*box.shape, 3), 128, np.uint8), held_out=np.array([7, 22]), odd=np.array([3]),
        )  # fmt: skip
        models.append(HalfModel(capture, half, cloud_of(half, capture, CloudParams(8000, 2, 0.0), rng)))
    return models[0], models[1]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rigid, Fused, Model]:
    return refined(1, tmp_path_factory.mktemp("full") / "c.pt")


def refined(seed: int, file: Path) -> tuple[Rigid, Fused, Model]:
    """A start that is off by a degree and a hundredth of the diameter, and what became of it."""
    up, down = halves()
    d = diameter(up.nerf.vertices)
    T = Rigid.exp([0.010, -0.012, 0.008, 0.6 * 0.01 * d, -0.64 * 0.01 * d, 0.48 * 0.01 * d]) @ T_TRUE
    fused = fuse([(up, Rigid.identity()), (down, T)], FuseParams(grid=48, points=4000), np.random.default_rng(0))
    return T, fused, whole_of([(up, Rigid.identity()), (down, T)], fused, PARAMS, seed, "cpu", file, silent)


def off(T: Rigid) -> float:
    """How far T puts the body's surface from where it belongs, mm."""
    points = knob().moved(T_TRUE.inverse()).vertices
    return float(np.linalg.norm(T.apply(points) - T_TRUE.apply(points), axis=1).mean())


def test_grain_is_taken_off_and_the_size_is_kept() -> None:
    box, dice = Box.around(np.full(3, -30.0), np.full(3, 30.0), 48), np.random.default_rng(3)
    ball = (np.linalg.norm(box.points(), axis=1) - 22) / box.step + 0.4 * dice.normal(size=int(np.prod(box.shape)))
    sdf = ball.reshape(box.shape).astype(np.float32)
    rough, even = (np.linalg.norm(surface_of(sdf, box, rounds).vertices, axis=1) / box.step for rounds in (0, 20))
    assert np.std(even) < 0.4 * np.std(rough)
    assert abs(even.mean() - 22 / box.step) < 0.1


@pytest.mark.slow
def test_a_slightly_wrong_transform_is_mended(learned: tuple[Rigid, Fused, Model], tmp_path: Path) -> None:
    """So short a training of so small a body does not mend it every time; most of three do."""
    T, _, model = learned
    assert model.joint and "moved the transform" in model.notes[0]
    assert T.angle_deg(T_TRUE) > 0.95 and off(T) > 0.6
    others = [refined(seed, tmp_path / f"{seed}.pt")[2] for seed in (2, 3)]
    after = sorted(off(m.T_up_from_down) for m in (model, *others))
    assert after[1] < 0.9 * off(T) and after[2] < 1.05 * off(T)


@pytest.mark.slow
def test_the_joint_model_is_whole_and_explains_the_masks_as_well(learned: tuple[Rigid, Fused, Model]) -> None:
    whole, model = learned[2].fused, learned[2]
    assert min(model.mask_iou) > max(0.95, max(model.fused_iou) - 0.006) and min(model.psnr) > 18
    true = knob().sample(20_000, np.random.default_rng(1))[0]
    there, back = chamfer_parts(whole.points, true)
    assert max(there.mean(), back.mean()) < 0.015 * diameter(true) and whole.seen > 0.8
    assert len(whole.colours) == len(whole.vertices) == len(whole.normals) and whole.colours.dtype == np.uint8


@pytest.mark.slow
def test_a_field_that_explains_the_masks_worse_is_not_kept(tmp_path: Path) -> None:
    up, down = halves()
    fused = fuse([(up, Rigid.identity()), (down, T_TRUE)], FuseParams(grid=48, points=4000), np.random.default_rng(0))
    wild = replace(PARAMS, steps=4, tolerated=-1.0)  # nothing is so much better
    model = whole_of([(up, Rigid.identity()), (down, T_TRUE)], fused, wild, 1, "cpu", tmp_path / "c.pt", silent)
    assert not model.joint and model.fused is fused and model.T_up_from_down is T_TRUE
    assert "kept" in model.notes[0] and len(model.mask_iou) == 2


@pytest.mark.slow
def test_a_wrong_transform_breaks_nothing(tmp_path: Path) -> None:
    up, down = halves()
    T = Rigid.exp([0, 0, 2.0, 25, 0, 10]) @ T_TRUE
    fused = fuse([(up, Rigid.identity()), (down, T)], FuseParams(grid=48, points=4000), np.random.default_rng(0))
    model = whole_of([(up, Rigid.identity()), (down, T)], fused, replace(PARAMS, steps=40), 1, "cpu", tmp_path / "c.pt", silent)
    assert max(model.mask_iou) < 0.93 and np.isfinite(model.fused.vertices).all()
