"""kill -9 in every stage: the next run completes, and equals one that nobody disturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.chain import DEFAULT
from registration.data.synthetic import SynthParams, make_dataset
from tests.end_to_end.driver import tiny_run
from tests.pipelines.toy import Quiet, digests

ROOT = Path(__file__).parents[2]
LEARNED = [s for s in DEFAULT.order if s.startswith(("correspondences", "embedding", "features")) or s == "poses-surfemb"]
CHEAP = [s for s in DEFAULT.order if s not in LEARNED]
MADE = CHEAP[: CHEAP.index("verify")] + LEARNED + CHEAP[CHEAP.index("verify") :]
"""Stages in the order in which a run makes them: what is dear is asked for last."""
DEATHS = [f"{stage}:write" for stage in MADE] + [
    "nerf-up:middle",
    "nerf-down:middle",
    "poses-shape:middle",
    "embedding-up:middle",
    "poses-surfemb:middle",
    "nerf-full:middle",
    "fuse:start",
    "publish:",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bop")
    make_dataset(root, "tiny", objects=1, seed=2, params=SynthParams(views=12, size=72))
    return root


def drive(data: Path, out: Path, death: str = ":") -> int:
    env = {**os.environ, "DIE": death, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.driver", str(data), str(out)], cwd=ROOT, env=env
    ).returncode


@pytest.mark.slow
def test_killed_in_every_stage_it_ends_as_if_undisturbed(data: Path, tmp_path: Path) -> None:
    assert drive(data, tmp_path / "calm") == 0
    for death in sorted(
        DEATHS, key=lambda d: MADE.index(d.split(":")[0]) if d.split(":")[0] in MADE else 99
    ):
        assert drive(data, tmp_path / "rough", death) == -9, f"it was not killed at {death}"
        stage = death.split(":")[0]
        if stage in DEFAULT.order:
            run = tiny_run(data, tmp_path / "rough", Quiet())
            assert run.step(stage).state == "missing", f"half an artifact of {stage} was believed"
        assert not (tmp_path / "rough/tiny/obj_000001/result.json").exists()
    assert drive(data, tmp_path / "rough") == 0
    calm, rough = (tiny_run(data, tmp_path / name, Quiet()) for name in ("calm", "rough"))
    assert digests(calm) == digests(rough)
    a, b = (json.loads((tmp_path / n / "tiny/obj_000001/result.json").read_text()) for n in ("calm", "rough"))
    assert {k: v for k, v in a.items() if k != "stages"} == {k: v for k, v in b.items() if k != "stages"}
    for name in (
        "model.ply",
        "cloud.ply",
        "labels/down/scene_gt.json",
        "labels/models/obj_000001.ply",
        "report/chamfer.csv",
    ):
        assert (tmp_path / "calm/tiny/obj_000001" / name).read_bytes() == (
            tmp_path / "rough/tiny/obj_000001" / name
        ).read_bytes()


@pytest.mark.slow
def test_one_icp_parameter_runs_icp_and_what_follows(data: Path, tmp_path: Path) -> None:
    assert drive(data, tmp_path) == 0
    again = tiny_run(data, tmp_path, Quiet())
    again.go()
    assert again.ran == []
    changed = tiny_run(data, tmp_path, Quiet(), ("icp.reach_fine=0.011",))
    changed.go()
    assert changed.ran == ["icp", "fuse", "nerf-full", "labels", "report"]
