"""Stops a run of both toy halves while its workers are busy, on any engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    """Whether a process runs; one that has ended and only waits for its parent to read that does not."""
    with suppress(OSError):  # it is gone, maybe while it is asked for
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def left(pids: list[int], seconds: float) -> list[str]:
    """Commands of those that still run after this time."""
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return [f"{pid} {called(pid)}" for pid in pids if alive(pid)]


def called(pid: int) -> str:
    """The command line of a process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:80]
    return ""


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
        assert len(others) >= 2 and left(others, 3 if engine == "ray" else 0) == []  # Ray's servers end by themselves, a moment later
    run = toy(folder, number=1, graph=PAIR)
    assert [s.state for s in run.plan()] == ["fresh", "missing", "missing"]
    assert not list(run.store.root.rglob(".new*"))
    run.go()
    assert run.ran == ["nerf-up", "nerf-down"]
    return seconds
