"""What the last training found is what is published; without steps it is the fused model and the transform of icp."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

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
    model = full.final(ctx, FullParams(steps=0), parts, (1.0, 0.5, 2.0), fused)
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
