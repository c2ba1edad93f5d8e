"""The main command on the bundled data set, as the README shows it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.bench.score import score_one


def regpipe(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The installed command."""
    command = shutil.which("regpipe", path=str(Path(sys.executable).parent)) or "regpipe"
    return subprocess.run(
        [command, *map(str, args)], cwd=cwd, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_bundled_example_is_accepted_and_right(tmp_path: Path) -> None:
    done = regpipe("run", "--dataset", "mini", "--objid", 1, "--preset", "quick", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accepted" in done.stdout and "\x1b" not in done.stdout and done.stderr == ""
    out = tmp_path / "runs/mini/obj_000001"
    result = json.loads((out / "result.json").read_text())
    assert (
        result["format"] == 1
        and result["accepted"] is True
        and result["source"] == "shape"
        and 0.99 <= result["confidence"] <= 1
    )
    assert set(result) >= {
        "T_up_from_down",
        "scale",
        "alternatives",
        "candidates",
        "chamfer_mm",
        "diameter_mm",
        "stages",
        "versions",
    }
    row = score_one(tmp_path / "runs/mini", tmp_path / "bop/mini_truth/obj_000001.json")
    assert row["right"] and row["h95"] < 0.02
    for name in ("model.ply", "cloud.ply", "report/index.html", "report/chamfer.csv", "report/chamfer.json", "labels/up/scene_gt.json", "labels/down/scene_camera.json",
                 "labels/models/obj_000001.ply", "labels/models/models_info.json"):  # fmt: skip
        assert (out / name).stat().st_size > 50, name
    start = time.monotonic()
    again = regpipe("run", "--dataset", "mini", "--objid", 1, "--preset", "quick", cwd=tmp_path)
    assert again.returncode == 0 and time.monotonic() - start < 6 and "✓" not in again.stdout
    states = json.loads(regpipe("status", "--preset", "quick", "--json", cwd=tmp_path).stdout)["mini/obj_000001"]
    skipped = {s["stage"] for s in states if s["state"] == "skipped"}
    learned = {f"{stage}-{half}" for stage in ("correspondences", "embedding", "features") for half in ("up", "down")}
    assert skipped == learned | {"poses-surfemb"}  # shape decided: nothing dear was asked for
    assert [s["state"] for s in states if s["stage"] not in skipped] == ["fresh"] * 13
    exported = regpipe("export", "pred6d", "--dataset", "mini", "--objid", 1, "--to", "pred6d.json", cwd=tmp_path)
    assert exported.returncode == 0 and len(json.loads((tmp_path / "pred6d.json").read_text())["down"]) == 36
