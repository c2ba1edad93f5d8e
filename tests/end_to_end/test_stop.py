"""Ctrl-C in a real training: at once, in one line, and the checkpoint is there to go on from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


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
    small = ["--set", "nerf.coarse_grid=24", "--set", "nerf.rays=256", "--set", "nerf.checkpoint_every=5"]
    run = ["run", "--dataset", "tiny", "--objid", "1", "--until", "nerf-up", *small]
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
    assert again.returncode == 0 and "1 stages of 1 objects" in out
