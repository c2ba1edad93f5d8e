"""kill -9, full and locked disks, flipped bits, cut files: nothing lost that was finished, nothing wrong accepted."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pipelines import publish
from pipelines.publish import exchanged
from pipelines.results import read_result
from registration import resume
from registration.errors import of_the_disk
from tests.data.make import make_onboarding
from tests.pipelines.toy import digests, toy
from tools.corpus_text import results

ROOT = Path(__file__).parents[2]
KILLS = 50


def killed(work: Callable[[], object], after: float) -> int:
    """Do it in a child that is killed after so many seconds; its status, -9 if the kill came first."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status


def test_killed_fifty_times_at_random_it_ends_as_if_undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_SLOW", "0.005")
    calm, rng = toy(tmp_path / "calm"), np.random.default_rng(0)
    start = time.monotonic()
    calm.go()
    span, kills, chains = time.monotonic() - start, 0, 0
    while kills < KILLS or chains <= 2:  # more than one chain, else they all fell into one stage
        root, finished = tmp_path / f"rough{chains}", {}
        chains += 1
        while (kills < KILLS or chains <= 2) and len(finished) < len(calm.graph.order):
            kills += killed(toy(root).go, float(rng.uniform(0.002, 0.9 * span))) != 0
            manifests = {s.stage: s.manifest for s in toy(root).plan() if s.state == "fresh"}
            assert {name: manifests.get(name) for name in finished} == finished, "what was finished is lost, or made again"
            finished = manifests
        last = toy(root)
        last.go()
        assert not set(last.ran) & set(finished) and digests(last) == digests(calm)
    assert kills >= KILLS and chains > 2


def test_a_kill_while_results_are_published_leaves_the_old_ones_or_none(tmp_path: Path) -> None:
    (whole,) = {f.parents[0] for f in results(tmp_path / "made") if f.name == "result.json"}
    shutil.copytree(whole, tmp_path / "out")
    body, rng = json.loads((whole / "result.json").read_text()), np.random.default_rng(1)

    def forever() -> None:
        for n in range(1, 10_000):
            with exchanged(tmp_path / "out") as beside:
                for name in ("model.ply", "labels/a.json", "report/index.html"):
                    publish.write_whole(beside / name, str(n))
                publish.write_whole(beside / "result.json", json.dumps(body | {"confidence": n / 1e6}))

    seen = set()
    for _ in range(12):
        assert killed(forever, float(rng.uniform(0.02, 0.08))) == -9
        found = read_result(tmp_path / "out")
        if found is not None and found["confidence"] < 0.5:
            n = round(found["confidence"] * 1e6)
            assert {(tmp_path / "out" / f).read_text() for f in ("model.ply", "labels/a.json", "report/index.html")} == {str(n)}
            seen.add(n)
    assert seen


def test_results_that_cannot_be_written_leave_the_old_ones(tmp_path: Path) -> None:
    (whole,) = {f.parents[0] for f in results(tmp_path) if f.name == "result.json"}
    before = {f: f.read_bytes() for f in whole.rglob("*") if f.is_file()}
    with pytest.raises(OSError, match="full"), exchanged(whole) as beside:
        (beside / "model.ply").write_bytes(b"new")
        raise OSError(errno.ENOSPC, "full")
    assert {f: f.read_bytes() for f in whole.rglob("*") if f.is_file()} == before


@contextmanager
def mounted(place: Path, options: str) -> Iterator[bool]:
    """A disk of its own; False where mounting is not permitted."""
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True).returncode == 0
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "-l", str(place)], check=True)


def regpipe(bop: Path, out: Path, largest_file: int | None = None) -> tuple[int, str]:
    """Status and last words of a run of one small capture."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    line = ["-m", "pipelines.cli.main", "run", "--dataset", "toys", "--objid", "1", "--until", "capture-up"]
    done = subprocess.run(
        [sys.executable, *line, "--bop-root", str(bop), "--out", str(out), "--quiet"],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=limit, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return done.returncode, done.stderr


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(tmp_path: Path) -> None:
    make_onboarding(tmp_path / "bop")
    with mounted(tmp_path / "disk", "size=64k") as small:
        status, said = regpipe(tmp_path / "bop", tmp_path / "disk", None if small else 20_000)
        assert status == 1 and said.count("\n") == 1, said
        assert ("No space left" if small else "File too large") in said and "the same command goes on" in said
        assert not list((tmp_path / "disk").rglob("manifest.json")) and not list((tmp_path / "disk").rglob(".new-*"))
        if small:
            subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path / "disk")], check=True)
        assert regpipe(tmp_path / "bop", tmp_path / "disk") == (0, "")
        assert len(list((tmp_path / "disk").rglob("manifest.json"))) == 1


def test_a_full_disk_loses_nothing_that_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = toy(tmp_path)
    whole.go(until="clouds")
    before, save = digests(whole), np.savez

    def full(file: Path, **arrays: np.ndarray) -> None:
        save(file, **arrays)
        file.write_bytes(file.read_bytes()[:100])
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="No space") as caught:
            toy(tmp_path).go()
    assert "make room" in (of_the_disk(caught.value) or "")
    again = toy(tmp_path)
    assert {n: f for n, f in digests(again).items() if f} == {n: f for n, f in before.items() if f}
    again.go()
    assert again.ran == ["side", "icp"]


@pytest.mark.parametrize("lock", ["file", "read-only"])
def test_where_nothing_can_be_written_one_line_says_so(tmp_path: Path, lock: str) -> None:
    make_onboarding(tmp_path / "bop")
    out = tmp_path / "out"
    with mounted(out, "ro") if lock == "read-only" else mounted(tmp_path / "other", "ro") as done:
        if lock == "file" or not done:  # a file in place of a folder stops everybody, root too
            shutil.rmtree(out, ignore_errors=True)
            out.write_text("")
        status, said = regpipe(tmp_path / "bop", out)
        assert status == 1 and said.count("\n") == 1 and str(out) in said, said
        assert ("name " in said and "another place" in said) or "name a place" in said


def lies_of(file: Path) -> Iterator[bytes]:
    """A file as it may be found after a crash."""
    raw = file.read_bytes()
    for left in sorted({0, 1, len(raw) // 3, len(raw) // 2, len(raw) - 1}):
        yield raw[:left]
    for n in (0, len(raw) // 2, len(raw) - 1):
        yield raw[:n] + bytes([raw[n] ^ 16]) + raw[n + 1 :]
    yield bytes(len(raw))


@pytest.mark.parametrize("name", ["manifest.json", "record.json", "arrays.npz"])
def test_every_file_of_an_artifact_cut_or_flipped_is_made_again(tmp_path: Path, name: str) -> None:
    run = toy(tmp_path)
    run.go()
    before, file = digests(run), run.place("clouds").of(run.keys["clouds"]) / name
    for lie in lies_of(file):
        file.write_bytes(lie)
        again = toy(tmp_path)
        assert again.record("clouds").values.tolist() == run.record("clouds").values.tolist()
        again.go()
        after = digests(again)
        if name != "manifest.json" or again.ran:  # a flipped letter in what a manifest merely tells changes no result
            assert after == before
        if not again.ran:
            toy(tmp_path).go(until="clouds", forced=frozenset(["clouds"]))


def test_notes_that_are_cut_only_cost_time(tmp_path: Path) -> None:
    from pipelines.keys import Fingerprints

    files = [tmp_path / "a.png"]
    files[0].write_bytes(b"image")
    memo, place = tmp_path / "memo.json", toy(tmp_path / "store").place("clouds")
    first = Fingerprints(memo).of(files, tmp_path, {})
    place.note_failure("ab", "the toy is broken")
    for lie in [*lies_of(memo), b"[]", b'{"a": 1}', b"[" * 10_000]:
        memo.write_bytes(lie)
        (place.folder / "failed.json").write_bytes(lie)
        assert Fingerprints(memo).of(files, tmp_path, {}) == first
        assert place.failed() is None or isinstance(place.failed(), dict)


def test_a_checkpoint_that_is_cut_is_not_gone_on_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import torch

    file = tmp_path / "a.pt"
    resume.save(file, {"step": 3, "table": torch.arange(50.0)})
    assert (resume.load(file, "cpu") or {})["table"].tolist() == list(range(50))
    for lie in lies_of(file):
        file.write_bytes(lie)
        assert resume.load(file, "cpu") is None
    assert resume.load(tmp_path / "none.pt", "cpu") is None and list(tmp_path.iterdir()) == [file]


def test_a_result_that_is_cut_is_none(tmp_path: Path) -> None:
    (file,) = {f for f in results(tmp_path) if f.name == "result.json"}
    whole = read_result(file.parent)
    assert whole is not None
    for lie in lies_of(file):
        file.write_bytes(lie)
        assert read_result(file.parent) in (None, whole) or lie[:1] == b"{"
    nothing = {"chamfer_mm": float("inf"), "silhouettes": [float("nan")] * 2}  # halves that do not meet, too few images
    file.write_text(json.dumps(whole | nothing))
    assert (read_result(file.parent) or {})["chamfer_mm"] == float("inf")
    for name, value in (("T_up_from_down", [[1] * 4] * 4), ("confidence", "high"), ("accepted", 1), ("stages", {"icp": None})):
        file.write_text(json.dumps(whole | {name: value}))
        assert read_result(file.parent) is None
