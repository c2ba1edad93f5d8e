"""Keys, store and execution, on a toy graph."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines import artifacts
from pipelines.chain import DEFAULT
from pipelines.graph import Graph, Stage
from pipelines.keys import Fingerprints, key_of, why
from pipelines.presets import Config, changed
from registration.errors import UserError
from registration.geometry.rigid import Rigid
from registration.verify.params import IcpParams
from tests.pipelines.toy import ASKING, all_at_once, digests, toy

ROOT = Path(__file__).parents[2]


def test_a_key_never_changes_by_itself() -> None:
    assert key_of("icp", 1, IcpParams(), {"a": "b"}, 0) == key_of("icp", 1, IcpParams(), {"a": "b"}, 0)
    assert key_of("x", 1, Empty(), {}, 0) == "1d2c40d8fadd8d0b"
    others = [
        key_of("x", 2, Empty(), {}, 0),
        key_of("x", 1, Empty(), {"a": "1"}, 0),
        key_of("x", 1, Empty(), {}, 1),
        key_of("y", 1, Empty(), {}, 0),
    ]
    assert len({*others, "1d2c40d8fadd8d0b"}) == 5


@dataclass(frozen=True)
class Empty:
    """No parameters."""


def test_why_names_what_changed() -> None:
    old = {"version": 1, "seed": 0, "params": {"points": 1}, "inputs": {"one": "a"}}
    assert why(None, old) == ["first run"]
    assert why(old, old) == []
    assert why(old, {**old, "params": {"points": 2}, "inputs": {"one": "b"}}) == ["one changed", "points: 1 -> 2"]


def test_the_second_run_does_nothing(tmp_path: Path) -> None:
    one = toy(tmp_path)
    one.go()
    assert one.ran == ["capture-up", "clouds", "side", "icp"]
    two = toy(tmp_path)
    two.go()
    assert two.ran == [] and two.records == {}
    assert two.seconds.keys() == one.seconds.keys()


@pytest.mark.parametrize(
    ("section", "name", "ran"),
    [
        ("icp", "max_iterations", ["icp"]),
        ("clouds", "points", ["clouds", "icp"]),
        ("capture", "skip_bad", ["capture-up", "clouds", "side", "icp"]),
        ("nerf", "rays", []),
    ],
)
def test_a_parameter_invalidates_exactly_what_follows(tmp_path: Path, section: str, name: str, ran: list[str]) -> None:
    toy(tmp_path).go()
    again = toy(tmp_path, changed(Config(), section, name, "77", "test"))
    again.go()
    assert again.ran == ran
    back = toy(tmp_path)  # going back costs nothing
    back.go()
    assert back.ran == []


def test_content_and_seed_count(tmp_path: Path) -> None:
    toy(tmp_path).go()
    other = toy(tmp_path, number=4)
    other.go()
    assert len(other.ran) == 4
    seeded = toy(tmp_path, replace(Config(), seed=5))
    seeded.go()
    assert len(seeded.ran) == 4


def test_until_force_and_from(tmp_path: Path) -> None:
    run = toy(tmp_path)
    run.go(until="clouds")
    assert run.ran == ["capture-up", "clouds"]
    forced = toy(tmp_path)
    forced.go(until="clouds", forced=frozenset(["clouds"]))
    assert forced.ran == ["clouds"]
    whole = toy(tmp_path)
    whole.go(forced=frozenset(whole.graph.downstream("clouds")))
    assert whole.ran == ["clouds", "side", "icp"] and whole.watcher.reasons["clouds"] == ["asked for"]  # type: ignore[attr-defined]


def test_a_flipped_bit_is_found_and_mended(tmp_path: Path) -> None:
    run = toy(tmp_path)
    run.go()
    before = digests(run)
    file = run.place("clouds").of(run.keys["clouds"]) / "arrays.npz"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    again = toy(tmp_path, changed(Config(), "icp", "max_iterations", "9", "test"))
    again.go()
    assert again.ran == ["clouds", "icp"]
    assert digests(again)["clouds"] == before["clouds"]


def test_failure_is_remembered_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAIL", "second")
    with pytest.raises(UserError, match="the toy is broken"):
        toy(tmp_path).go()
    states = {s.stage: s for s in toy(tmp_path).plan()}
    assert states["clouds"].state == "failed" and "broken" in states["clouds"].reasons[0]
    assert states["capture-up"].state == "fresh" and states["icp"].state == "missing"
    monkeypatch.delenv("TOY_FAIL")
    toy(tmp_path).go()
    assert {s.state for s in toy(tmp_path).plan()} == {"fresh"}


def test_a_killed_run_leaves_its_checkpoint_and_no_half_artifact(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.toy", str(tmp_path / "a")],
        cwd=ROOT,
        env={**os.environ, "TOY_KILL": "second"},
    )
    assert killed.returncode == -9
    run = toy(tmp_path / "a")
    assert [s.state for s in run.plan()] == ["fresh", "missing", "missing", "missing"]
    assert (run.place("clouds").scratch(run.keys["clouds"]) / "checkpoint").read_text() == "half way"
    run.go()
    assert run.ran == ["clouds", "side", "icp"]
    assert not list(run.place("clouds").folder.glob(".scratch*")) and not list(run.place("clouds").folder.glob(".new*"))
    whole = toy(tmp_path / "b")
    whole.go()
    assert digests(run) == digests(whole)


def test_two_runs_at_once_do_the_work_once(tmp_path: Path) -> None:
    all_at_once([toy(tmp_path) for _ in range(4)])


def test_old_artifacts_are_pruned(tmp_path: Path) -> None:
    for n in range(8):
        toy(tmp_path, changed(Config(), "icp", "max_iterations", n, "test")).go()
    assert len(list((tmp_path / "toy/obj_000001/icp").glob("[0-9a-f]*"))) == 4


def test_what_nobody_asks_for_is_skipped_and_said_so(tmp_path: Path) -> None:
    run = toy(tmp_path, graph=ASKING)
    run.go()
    assert run.ran == ["capture-up", "poses-cheap", "verify", "icp"]
    steps = {s.stage: s for s in toy(tmp_path, graph=ASKING).plan()}
    assert {n for n, s in steps.items() if s.state == "fresh"} == set(run.ran)
    for name in ("far", "poses-dear"):
        assert steps[name].state == "skipped" and steps[name].reasons == ["verify did not ask for it"]
    assert run.seconds["verify"] < 0.045 <= run.seconds["poses-cheap"]  # what was asked for is not counted twice
    asking = toy(tmp_path, changed(Config(), "verify", "points", "6000", "test"), graph=ASKING)
    assert asking.step("poses-dear").state == "missing"
    asking.go()
    assert asking.ran == ["far", "poses-dear", "verify", "icp"]
    assert {s.state for s in asking.plan()} == {"fresh"}
    changed_branch = toy(tmp_path, changed(Config(), "poses", "keep", "7", "test"), graph=ASKING)
    assert changed_branch.step("verify").state == "stale" and changed_branch.step("verify").reasons[0].startswith(
        "ask "
    )
    alone = toy(tmp_path / "b", graph=ASKING)
    alone.go(until="poses-dear")
    assert alone.ran == ["capture-up", "far", "poses-dear"]
    assert "verify" in ASKING.downstream("far") and "far" not in ASKING.upstream("verify")


def test_a_graph_refuses_nonsense() -> None:
    a = Stage("a", "nerf", "m:f", "m:r", {"x": "b"})
    b = Stage("b", "nerf", "m:f", "m:r", {"x": "a"})
    for stages, words in (([a, b], "wait for each other"), ([a], "no stage makes"), ([b, b], "two stages")):
        with pytest.raises(ValueError, match=words):
            Graph(stages)
    assert DEFAULT.order[-1] == "report" and DEFAULT.downstream("icp") == {
        "icp", "fuse", "nerf-full", "labels", "report",
    }  # fmt: skip
    for stage in DEFAULT.stages.values():
        assert callable(stage.function()) and isinstance(stage.record_type(), type)


@dataclass(frozen=True, eq=False)
class Inner:
    """A nested record."""

    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Everything:
    """All that an artifact may hold."""

    T: Rigid
    inner: Inner
    maybe: np.ndarray | None
    words: tuple[str, ...]
    facts: dict[str, object]
    number: float
    many: tuple[Inner, ...]


@given(
    arrays(np.float32, st.tuples(st.integers(0, 4), st.integers(1, 3))),
    st.floats(allow_nan=False),
    st.lists(st.text(), max_size=3),
)
def test_records_come_back_as_they_were(values: np.ndarray, number: float, words: list[str]) -> None:
    import tempfile

    record = Everything(
        Rigid.exp([1, 2, 3, 4, 5, 6]),
        Inner(values),
        None,
        tuple(words),
        {"a": [1, None, {"b": True}]},
        number,
        (Inner(values), Inner(-values)),
    )
    with tempfile.TemporaryDirectory() as folder:
        artifacts.save(record, Path(folder))
        back = artifacts.load(Everything, Path(folder))
    np.testing.assert_array_equal(back.inner.values, values)
    assert back.inner.values.dtype == np.float32 and back.maybe is None and back.words == record.words
    assert back.facts == record.facts and back.number == number and (back.T.as_matrix() == record.T.as_matrix()).all()
    np.testing.assert_array_equal(back.many[1].values, -values)


def test_what_could_run_code_is_not_written_or_read(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="objects"):
        artifacts.save(Inner(np.array([object()])), tmp_path)
    with pytest.raises(TypeError, match="no form"):
        artifacts.save(Inner(print), tmp_path)  # type: ignore[arg-type]
    np.savez(tmp_path / "arrays.npz", values=np.array([{"a": 1}], dtype=object))
    (tmp_path / "record.json").write_text('{"values": {"array": "values"}}')
    with pytest.raises(ValueError, match="pickle"):
        artifacts.load(Inner, tmp_path)


def test_fingerprints_see_content_not_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"image")
    prints = [
        Fingerprints(tmp_path / "memo.json").of([tmp_path / n / "x.png"], tmp_path / n, {"half": "up"})
        for n in ("a", "b", "a")
    ]
    assert len(set(prints)) == 1
    (tmp_path / "a" / "x.png").write_bytes(b"other image")
    assert (
        Fingerprints(tmp_path / "memo.json").of([tmp_path / "a" / "x.png"], tmp_path / "a", {"half": "up"}) != prints[0]
    )
