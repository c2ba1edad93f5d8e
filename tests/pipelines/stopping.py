"""Stops a run of both toy halves while its workers are busy, on any engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.pipelines.toy import PAIR, toy

ROOT = Path(__file__).parents[2]


@contextmanager
def begun(folder: Path, engine: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """The command, and its other processes; both halves are at it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.pipelines.stopped", str(folder), engine], cwd=ROOT, text=True,
        env={**os.environ, "TOY_SECONDS": "60", "OMP_NUM_THREADS": "1"}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def alive(pid: int) -> bool:
    """Whether a process is there."""
    return Path(f"/proc/{pid}").exists()


def stopped_by(number: int, folder: Path, engine: str) -> float:
    """Seconds from the signal to the end; it ends cleanly, and the next run takes up what was finished."""
    with begun(folder, engine) as (process, others):
        start = time.monotonic()
        os.killpg(process.pid, number) if number == signal.SIGINT else os.kill(process.pid, number)
        assert process.wait(20) == 130
        seconds = time.monotonic() - start
        assert process.stderr
        told = process.stderr.read().strip()
        assert len(told.splitlines()) == 1 and "the same command goes on from there" in told
        assert len(others) >= 2 and not any(map(alive, others))
    run = toy(folder, number=1, graph=PAIR)
    assert [s.state for s in run.plan()] == ["fresh", "missing", "missing"]
    assert not list(run.store.root.rglob(".new*"))
    run.go()
    assert run.ran == ["nerf-up", "nerf-down"]
    return seconds
