"""The real nerfstudio, a few steps on a tiny capture, through the stage.

Its environment weighs 3.5 GB, so CI does not install it: the test runs where REGPIPE_NERFSTUDIO names one that is there, and
REGPIPE_TEST_NERFSTUDIO=install makes a fresh one first.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.stages import nerf
from pipelines.stages.context import Context
from registration.geometry.distance import chamfer_parts
from registration.nerf.cloud import clouds_of
from registration.nerf.params import CloudParams, NerfParams
from tests.geometry.bodies import capture_of, knob

PACKAGES = ("nerfstudio==1.1.5", "torch<2.14")
THERE, INSTALL = "REGPIPE_NERFSTUDIO" in os.environ, os.environ.get("REGPIPE_TEST_NERFSTUDIO") == "install"
NOT_RUN = (
    "NOT RUN: neither REGPIPE_NERFSTUDIO names an environment nor REGPIPE_TEST_NERFSTUDIO=install makes one (3.5 GB)"
)
STEPS = 250


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not INSTALL:
        return Path(os.environ["REGPIPE_NERFSTUDIO"])
    place = tmp_path_factory.mktemp("nerfstudio") / "env"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin/pip", "install", "--quiet", *PACKAGES], check=True)
    return place


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not (THERE or INSTALL), reason=NOT_RUN)
def test_nerfacto_learns_a_small_body_in_our_frame(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGPIPE_NERFSTUDIO", str(home))
    capture, done = capture_of(knob(), views=24, size=72), list[int]()
    params = NerfParams(
        fine_grid=48, backend="nerfstudio", nerfstudio_steps=STEPS, nerfstudio_rays=1024, nerfstudio_points=20_000
    )
    tick = lambda step, total: done.append(step)  # noqa: E731
    context = Context(np.random.default_rng(0), "cpu", tmp_path, tick, logging.getLogger("test"))
    half = nerf.run(context, params, capture)
    assert half.notes["nerfstudio"] == "1.1.5" and half.notes["torch"] and len(set(done)) > 5
    clouds = clouds_of((half, half), (capture, capture), CloudParams(points=3000), np.random.default_rng(0))
    off = chamfer_parts(clouds.up.points, knob().sample(50_000, np.random.default_rng(1))[0])[0]
    assert half.mask_iou > 0.85 and len(clouds.up) > 800
    assert off.mean() < 0.03 * clouds.diameter_mm, "not in the frame or not in the scale of the capture"
    again = nerf.run(context, params, capture)  # the checkpoint is whole: only the export is done again
    assert again.mask_iou > 0.85
