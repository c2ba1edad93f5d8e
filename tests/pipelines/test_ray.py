"""The engine that needs the extra ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.engines.on_ray import OnRay
from registration.errors import MissingExtra
from tests.pipelines.stopping import stopped_by
from tests.pipelines.toy import FORK, INSISTING, digests, toy
from tests.pipelines.two_nodes import GRAPH

ROOT = Path(__file__).parents[2]
QUIET = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "NO_COLOR": "1"}


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'regpipe\[ray\]'"):
        OnRay("local", None)


def test_the_local_engine_never_imports_it() -> None:
    code = (
        "import sys, pipelines.cli.run, pipelines.cli.screen, pipelines.engines.schedule, pipelines.engines.local; "
        "print('ray' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.slow
def test_a_node_that_is_killed_costs_only_the_stage_it_ran(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="no ray: pip install 'regpipe[ray]'")
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.two_nodes", str(tmp_path / "run")], cwd=ROOT, env=QUIET,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["killed"] in (["clouds"], ["side"]) and told["slots"] == 2
    assert told["warned"] and told["killed"][0] in told["warned"][0] and "tried again" in told["warned"][0]
    assert told["states"] == ["fresh"] * len(GRAPH.order) and told["outcomes"][0]["state"] == "done"
    assert told["tries"] == 3  # two stages, one of them twice


@pytest.mark.slow
def test_the_command_runs_on_a_cluster_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="no ray: pip install 'regpipe[ray]'")
    command = [str(Path(sys.executable).with_name("regpipe"))]
    make = ["data", "synth", "tiny", "--bop-root", "bop", "--objects", "2", "--views", "8", "--size", "48"]
    subprocess.run([*command, *make], cwd=tmp_path, env=QUIET, check=True, capture_output=True)
    ray = ["--engine", "ray", "--ray-address", "local"]
    done = subprocess.run(
        [*command, "run", "--dataset", "tiny", "--all", "--until", "capture-down", *ray], cwd=tmp_path, env=QUIET,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    assert done.stdout.count("✓ capture-down") == 2
    assert len(list((tmp_path / "runs/.store/tiny").glob("obj_*/capture-down/*/manifest.json"))) == 2


@pytest.mark.slow
def test_what_is_asked_for_is_made_side_by_side(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="no ray: pip install 'regpipe[ray]'")
    (tmp_path / "meet").mkdir()
    code = (
        "import pathlib, sys; from pipelines.engines.on_ray import OnRay; from tests.pipelines.toy import *; board = Noted(); "
        "print(scheduled(pathlib.Path(sys.argv[1]), OnRay('local', 2), 1, board, FORK, INSISTING)[0].state, *board.logged, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "two")], cwd=ROOT, env={**QUIET, "TOY_MEET": str(tmp_path / "meet")},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = done.stdout.splitlines()
    assert told[0] == "done" and any(line.startswith("verify: waits for embedding-up, embedding-down") for line in told)
    alone = toy(tmp_path / "alone", INSISTING, 1, FORK)
    alone.go()
    assert digests(toy(tmp_path / "two", INSISTING, 1, FORK)) == digests(alone)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_quick_leaves_no_process_and_can_be_gone_on_from(
    tmp_path: Path, record_property: Callable[[str, object], None], number: int
) -> None:
    pytest.importorskip("ray", reason="no ray: pip install 'regpipe[ray]'")
    seconds = stopped_by(number, tmp_path, "ray")
    record_property("seconds", seconds)
    assert seconds < 3  # less than 2 on an idle machine; Ray's dozen processes end more slowly on a loaded one
