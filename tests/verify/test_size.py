"""Captures whose unit is unknown: how much larger one half is than the other, and what becomes of it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.publish import in_own_units
from pipelines.results import read_result
from pipelines.stages import clouds as stage
from pipelines.stages import icp
from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.fuse.labels import labels_of, scene_camera
from registration.geometry.icp import align
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.nerf.params import CloudParams
from registration.progress import silent
from registration.sources.base import HalfModel, halves_of
from registration.sources.size import size_of
from registration.verify.params import IcpParams
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, half_of_body
from tests.view.made import verdict_on

UNIT = 0.37
ASKEW = Rigid.exp([0.5, 0.3, -0.4, 0, 0, 0])
T = ASKEW @ T_TRUE
Pair = tuple[HalfModel, HalfModel]


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Halves of a body, askew to the grids of their solids; the lower one was captured in a unit of its own."""
    up, small = half_of_body(knob(), ASKEW), half_of_body(knob(), T_TRUE.inverse()).scaled(UNIT)
    return up, replace(small, capture=replace(small.capture, metric=False))


def context(folder: Path) -> Context:
    return Context(np.random.default_rng(0), "cpu", folder, silent, logging.getLogger("regpipe"), "icp")


@pytest.mark.parametrize("guess", [0.9, 1.0, 1.1])
def test_contact_finds_the_size_along_with_the_motion(pair: Pair, guess: float) -> None:
    up, down = pair
    start = Rigid.exp([0.05, -0.04, 0.06, 1.5, -1.0, 0.8]) @ T
    result = align(up.side(), down.side().scaled(guess / UNIT), start, (8.0, 3.0, 1.0), 20, sized=True)
    assert guess * result.scale == pytest.approx(1, abs=0.002)
    assert result.T_up_from_down.angle_deg(T) < 0.5 and np.linalg.norm(result.T_up_from_down.t - T.t) < 0.3


def test_the_size_is_found_without_the_motion(pair: Pair) -> None:
    up, down = pair
    size = size_of(up, down, np.random.default_rng(0))
    assert size.factor * UNIT == pytest.approx(1, abs=0.002) and 0 <= size.spread < 0.05


def test_the_stages_bring_both_halves_to_one_unit(pair: Pair, tmp_path: Path) -> None:
    up, down = pair
    records = up.nerf, down.nerf, up.capture, down.capture
    clouds = stage.run(context(tmp_path), CloudParams(), *records)
    assert clouds.scale * UNIT == pytest.approx(1, abs=0.004)
    assert clouds.diameter_mm == pytest.approx(diameter(knob().vertices), rel=0.03)
    _, grown = halves_of(clouds, *records)
    assert diameter(grown.nerf.vertices) == pytest.approx(diameter(down.nerf.vertices) / UNIT, rel=0.004)
    near = Rigid.exp([0.02, -0.01, 0.02, 0.4, -0.3, 0.2]) @ T
    found = icp.run(context(tmp_path), IcpParams(points=3000), verdict_on([near]), clouds, *records, {})
    assert found.scale * UNIT == pytest.approx(1, abs=0.002)
    points = down.cloud.points
    assert np.abs(found.T_up_from_down.apply(found.scale * points) - T.apply(points / UNIT)).max() < 0.6


def test_metric_captures_keep_their_size_and_another_unit_is_told(
    pair: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    up, down = pair
    known = replace(down.capture, metric=True)
    with caplog.at_level(logging.WARNING, "regpipe"):
        clouds = stage.run(context(tmp_path), CloudParams(), up.nerf, down.nerf, up.capture, known)
    assert clouds.scale == 1 and "are both in millimetres?" in caplog.text


def test_labels_of_another_unit_show_the_same_pixels(pair: Pair) -> None:
    _, down = pair
    fused = type("Fused", (), {"vertices": knob().vertices, "diameter_mm": 60.0})()
    there: Capture = down.capture.scaled(1 / UNIT)
    gt = labels_of({"down": (there, T)}, fused, 1, {}).files["down/scene_gt.json"]  # type: ignore[arg-type]
    pose = gt[str(down.capture.ids[0])][0]
    seen = np.array(pose["cam_R_m2c"]).reshape(3, 3) @ knob().vertices[0] + np.array(pose["cam_t_m2c"])
    own = down.capture.cameras.project(0, UNIT * T.inverse().apply(knob().vertices[:1]))[0][0]
    K = down.capture.K[0]
    assert np.allclose((K @ seen)[:2] / seen[2], own, atol=1e-6)
    deep = replace(down.capture, notes={"depth_scale": 0.1})
    assert scene_camera(deep.scaled(2.0))[str(deep.ids[0])]["depth_scale"] == pytest.approx(0.2)


def test_the_published_matrix_maps_what_was_read() -> None:
    x = np.array([3.0, -1, 2])
    entry = in_own_units({"T_up_from_down": T.as_matrix().tolist(), "confidence": 0.5}, 1 / UNIT)
    M = np.array(json.loads(json.dumps(entry))["T_up_from_down"])
    assert np.allclose(M[:3, :3] @ x + M[:3, 3], T.apply(x / UNIT)) and entry["confidence"] == 0.5
    assert np.allclose(Rigid.from_similarity(M).as_matrix(), T.as_matrix())
    assert in_own_units(entry, 1.0) is entry


def test_a_result_of_two_units_is_read_back_and_a_mirror_is_not(tmp_path: Path) -> None:
    M = T.after_scale(1 / UNIT)
    told = {"accepted": True, "confidence": 0.99, "scale": 1 / UNIT, "T_up_from_down": M.tolist()}
    (tmp_path / "result.json").write_text(json.dumps(told))
    assert read_result(tmp_path) == told
    for wrong in (M @ np.diag([1, 1, -1, 1.0]), M @ np.diag([1, 1, 2, 1.0]), np.zeros((4, 4))):
        (tmp_path / "result.json").write_text(json.dumps(told | {"T_up_from_down": wrong.tolist()}))
        assert read_result(tmp_path) is None
