"""kill -9 in every stage: the next run completes, and equals one that nobody disturbed."""

from __future__ import annotations

import json
import os
import shutil
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


@pytest.fixture(scope="module")
def calm(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("calm")
    assert drive(data, out) == 0
    return out


@pytest.mark.slow
def test_killed_in_every_stage_it_ends_as_if_undisturbed(data: Path, calm: Path, tmp_path: Path) -> None:
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
    places = calm, tmp_path / "rough"
    undisturbed, rough = (tiny_run(data, place, Quiet()) for place in places)
    assert digests(undisturbed) == digests(rough)
    a, b = (json.loads((place / "tiny/obj_000001/result.json").read_text()) for place in places)
    assert {k: v for k, v in a.items() if k != "stages"} == {k: v for k, v in b.items() if k != "stages"}
    for name in (
        "model.ply",
        "cloud.ply",
        "labels/down/scene_gt.json",
        "labels/models/obj_000001.ply",
        "report/chamfer.csv",
    ):
        one, other = (place / "tiny/obj_000001" / name for place in places)
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_one_icp_parameter_runs_icp_and_what_follows(data: Path, calm: Path, tmp_path: Path) -> None:
    shutil.copytree(calm, tmp_path / "out")
    again = tiny_run(data, tmp_path / "out", Quiet())
    again.go()
    assert again.ran == []
    changed = tiny_run(data, tmp_path / "out", Quiet(), ("icp.reach_fine=0.011",))
    changed.go()
    assert changed.ran == ["icp", "fuse", "nerf-full", "labels", "report"]
