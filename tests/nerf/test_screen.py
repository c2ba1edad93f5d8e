"""Images with wrong poses are found, named, and do not spoil the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from registration.data.capture import Capture
from registration.geometry.distance import chamfer_parts
from registration.geometry.rigid import Rigid
from registration.nerf.extract import half_of
from registration.nerf.params import NerfParams
from registration.nerf.screen import odd_views
from registration.nerf.train import train
from registration.progress import silent
from tests.geometry.bodies import capture_of, knob

WRONG = np.array([3, 11, 20])
SMALL = NerfParams(
    coarse_grid=32, fine_grid=48, fog_steps=60, rough_steps=30, coarse_steps=60, middle_steps=20, fine_steps=60, rays=1024
)


def misplaced(capture: Capture, views: np.ndarray, degrees: float) -> Capture:
    """The object turned about itself in some views, each about another axis."""
    R, t = capture.R.copy(), capture.t.copy()
    for n, i in enumerate(views):
        axis = np.random.default_rng(n).normal(size=3)
        turn = Rigid.exp(np.concatenate([axis / np.linalg.norm(axis) * np.radians(degrees), np.zeros(3)]))
        R[i] = R[i] @ turn.R
    return replace(capture, R=R, t=t)


def test_the_true_model_finds_exactly_the_misplaced_views() -> None:
    capture = capture_of(knob(), 24, 72)
    assert len(odd_views(knob(), capture)) == 0
    assert np.array_equal(odd_views(knob(), misplaced(capture, WRONG, 25)), WRONG)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [WRONG, np.zeros(0, np.int64)])
def test_a_model_is_learned_in_spite_of_them(wrong: np.ndarray, tmp_path: Path) -> None:
    capture = misplaced(capture_of(knob(), 24, 72), wrong, 25)
    level, curve = train(capture, SMALL, 0, "cpu", tmp_path / "c.pt", silent)
    half = half_of(capture, level, curve, np.zeros(0, np.int64))
    assert np.array_equal(half.odd, wrong)
    true = knob().sample(20_000, np.random.default_rng(1))[0]
    assert np.median(chamfer_parts(half.vertices, true)[0]) < 1.5
