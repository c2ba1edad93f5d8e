"""Parts are rendered once, judged by the very run, and counted by kind."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipelines.cli.drive as drive_module
from pipelines import artifacts
from pipelines.bench.parts import KINDS, PartSet, by_kind, ensure, score_part
from pipelines.bench.score import judged
from pipelines.cli.bench import request_of
from pipelines.cli.drive import How
from pipelines.cli.main import main
from pipelines.cli.setup import Request, open_run
from pipelines.execute import Run
from pipelines.publish import NEEDED
from registration.data.kinds import list_objects
from registration.data.synthetic import SynthParams, make_dataset
from registration.errors import UserError
from registration.geometry.rigid import Rigid
from registration.verify.record import Registration
from tests.end_to_end.driver import SETTINGS

TINY = SynthParams(views=8, size=32)


def files_of(root: Path, objid: int) -> dict[str, bytes]:
    """Every file of an object's captures."""
    return {
        str(f.relative_to(root)): f.read_bytes()
        for f in root.glob(f"*/onboarding_static/obj_{objid:06d}_*/**/*")
        if f.is_file()
    }


def answered(run: Run, T: Rigid, accepted: bool) -> None:
    """As if the run had found this."""
    record = Registration(T, 0.999 if accepted else 0.2, accepted, (), "shape", 1, 0.1, 0.5, 60.0, 0.1, True, np.eye(4), (), {})  # fmt: skip
    place = run.place("icp")
    place.commit(run.keys["icp"], {"seconds": 2.0}, lambda folder: artifacts.save(record, folder))
    run.place("verify").commit(run.keys["verify"], {"seconds": 5.0}, lambda folder: None)


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[PartSet, Request, Path]:
    """Two parts, rendered; the request for them; where they lie."""
    wanted, root = PartSet(5, 2, TINY), tmp_path / "bop"
    ensure(root, wanted)
    options: dict[str, Any] = {"bop_root": root, "out": tmp_path / "runs", "preset": "quick", "sets": ()}
    return wanted, request_of(wanted.name, (1, 2), quiet=True, **options), root


def true_of(wanted: PartSet, root: Path, number: int) -> Rigid:
    return Rigid.from_matrix(json.loads(wanted.truth(root, number).read_text())["T_up_from_down"])


def test_what_is_rendered_is_not_rendered_again(tmp_path: Path) -> None:
    calls: list[int] = []
    tick = lambda done, _: calls.append(done)  # noqa: E731
    ensure(tmp_path, PartSet(5, 1, TINY), tick)
    assert calls and list_objects(tmp_path, "parts-5-8x32") == [1]
    first = files_of(tmp_path, 1)
    calls.clear()
    ensure(tmp_path, PartSet(5, 1, TINY), tick)
    assert not calls
    ensure(tmp_path, PartSet(5, 4, TINY), tick)  # more of the same
    assert calls and files_of(tmp_path, 1) == first and len(first) > 30
    kinds = [json.loads(PartSet(5, 4, TINY).truth(tmp_path, n).read_text())["symmetry"] for n in (1, 2, 3, 4)]
    assert kinds == [*KINDS, "none"]
    calls.clear()
    ensure(tmp_path, PartSet(5, 2, TINY), tick)  # fewer are among them
    assert not calls and list_objects(tmp_path, "parts-5-8x32") == [1, 2, 3, 4]


def test_other_ways_to_render_have_other_names(tmp_path: Path) -> None:
    printed = PartSet(5, 3, SynthParams(8, 32, printed=True))
    assert PartSet(1000, 60, SynthParams()).name == "parts-1000"
    assert printed.name == "parts-5-8x32-print" != PartSet(5, 3, TINY).name
    ensure(tmp_path, printed)
    facts = [json.loads(printed.truth(tmp_path, n).read_text()) for n in (1, 2, 3)]
    assert [f["symmetry"] for f in facts] == [*KINDS] and all(f["textured"] for f in facts)
    ensure(tmp_path, printed)


@pytest.mark.parametrize(
    ("changes", "kinds", "words"),
    [
        ({"seed": 6}, (), "seed 6 instead of 5"),
        ({"params": SynthParams(8, 32, mask_noise=0)}, (), "mask_noise 0 instead of 1.0"),
        ({}, ("near",), "obj_000001 of kind near instead of none"),
    ],
)
def test_a_data_set_of_other_parts_is_refused_and_kept(
    tmp_path: Path, changes: dict[str, Any], kinds: Any, words: str
) -> None:
    wanted = PartSet(5, 1, TINY)
    made = {"seed": 5, "params": TINY, "kinds": kinds} | changes
    make_dataset(tmp_path, wanted.name, objects=1, **made)
    before = files_of(tmp_path, 1)
    with pytest.raises(UserError, match=words):
        ensure(tmp_path, wanted)
    assert files_of(tmp_path, 1) == before
    (tmp_path / wanted.name / "dataset_info.json").write_text("[")
    with pytest.raises(UserError, match="None instead of"):
        ensure(tmp_path, wanted)


def test_the_transform_of_this_very_run_is_judged(tiny: tuple[PartSet, Request, Path]) -> None:
    wanted, request, root = tiny
    run, truth, folder = open_run(request, 1, None), wanted.truth(root, 1), request.folder(1)
    G, wrong = true_of(wanted, root, 1), Rigid.exp([0, 0, 2, 0, 0, 0])
    assert score_part(run, folder, truth, whole=False) == {"object": "obj_000001", "kind": "none"}
    answered(run, G, True)
    row = score_part(run, folder, truth, whole=False)
    assert row["right"] and row["accepted"] and row["h95"] < 1e-6 and row["seconds"] == 7.0
    answered(run, wrong @ G, True)
    row = score_part(run, folder, truth, whole=False)
    assert not row["right"] and row["accepted"] and row["degrees"] == pytest.approx(np.degrees(2))
    other = open_run(request_of(wanted.name, (1,), bop_root=root, out=request.out, preset="quick", sets=("icp.points=99",), quiet=True), 1, None)  # fmt: skip
    assert "right" not in score_part(other, folder, truth, whole=False)  # parameters that nobody ran


def test_a_whole_run_is_judged_by_its_own_result(tiny: tuple[PartSet, Request, Path]) -> None:
    wanted, request, root = tiny
    run, truth, folder = open_run(request, 1, None), wanted.truth(root, 1), request.folder(1)
    answered(run, Rigid.identity(), False)
    assert "right" not in score_part(run, folder, truth, whole=True)
    keys = {name: run.keys[name] for name in NEEDED}
    result = {"T_up_from_down": true_of(wanted, root, 1).as_matrix().tolist(), "confidence": 1.0, "accepted": True}
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result | {"keys": keys}))
    assert score_part(run, folder, truth, whole=True)["right"]
    assert not score_part(run, folder, truth, whole=False)["right"]
    (folder / "result.json").write_text(json.dumps(result | {"keys": keys | {"icp": "of another run"}}))
    assert "right" not in score_part(run, folder, truth, whole=True)


def test_a_turn_that_the_shape_does_not_show_is_wrong_only_under_a_print() -> None:
    half, points = Rigid.exp([0, 0, np.pi, 0, 0, 0]), np.random.default_rng(0).normal(size=(500, 3))
    true = np.concatenate([points, half.apply(points)])
    facts: dict[str, Any] = {"T_up_from_down": np.eye(4).tolist(), "diameter": 6.0}
    grey, printed = judged(half, facts, true), judged(half, facts | {"textured": True}, true)
    assert grey["h95"] == printed["h95"] < 1e-9 and grey["degrees"] == pytest.approx(180)
    assert grey["right"] and not printed["right"] and printed["loose"]
    assert judged(Rigid.identity(), facts | {"textured": True}, true)["right"]


def test_the_table_counts_by_kind() -> None:
    def row(kind: str, right: bool, accepted: bool, h95: float) -> dict[str, Any]:
        return {"kind": kind, "right": right, "accepted": accepted, "h95": h95, "seconds": 100 * h95}

    rows = [row("none", True, True, 0.01), row("none", False, True, 0.03), row("none", True, False, 0.01),
            row("exact", True, True, 0.02), {"kind": "exact"}]  # fmt: skip
    none, exact, every = by_kind(rows)
    assert [none[k] for k in ("kind", "objects", "right", "accepted", "right_accepted", "false_accepts", "h95")] == [
        "none", 3, 2, 2, 1, 1, 0.01,
    ]  # fmt: skip
    assert exact["objects"] == 2 and exact["right"] == exact["accepted"] == 1 and exact["false_accepts"] == 0
    assert every["kind"] == "all" and every["objects"] == 5 and every["right"] == 3 and every["false_accepts"] == 1
    assert none["seconds"] == pytest.approx(5 / 3) and "h95" not in by_kind([{"kind": "near"}])[0]


def test_the_command_goes_on_where_it_stopped_and_answers_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, str]] = []

    def drive(request: Request, wanted: list[int], until: str, how: How) -> int:
        print("a line of the run")  # noqa: T201
        asked.extend((objid, until) for objid in wanted)
        answered(open_run(request, 3, None), true_of(PartSet(5, 3, TINY), request.bop_root, 3), True)
        return 2

    monkeypatch.setattr(drive_module, "drive", drive)
    args = ["--objects", "3", "--first", "2", "--seed", "5", "--views", "8", "--size", "32", "--until", "icp"]
    places = ["--bop-root", str(tmp_path / "bop"), "--out", str(tmp_path / "runs")]
    for more in (["--json"], []):
        with pytest.raises(SystemExit) as stop:
            main(["bench", "parts", *args, *places, *more])
        assert stop.value.code == 2  # an object could not be run
        seen = capfd.readouterr()
        if more:
            found = json.loads(seen.out)
            assert "a line of the run" in seen.err
            assert [r["object"] for r in found["objects"]] == ["obj_000002", "obj_000003"]
            assert found["kinds"][-1]["objects"] == 2 and found["kinds"][-1]["right_accepted"] == 1
    assert asked == [(2, "icp"), (3, "icp")] * 2
    assert "1 without an answer, counted as not right: obj_000002" in seen.out
    heads = ["kind", "objects", "right", "accepted", "right_accepted", "false_accepts", "h95", "seconds"]
    assert heads in [line.split() for line in seen.out.splitlines()]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--objects", "3", "--first", "4"], "raise --objects"),
        (["--until", "clouds"], "--until icp is the earliest"),
        (["--until", "ipc"], "stages:"),
        (["--set", "icp.point=3"], "did you mean 'points'"),
        (["--views", "3"], "8 to 5000 views"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_a_wrong_request_is_one_line_and_renders_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["bench", "parts", *args, "--bop-root", str(tmp_path / "bop"), "--out", str(tmp_path / "runs")])
    err = capsys.readouterr().err
    assert stop.value.code == 2 and len(err.strip().splitlines()) == 1 and words in err
    assert not (tmp_path / "bop").exists()


@pytest.mark.slow
def test_parts_are_really_registered_and_not_twice(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    places = ["--bop-root", str(tmp_path / "bop"), "--out", str(tmp_path / "runs"), "--preset", "quick"]
    args = ["bench", "parts", "--objects", "1", "--views", "16", "--size", "96", "--until", "icp", "--json", *sets, "--set", "verify.sources=cheap"]
    told, seconds = [], []
    for _ in range(2):
        start = time.monotonic()
        with pytest.raises(SystemExit) as stop:
            main([*args, *places])
        assert not stop.value.code
        seconds.append(time.monotonic() - start)
        told.append(json.loads(capfd.readouterr().out))
    row = told[0]["objects"][0]
    assert row["right"] and row["h95"] < 0.02 and row["seconds"] > 0
    assert told[0] == told[1] and seconds[1] < 5 and seconds[1] < seconds[0] / 3
