"""Ctrl-C in a real training: at once, in one line, and the checkpoint is there to go on from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.cli.setup import Request, order_of
from tests.pipelines.toy import Quiet

SMALL = (
    "nerf.coarse_grid=24", "nerf.fine_grid=32", "nerf.rays=256", "nerf.checkpoint_every=5", "nerf.fog_steps=60",
    "nerf.rough_steps=10", "nerf.coarse_steps=15", "nerf.middle_steps=10", "nerf.fine_steps=15",
)  # fmt: skip


def regpipe(tmp_path: Path, *args: str) -> subprocess.Popen[str]:
    """The installed command in a session of its own, as a terminal starts it."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "NO_COLOR": "1"}
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("regpipe")), *args], cwd=tmp_path, env=env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_ctrl_c_in_a_training(tmp_path: Path) -> None:
    make = ["data", "synth", "tiny", "--bop-root", "bop", "--objects", "1", "--views", "12", "--size", "64"]
    regpipe(tmp_path, *make).communicate(timeout=60)
    run = ["run", "--dataset", "tiny", "--objid", "1", "--until", "nerf-up", *(w for s in SMALL for w in ("--set", s))]
    process = regpipe(tmp_path, *run)
    until = time.monotonic() + 120
    while not list(tmp_path.glob("runs/.store/tiny/*/nerf-up/.scratch-*/checkpoint.pt")) and time.monotonic() < until:
        time.sleep(0.05)
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130 and time.monotonic() - begun < 2, err
    assert len(err.strip().splitlines()) == 1 and "the same command goes on from there" in err
    assert "✓ capture-up" in out and "✓ nerf-up" not in out
    assert list(tmp_path.glob("runs/.store/tiny/*/nerf-up/.scratch-*/checkpoint.pt"))
    again = regpipe(tmp_path, *run, "--dry-run")
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0 and "1 stage of 1 object here" in out
    goes_on_with_half_the_rays(tmp_path)


def goes_on_with_half_the_rays(tmp_path: Path) -> None:
    """From the checkpoint of a training whose memory ran out."""
    request = Request("tiny", (1,), False, None, None, tmp_path / "bop", tmp_path / "runs", None, "standard", SMALL,
                      None, None, None, "cpu", False, True)  # fmt: skip
    half = order_of(request, 1).run(Quiet(), frozenset(["nerf-up"]))
    half.go("nerf-up")
    assert half.ran == ["nerf-up"]
    manifest = half.step("nerf-up").manifest
    assert manifest and manifest["halved"] == {"rays": 128} and manifest["params"]["rays"] == 256
