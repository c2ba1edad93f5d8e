"""What the last training found is what is published; without steps it is the fused model and the transform of icp."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pipelines import artifacts
from pipelines.chain import DEFAULT
from pipelines.presets import Config
from pipelines.publish import NEEDED, publish
from pipelines.report.record import Report
from pipelines.stages import full, labels
from pipelines.stages.context import Context
from registration.fuse.params import LabelsParams
from registration.fuse.record import Fused, Model
from registration.geometry.mesh import diameter
from registration.geometry.ply import read_ply
from registration.geometry.rigid import Rigid
from registration.nerf.params import FullParams
from registration.progress import silent
from registration.verify.record import Registration
from tests.geometry.bodies import capture_of, knob

T_ICP, T_REFINED = Rigid.exp([0.2, 0.1, 3.0, 5, 4, 3]), Rigid.exp([0.21, 0.1, 3.0, 5, 4, 3.2])


def some_fused(shift: float = 0.0) -> Fused:
    mesh = knob().moved(Rigid.exp([0, 0, 0, shift, 0, 0]))
    tint = np.full((len(mesh.vertices), 3), 90, np.uint8)
    v, n = mesh.vertices, mesh.vertex_normals()
    return Fused(v, mesh.faces, n, tint, v[:50], n[:50], tint[:50], diameter(v), 0.9)


def icp() -> Registration:
    return Registration(T_ICP, 0.9, True, (), "shape", 5, 0.1, 0.8, 60.0, 0.2, True, np.eye(4), ("fits",), {})


def test_without_steps_the_fused_model_is_passed_on(tmp_path: Path) -> None:
    fused, half = some_fused(), cast(Any, None)
    ctx = Context(np.random.default_rng(0), "cpu", tmp_path, silent, logging.getLogger("test"))
    parts = [(half, Rigid.identity()), (half, T_ICP), (half, T_REFINED)]
    model = full.final(ctx, FullParams(steps=0), parts, (1.0, 0.5, 2.0), True, fused)
    assert model.fused is fused and model.T_up_from_down is not None and not model.joint and model.psnr == ()
    assert model.places[1:] == (T_ICP, T_REFINED) and model.scales == (1.0, 0.5, 2.0)


def test_result_labels_and_model_are_of_one_frame(tmp_path: Path) -> None:
    model = Model(some_fused(1.5), T_REFINED, True, (25.0, 26.0), (0.97, 0.96), (0.96, 0.95), ("moved a little",))
    artifacts.save(model, tmp_path)
    back = artifacts.load(Model, tmp_path)
    assert (
        back.psnr == model.psnr
        and back.notes == model.notes
        and np.array_equal(back.fused.colours, model.fused.colours)
    )
    ctx = Context(np.random.default_rng(0), "cpu", tmp_path, silent, logging.getLogger("test"))
    up, down = capture_of(knob(), views=4), capture_of(knob(), views=3)
    written = labels.run(ctx, LabelsParams(), model, icp(), up, down)
    records = dict(zip(NEEDED, (icp(), model, written, Report("<p>", "a", "{}")), strict=True))
    run = SimpleNamespace(
        keys=dict.fromkeys(NEEDED, "k"), record=records.__getitem__, graph=DEFAULT, seconds={"icp": 1.0},
        name="made/obj_000001", config=Config(full=FullParams(steps=9)), externals={},
    )  # fmt: skip
    result = publish(cast(Any, run), tmp_path / "out", 1)
    assert np.allclose(result["T_up_from_down"], T_REFINED.as_matrix())
    assert result["command"] == "regpipe run --dataset made --objid 1 --set full.steps=9"
    assert result["model"]["joint"] is True and result["model"]["mask_iou"] == [0.97, 0.96]
    assert np.allclose(read_ply(tmp_path / "out/model.ply")[0], model.fused.vertices, atol=1e-4)
    entry = json.loads((tmp_path / "out/labels/down/scene_gt.json").read_text())["0"][0]
    pose = Rigid(down.R[0], down.t[0]) @ T_REFINED.inverse()
    assert np.allclose(entry["cam_R_m2c"], pose.R.ravel()) and np.allclose(entry["cam_t_m2c"], pose.t)


def test_a_known_diameter_makes_model_labels_and_transform_as_large(tmp_path: Path) -> None:
    """Captures without a unit, the lower one in another: every label still puts the model where its image has it."""
    turn = np.eye(4)
    turn[:3, 3] = 3, 2, 1
    found = replace(icp(), metric=False, scale=2.5, unit_mm=(4.0, 8.0), symmetries={
        "symmetries_discrete": [turn.ravel().tolist()], "symmetries_continuous": [{"axis": [0, 0, 1], "offset": [5, 6, 7]}],
    })  # fmt: skip
    fused, ctx = some_fused(), Context(np.random.default_rng(0), "cpu", tmp_path, silent, logging.getLogger("test"))
    nothing = cast(Any, None)
    model = full.final(ctx, FullParams(steps=0, diameter_mm=123.0), [(nothing, Rigid.identity()), (nothing, found.T_up_from_down)], (1.0, found.scale), False, fused)
    k = 123.0 / fused.diameter_mm
    assert model.grown == pytest.approx(k) and model.fused is fused
    up, down = capture_of(knob(), views=4), capture_of(knob(), views=3).scaled(1 / 2.5)
    written = labels.run(ctx, LabelsParams(), model, found, up, down)
    records = dict(zip(NEEDED, (found, model, written, Report("<p>", "a", "{}")), strict=True))
    run = SimpleNamespace(
        keys=dict.fromkeys(NEEDED, "k"), record=records.__getitem__, graph=DEFAULT, seconds={}, name="a+b",
        config=Config(), externals={},
    )  # fmt: skip
    result = publish(cast(Any, run), tmp_path / "out", 1)
    vertices = read_ply(tmp_path / "out/model.ply")[0]
    info = json.loads((tmp_path / "out/labels/models/models_info.json").read_text())["1"]
    for told in (diameter(vertices), info["diameter"], result["diameter_mm"]):
        assert told == pytest.approx(123.0, rel=1e-5)
    assert result["metric"] and result["scale"] == 2.5
    assert np.allclose(list(result["unit_mm"].values()), [4 * k, 8 * k])
    assert np.allclose(info["symmetries_discrete"][0][3::4][:3], [3 * k, 2 * k, k])
    assert np.allclose(info["symmetries_continuous"][0]["offset"], k * np.array([5, 6, 7]))
    T = np.array(result["T_up_from_down"])
    for capture, half, to_up in ((up, "up", np.eye(4)), (down, "down", T)):
        entries = json.loads((tmp_path / f"out/labels/{half}/scene_gt.json").read_text())
        back = np.linalg.inv(to_up)  # model -> the capture's own frame, in which a length now is k times as long
        own = (vertices @ back[:3, :3].T + back[:3, 3]) / k
        for n, i in enumerate(capture.ids):
            seen = vertices @ np.reshape(entries[str(i)][0]["cam_R_m2c"], (3, 3)).T + entries[str(i)][0]["cam_t_m2c"]
            meant = own @ capture.R[n].T + capture.t[n]
            assert np.allclose(seen[:, :2] / seen[:, 2:], meant[:, :2] / meant[:, 2:], atol=1e-6)


def test_a_diameter_changes_nothing_where_there_is_a_unit(tmp_path: Path) -> None:
    ctx, nothing = Context(np.random.default_rng(0), "cpu", tmp_path, silent, logging.getLogger("test")), cast(Any, None)
    model = full.final(ctx, FullParams(steps=0, diameter_mm=9.0), [(nothing, Rigid.identity()), (nothing, T_ICP)], (1.0, 1.0), True, some_fused())
    assert model.grown == 1.0 and model.known_mm == 0.0
