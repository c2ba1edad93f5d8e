"""What a run looks like: the table, the lines, and what would run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from rich.console import Console

from pipelines.cli.dry import show
from pipelines.cli.main import main
from pipelines.cli.screen import Screen, clock, overview
from pipelines.engines.board import Active, Outcome, Row
from pipelines.execute import Step


def drawn(rows: list[Row], closed: int, objects: int, lines: int = 20) -> list[str]:
    """The table as text."""
    console = Console(width=120, force_terminal=False, color_system=None)
    with console.capture() as seen:
        console.print(overview(rows, closed, objects, 279.0, lines))
    return [line.rstrip() for line in seen.get().splitlines()]


def row(name: str, share: float, **active: Active) -> Row:
    return Row(name, active, share, 82.0, 125.0)


def test_one_object_shows_its_stages_many_a_line_each() -> None:
    now = time.monotonic()
    up = Active("nerf-up", now - 10, 300, 1000)
    one = drawn([Row("d/obj_000001", {"nerf-up": up, "nerf-down": Active("nerf-down", now)}, 0.2, 82.0, 125.0)], 0, 1)
    assert len(one) == 3 and "nerf-up" in one[0] and "30%" in one[0] and "30.0/s" in one[0]
    assert "in all" in one[2] and "20%" in one[2] and "1:22" in one[2] and "about 4:39 left" in one[2]
    many = drawn([row(f"d/obj_{n:06d}", 0.5, verify=up) for n in range(5)], 7, 200)
    assert len(many) == 6 and "verify" in many[0] and "50%" in many[0] and "about 2:05 left" in many[0]
    assert "7 of 200" in many[-1] and "about 4:39 left" in many[-1]
    cut = drawn([row(f"d/obj_{n:06d}", 0.5) for n in range(50)], 7, 200, lines=10)
    assert len(cut) == 11 and "40 more run" in cut[-1]
    assert [clock(s) for s in (0.2, 99.7, 7390)] == ["0:00", "1:40", "2:03:10"]


def test_in_a_pipe_each_stage_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(tmp_path / "logs", lambda name: tmp_path / name, 2, quiet=False, verbose=False) as screen:
        for name in ("d/obj_000001", "d/obj_000002"):
            screen.opens(name, ["capture-up"])
        screen.starts("d/obj_000001", "nerf-up", ["first run"])
        screen.ends("d/obj_000001", "nerf-up", 12.34, fresh=False)
        screen.starts("d/obj_000002", "nerf-up", ["rays: 1 -> 2", "b", "c"])
        screen.log("d/obj_000001", {"levelno": 20, "levelname": "INFO", "msg": "only for the file"})
        screen.warns("d/obj_000002", "nerf-up: the process that ran it died (SIGKILL)")
        screen.closes(Outcome("d/obj_000001", "failed", None, "KeyError: 'x'"))
        screen.closes(Outcome("d/obj_000002", "wrong", None, "no masks: here (add them)"))
    seen = capsys.readouterr()
    assert seen.out.splitlines() == [
        "d/obj_000001 · fresh: capture-up",
        "d/obj_000001 ✓ nerf-up          12.3 s",
        "d/obj_000002 · fresh: capture-up",
        "d/obj_000002 nerf-up: rays: 1 -> 2; b; and 1 more",
    ]
    assert "SIGKILL" in seen.err and "only for the file" not in seen.err
    assert "regpipe: d/obj_000002: no masks: here (add them)" in seen.err
    (file,) = (tmp_path / "logs").glob("*obj_000001.log")
    assert f"please report it: KeyError: 'x' (the traceback is in {file})" in seen.err.replace("\n", " ")
    assert "only for the file" in file.read_text()


def test_a_dry_run_tells_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*args: str) -> str:
        with pytest.raises(SystemExit) as stop:
            main([*args, "--bop-root", str(tmp_path / "bop")])
        seen = capsys.readouterr()
        assert stop.value.code == 0, seen.err
        return seen.out

    call("data", "synth", "tiny", "--objects", "2", "--views", "8", "--size", "48")
    run = ["run", "--dataset", "tiny", "--all", "--out", str(tmp_path / "runs"), "--dry-run", "--jobs", "2"]
    told = call(*run)
    assert "24 stages of 2 objects here, 2 at a time" in told and "only if verify asks" in told
    (nerf,) = [line.split() for line in told[: told.index("obj_000002")].splitlines() if " nerf-up " in line]
    assert nerf == ["nerf-up", "missing", "1", "0.25", nerf[4], "90.0", "first", "run"]
    some = call(*run, "--until", "clouds", "--device", "cpu")
    assert "10 stages of 2 objects" in some and "verify" not in some and "0.25" not in some
    assert not list((tmp_path / "runs/.store").glob("tiny/*/*/*"))


def test_a_dry_run_has_a_word_for_every_state_of_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    states = get_args(get_type_hints(Step)["state"])
    show([{"stage": "icp", "state": state} for state in states], "toys/obj_000001")
    told = capsys.readouterr().out
    assert len(states) == 5 and all(state in told for state in states)
