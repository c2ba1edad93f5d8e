"""Many objects on worker processes: side by side, survived deaths, memory that runs out, a clean stop."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from pipelines.chain import DEFAULT
from pipelines.engines.board import Active
from pipelines.engines.estimate import Expected
from pipelines.engines.job import PUBLISH, Event
from pipelines.engines.local import Local, ending
from pipelines.engines.schedule import Scheduler, Wish
from pipelines.graph import Needs
from pipelines.memory import OutOfMemory, peak_mib, ran_out, watch_peak, with_half
from pipelines.presets import Config, changed
from registration.errors import UserError
from registration.nerf.params import NerfParams
from tests.pipelines.stopping import alive, begun, stopped_by
from tests.pipelines.toy import ASKING, FORK, GRAPH, GREEDY, INSISTING, PAIR, Noted, digests, scheduled, toy, wish


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_workers_give_what_one_process_gives(tmp_path: Path) -> None:
    board = Noted()
    outcomes = scheduled(tmp_path / "many", Local(2), 3, board)
    assert [o.state for o in outcomes] == ["done"] * 3 and sorted(o.name for o in outcomes) == board.opened
    alone = toy(tmp_path / "alone", number=1)
    alone.go()
    assert digests(alone) == digests(toy(tmp_path / "many", number=1))
    assert sorted(stage for name, stage, fresh in board.ended if name == "toy/obj_000001" and not fresh) == sorted(
        GRAPH.order
    )
    assert any(line.startswith("icp: done in") for line in board.logged)
    again = Noted()
    assert [o.state for o in scheduled(tmp_path / "many", Local(2), 3, again)] == ["done"] * 3
    assert again.ended == []


def test_both_halves_run_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meet").mkdir()
    monkeypatch.setenv("TOY_MEET", str(tmp_path / "meet"))
    (outcome,) = scheduled(tmp_path, Local(2), 1, Noted(), PAIR)
    assert outcome.state == "done", outcome.text


def test_what_is_asked_for_is_made_where_it_is_asked(tmp_path: Path) -> None:
    board = Noted()
    config = changed(Config(), "verify", "points", "6000", "test")
    assert scheduled(tmp_path, Local(2), 1, board, ASKING, config)[0].state == "done"
    assert [stage for _, stage, _ in board.ended] == [
        "capture-up", "poses-cheap", "far", "poses-dear", "verify", "icp",
    ]  # fmt: skip
    assert ASKING.needs("verify") == Needs() and ASKING.needs("icp") == Needs()


def test_what_is_asked_for_is_made_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = toy(tmp_path / "alone", INSISTING, 1, FORK)
    alone.go()
    (tmp_path / "meet").mkdir()
    monkeypatch.setenv("TOY_MEET", str(tmp_path / "meet"))
    board = Noted()
    (outcome,) = scheduled(tmp_path / "two", Local(2), 1, board, FORK, INSISTING)
    assert outcome.state == "done", outcome.text
    assert any(line.startswith("verify: waits for embedding-up, embedding-down") for line in board.logged)
    assert digests(toy(tmp_path / "two", INSISTING, 1, FORK)) == digests(alone)
    assert sorted(s for _, s, fresh in board.ended if not fresh) == sorted(FORK.order)  # none of them twice


def test_whoever_waits_for_what_fails_fails_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_MEET", str(tmp_path / "nowhere"))
    board = Noted()
    (outcome,) = scheduled(tmp_path, Local(2), 1, board, FORK, INSISTING)
    assert outcome.state == "failed" and "nowhere" in outcome.text
    assert sorted(s for _, s, _ in board.ended) == ["capture-up", "poses-cheap"]
    monkeypatch.delenv("TOY_MEET")
    assert scheduled(tmp_path, Local(2), 1, board, FORK, INSISTING)[0].state == "done"


def test_what_is_asked_for_is_made_on_the_spot_where_no_slot_is_to_spare(tmp_path: Path) -> None:
    for jobs, objects in ((1, 1), (2, 2)):
        board = Noted()
        outcomes = scheduled(tmp_path / str(jobs), Local(jobs), objects, board, FORK, INSISTING)
        assert [o.state for o in outcomes] == ["done"] * objects
        assert sum("waits for" in line for line in board.logged) < objects


def test_a_broken_object_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> None:
        raise UserError("the masks are missing", "toy", "add them")

    board = Noted()
    wishes = [Wish("toy/obj_000009", unreadable), wish(tmp_path, 1)]  # type: ignore[arg-type]
    outcomes = Scheduler(wishes, Local(1), board, Expected(GRAPH, Config())).go()
    assert {o.name: o.state for o in outcomes} == {"toy/obj_000009": "wrong", "toy/obj_000001": "done"}
    monkeypatch.setenv("TOY_FAIL", "second")
    failed = scheduled(tmp_path / "b", Local(2), 2, board)
    assert [o.state for o in failed] == ["wrong"] * 2 and "the toy is broken" in failed[0].text


@pytest.mark.parametrize("how", ["cuda", "killed", pytest.param("rlimit", marks=pytest.mark.slow)])
def test_memory_that_runs_out_halves_the_batch_once_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("TOY_HUNGER", how)
    board = Noted()
    (outcome,) = scheduled(tmp_path, Local(1), 1, board, GREEDY)
    run = toy(tmp_path, number=1, graph=GREEDY)
    manifest = run.place("nerf-up").manifest(run.keys["nerf-up"])
    assert manifest and manifest["halved"] == {"rays": 1024} and manifest["params"]["rays"] == 2048
    assert any("it makes do with rays=1024" in line for line in board.logged)
    # the other stage has no batch that may be halved: it names what to lower
    assert outcome.state == "wrong" and "nerf-full" in outcome.text and "full.rays" in outcome.text
    assert "memory ran out" in outcome.text
    if how == "killed":
        assert len(board.warned) == 2 and "SIGKILL" in board.warned[0]


def test_too_little_memory_for_half_the_batch_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_HUNGER", "cuda")
    monkeypatch.setenv("TOY_ENOUGH", "100")
    with pytest.raises(OutOfMemory, match=r"lower nerf\.rays with --set"):
        toy(tmp_path, graph=GREEDY).go("nerf-up")
    assert toy(tmp_path, graph=GREEDY).step("nerf-up").state == "failed"


def test_what_counts_as_memory_that_ran_out() -> None:
    import torch

    told = [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("can't allocate memory: you tried"),
    ]
    assert all(map(ran_out, told))
    assert not any(map(ran_out, [ValueError("no"), RuntimeError("shape"), UserError("out of memory", "x", "y")]))
    assert with_half(NerfParams(), "rays") == (NerfParams(rays=1024), {"rays": 1024})
    for stage in DEFAULT.stages.values():  # what is named can be set
        section = getattr(Config(), stage.section)
        assert not stage.needs.batch or hasattr(section, stage.needs.batch)
        for word in stage.needs.lower.split(" or ") if stage.needs.lower else []:
            name, parameter = word.split(".")
            assert hasattr(getattr(Config(), name), parameter)


def test_the_peak_is_of_the_stage_alone() -> None:
    watch_peak()
    before = peak_mib()
    held = bytearray(b"x") * (64 * 2**20)
    assert before is not None and peak_mib() >= before + 60
    del held
    watch_peak()
    assert peak_mib() < before + 32


def test_a_worker_that_dies_again_and_again_is_given_up(tmp_path: Path) -> None:
    class Deadly:
        """Every job dies."""

        slots = 1

        def __init__(self) -> None:
            self.jobs: list[tuple[int, str]] = []
            self.submitted = 0

        def has_room(self, needs: Needs) -> bool:
            return not self.jobs

        def submit(self, job: object) -> None:
            self.jobs.append((job.number, job.stage))  # type: ignore[attr-defined]
            self.submitted += 1

        def events(self, timeout: float) -> list[Event]:
            jobs, self.jobs = self.jobs, []
            return [Event(number, stage, "died", ("SIGSEGV", False)) for number, stage in jobs]

        def stop(self) -> None:
            """Nothing."""

    engine, board = Deadly(), Noted()
    (outcome,) = scheduled(tmp_path, engine, 1, board)
    assert outcome.state == "failed" and "capture-up" in outcome.text and "SIGSEGV" in outcome.text
    assert engine.submitted == 1 + GRAPH["capture-up"].needs.retries and len(board.warned) == 2
    assert ending(-9) == ("SIGKILL", True) and ending(1) == ("exit status 1", False)


def test_room_is_by_slots_memory_and_shares_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Local(3)
    engine.memory_mib, engine.gpus = 4_000, 1
    busy: list[object] = []
    monkeypatch.setattr(engine, "_busy", lambda: busy)
    half = Needs(gpus=0.5, memory_mib=1_000)
    assert engine.has_room(Needs(memory_mib=9_000))  # alone anything may try
    busy += [type("Job", (), {"needs": half})]
    assert (
        engine.has_room(half) and not engine.has_room(Needs(gpus=0.6)) and not engine.has_room(Needs(memory_mib=3_500))
    )
    busy += [type("Job", (), {"needs": half})] * 2
    assert not engine.has_room(Needs(memory_mib=1))


def test_time_left_follows_what_stages_took(tmp_path: Path) -> None:
    expected = Expected(DEFAULT, Config())
    assert expected.seconds("nerf-up") == DEFAULT["nerf-up"].needs.seconds and expected.seconds(PUBLISH) == 1
    expected.learn("nerf-up", 50.0, {"rays": 3})
    assert expected.seconds("nerf-up") == 50.0  # of other parameters, better than nothing
    for seconds in (10.0, 12.0, 90.0):
        expected.learn("nerf-up", seconds)
    assert expected.seconds("nerf-up") == 12.0
    expected.learn("verify", 8.0)
    expected.learn("verify", 8.0)
    expected.learn("poses-shape", 4.0)  # asked for once in two times
    assert expected.with_asked("verify") == 10.0
    assert Active("a", 0.0, 25, 100).left(7.0, now=10.0) == 30.0 and Active("a", 0.0).left(7.0, now=10.0) == 0.0
    toy(tmp_path).go()
    remembered = Expected(GRAPH, Config()).remember(toy(tmp_path).store)
    assert len(remembered.same["clouds"]) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_stop_is_quick_leaves_no_worker_and_can_be_gone_on_from(tmp_path: Path, number: int) -> None:
    assert stopped_by(number, tmp_path, "local") < 2


@pytest.mark.slow
def test_workers_end_with_the_command_that_started_them(tmp_path: Path) -> None:
    with begun(tmp_path, "local") as (process, workers):
        process.kill()
        until = time.monotonic() + 5
        while any(map(alive, workers)) and time.monotonic() < until:
            time.sleep(0.05)
        assert len(workers) == 2 and not any(map(alive, workers))
