"""Artifacts in a bucket: whole or not there, checked, made once; on a real S3 server where one is installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipelines import artifacts, bucket, objects
from pipelines.bucket import BucketStore, FarPlace, open_store
from pipelines.cli.main import main
from pipelines.dashboard.rows import rows_of
from pipelines.presets import Config, changed
from pipelines.store import Damaged, Store
from pipelines.view.find import find
from pipelines.view.gather import gather
from registration.errors import UserError
from tests.pipelines import far, far_google
from tests.pipelines.toy import Numbers, all_at_once, digests, toy
from tests.view.made import kept_run

ROOT = Path(__file__).parents[2]
SERVER = all(importlib.util.find_spec(name) for name in ("moto", "s3fs", "flask"))
on_s3 = pytest.mark.skipif(not SERVER, reason="pip install -e '.[s3]' 'moto[s3]' flask flask-cors: these tests speak to a server")
GOOGLE = all(importlib.util.find_spec(name) for name in ("gcp_storage_emulator", "gcsfs"))
on_google = pytest.mark.skipif(not GOOGLE, reason="pip install -e '.[gcs]' gcp-storage-emulator: these tests speak to a server")
Machine = Callable[[str], Store]


@pytest.fixture(scope="module")
def started() -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch, far.serving(patch) as port:
        yield port


@pytest.fixture
def server(started: int) -> int:
    far.forget()
    return started


@pytest.fixture(scope="module")
def google() -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch, far_google.serving(patch) as port:
        yield port


whole_bodies = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # of gcsfs' own requests
SERVERS = [
    pytest.param("s3", marks=[on_s3, pytest.mark.slow]),
    pytest.param("gs", marks=[on_google, whole_bodies, pytest.mark.slow]),
]


@pytest.fixture(params=["memory", *SERVERS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3":
        request.getfixturevalue("server")
        return far.new_bucket()
    if request.param == "gs":
        request.getfixturevalue("google")
        return far_google.new_bucket()
    return f"memory://{tmp_path.name}-{os.urandom(4).hex()}/a"


@pytest.fixture
def seen_by(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The store as a machine of that name sees it."""
    monkeypatch.setattr(objects, "LOOK_SECONDS", 0.02)

    def machine(name: str) -> Store:
        return far.machine(url, tmp_path / name, monkeypatch)

    return machine


def run_of(store: Store, number: int = 3, points: int | None = None):
    config = Config() if points is None else changed(Config(), "clouds", "points", points, "test")
    run = toy(Path("unused"), config, number)
    run.store = store
    return run


def test_an_address_is_a_folder_or_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGPIPE_CACHE", str(tmp_path))
    assert open_store(tmp_path) == open_store(str(tmp_path)) == open_store(f"file://{tmp_path}") == Store(tmp_path)
    a, b = open_store("s3://one/two/"), open_store("s3://one-two")
    assert isinstance(a, BucketStore) and a.root.parent == tmp_path and a.root != open_store("s3://one/three").root != b.root
    assert a.where("d/obj_000001") == "s3://one/two/d/obj_000001"
    with pytest.raises(UserError, match="which bucket"):
        open_store("s3://")
    with pytest.raises(UserError, match="no store of this kind"):
        open_store("nonsense://a/b").names()


def test_what_one_machine_made_no_other_makes_again(seen_by: Machine, url: str) -> None:
    first, local = run_of(seen_by("a")), toy(seen_by("c").root / "local")
    first.go()
    local.go()
    assert digests(first) == digests(local)
    second = run_of(seen_by("b"))
    second.go()
    assert second.ran == [] and {s.state for s in second.plan()} == {"fresh"}
    assert second.record("icp").values.tolist() == first.record("icp").values.tolist()
    third = run_of(seen_by("b"), points=7)
    third.go()
    assert third.ran == ["clouds", "icp"]
    names = far.objects(url)
    assert sum(n.endswith("/manifest.json") for n in names) == 6 and not any("lease" in n for n in names)
    assert seen_by("d").names() == ["toy/obj_000001"]
    assert seen_by("d").stages("toy/obj_000001") == ["capture-up", "clouds", "icp", "side"]


def test_damage_is_found_wherever_it_is(seen_by: Machine, url: str) -> None:
    first = run_of(seen_by("a"))
    first.go()
    place, key = first.place("clouds"), first.keys["clouds"]
    assert isinstance(place, FarPlace)
    copy = place.of(key) / "arrays.npz"
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-9] + b"!" + whole[-8:])
    assert place.damage(key) is None and copy.read_bytes() == whole  # fetched anew
    (name,) = [n for n in far.objects(url) if n.startswith(f"{place.path}/{key}/") and n.endswith("arrays.npz")]
    place.bucket.write(name, whole[:-9] + b"!" + whole[-8:])
    second = run_of(seen_by("b"), points=None)
    with pytest.raises(Damaged, match=r"arrays\.npz is not as it was written: .*://"):
        second.place("clouds").load(Numbers, key)
    assert second.record("clouds").values.tolist() == first.record("clouds").values.tolist() and second.ran == ["clouds"]
    assert run_of(seen_by("c")).place("clouds").damage(key) is None


@pytest.mark.parametrize("left", [None, 0, 40, 400])
def test_half_an_artifact_is_none(seen_by: Machine, left: int | None) -> None:
    first = run_of(seen_by("a"))
    first.go()
    place, key = first.place("clouds"), first.keys["clouds"]
    assert isinstance(place, FarPlace)
    manifest = place.bucket.read(f"{place.path}/{key}/manifest.json") or b""
    place.bucket.remove(f"{place.path}/{key}/manifest.json")
    if left is not None:
        place.bucket.write(f"{place.path}/{key}/manifest.json", manifest[:left])
    second = run_of(seen_by("b"))
    assert second.step("clouds").state == "missing"
    second.go()
    assert second.ran == ["clouds"] and digests(second) == digests(first)


def test_two_machines_at_once_do_the_work_once(seen_by: Machine) -> None:
    all_at_once([run_of(seen_by(name)) for name in "abcd"])


def test_a_lease_dies_with_its_run(seen_by: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = (run_of(seen_by(name)).place("clouds") for name in "ab")
    assert isinstance(here, FarPlace) and isinstance(there, FarPlace)
    monkeypatch.setattr(objects, "DEAD_SECONDS", 0.3)
    monkeypatch.setattr(objects, "BEAT_SECONDS", 0.05)
    waited = []
    here.bucket.write(f"{here.path}/.lease-ab", f"{here._owner()} dead".encode())
    with here.alone("ab", lambda: waited.append("a")):  # of this very machine: the lock tells that it is dead
        assert waited == []
        with pytest.raises(Timeout), there.alone("ab", give_up_after(0.6)):  # alive for twice the time: it is renewed
            pass
    here.bucket.write(f"{here.path}/.lease-ab", f"{here._owner()} dead".encode())
    start = time.monotonic()
    with there.alone("ab", lambda: waited.append("b")):
        assert waited == ["b"] and 0.3 <= time.monotonic() - start < 3
    assert there.bucket.read(f"{here.path}/.lease-ab") is None


class Timeout(Exception):
    """Waited long enough."""


def give_up_after(seconds: float) -> Callable[[], None]:
    def waiting() -> None:
        time.sleep(seconds)
        raise Timeout

    return waiting


def test_whoever_writes_last_wins_and_is_whole(seen_by: Machine) -> None:
    places = [seen_by(name).place("a/obj_000001", "s") for name in "ab"]
    for n, place in enumerate(places):
        place.commit("ab", {}, lambda folder, n=n: artifacts.save(Numbers(np.arange(n + 2.0), "x"), folder))
    assert [len(place.load(Numbers, "ab").values) for place in places] == [3, 3]
    assert len(seen_by("c").place("a/obj_000001", "s").load(Numbers, "ab").values) == 3


def test_a_file_that_is_sent_in_parts_comes_back(url: str, tmp_path: Path) -> None:
    body = np.random.default_rng(0).bytes(6 * 2**20)
    (tmp_path / "there").write_bytes(body)
    objects.Bucket(url).send(tmp_path / "there", "a/large")
    objects.Bucket(url).fetch("a/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == body and far.objects(url)["a/large"] == len(body)


def test_old_artifacts_and_what_dead_runs_left_are_removed(
    seen_by: Machine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(seen_by("a"))
    run.go()
    place = run.place("icp")
    assert isinstance(place, FarPlace)
    place.bucket.write(f"{place.path}/ffff/0123456789abcdef-arrays.npz", b"half")
    for n in range(1, 8):
        other = toy(Path("unused"), changed(Config(), "icp", "max_iterations", n, "test"))
        other.store = run.store
        other.go()
    assert len([k for k in place.held() if place.manifest(k)]) == 4 and len(Store(run.store.root).place(run.name, "icp").held()) == 4
    assert any("ffff" in name for name in far.objects(url))  # it may be being written
    monkeypatch.setattr(bucket, "STALE_SECONDS", -1e6)
    place.prune(other.keys["icp"])
    left = far.objects(url)
    assert not any("ffff" in name for name in left) and sum("/icp/" in name for name in left) == 4 * 3


def test_failures_are_remembered_there(seen_by: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAIL", "second")
    with pytest.raises(UserError, match="the toy is broken"):
        run_of(seen_by("a")).go()
    assert run_of(seen_by("b")).step("clouds").state == "failed"
    monkeypatch.delenv("TOY_FAIL")
    run_of(seen_by("b")).go()
    assert {s.state for s in run_of(seen_by("a")).plan()} == {"fresh"}


def test_viewer_and_tables_read_a_bucket(
    seen_by: Machine, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_run(tmp_path / "run")
    here = seen_by("a")
    shutil.copytree(tmp_path / "run/.store", here.root)  # as if the bucket could not be reached while they were made
    for name in here.names() or ["toys/obj_000001"]:
        for stage in Store(here.root).stages(name):
            for key in Store(here.root).place(name, stage).held():
                with here.place(name, stage).alone(key, lambda: None):
                    pass
    seen_by("b")
    out = tmp_path / "elsewhere"
    out.mkdir()
    scene, local = gather(find(out, url, None, None)), gather(find(tmp_path / "run", None, None, None))
    assert not scene.missing and len(scene.places) == len(local.places) and scene.up.cloud is not None
    (row,) = rows_of([out], url)
    assert row.stages == rows_of([tmp_path / "run"])[0].stages and row.store.where() == url
    with pytest.raises(SystemExit) as ended:
        main(["status", "--store", url, "--dataset", "other", "--out", str(out)])
    assert ended.value.code == 2 and f"nothing has been run (other): {url} (" in capsys.readouterr().err


def test_a_conflict_is_no_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def conflict(*_: object, **__: object) -> None:
        raise OSError("An error occurred (ConditionalRequestConflict) when calling the PutObject operation")

    monkeypatch.setattr(objects.Bucket, "files", lambda self: (SimpleNamespace(pipe_file=conflict), "root"))
    assert objects.Bucket("memory://a").write("lease", b"x", new=True) is False
    with pytest.raises(UserError, match="cannot be reached"):
        objects.Bucket("memory://a").write("manifest.json", b"x")


@pytest.mark.slow
@on_s3
def test_a_bucket_that_is_not_there_is_named(server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(far.machine("s3://no-such-bucket/a", tmp_path, monkeypatch))
    with pytest.raises(UserError, match="no such bucket: s3://no-such-bucket/a"):
        run.go()


@pytest.mark.slow
@on_s3
def test_when_the_connection_drops_one_line_says_so_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with far.serving(monkeypatch) as port:
        url = far.new_bucket()
        run = run_of(far.machine(url, tmp_path / "a", monkeypatch))
        run.go(until="capture-up")
        send = FarPlace._send
        patch = pytest.MonkeyPatch()
        patch.setattr(FarPlace, "_send", lambda *_: (_ for _ in ()).throw(Timeout))  # the work is done, the line is cut
        with pytest.raises(Timeout):
            run.go(until="clouds")
        patch.undo()
        assert FarPlace._send is send
    with pytest.raises(UserError, match="the store cannot be reached: s3://") as caught:
        run_of(far.machine(url, tmp_path / "a", monkeypatch)).go()
    assert "\n" not in str(caught.value) and "goes on" in str(caught.value)
    with far.serving(monkeypatch, port):
        again = run_of(far.machine(url, tmp_path / "a", monkeypatch))
        again.go()
        assert again.ran == ["side", "icp"]  # clouds were finished here, and only had to be sent
        assert {s.state for s in run_of(far.machine(url, tmp_path / "b", monkeypatch)).plan()} == {"fresh"}


@pytest.mark.slow
@on_s3
def test_killed_at_random_it_ends_as_if_undisturbed(server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, rng = far.new_bucket(), np.random.default_rng(0)
    calm = toy(tmp_path / "calm")
    calm.go()
    monkeypatch.setenv("REGPIPE_CACHE", str(tmp_path / "a"))
    fresh: set[str] = set()
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-m", "tests.pipelines.toy", url], cwd=ROOT, env=os.environ | {"TOY_SLOW": "0.3"})
        time.sleep(rng.uniform(1.0, 4.0))
        child.send_signal(signal.SIGKILL)
        child.wait()
        now = {s.stage for s in run_of(far.machine(url, tmp_path / "b", monkeypatch)).plan() if s.state == "fresh"}
        assert fresh <= now
        fresh = now
        monkeypatch.setenv("REGPIPE_CACHE", str(tmp_path / "a"))
    last = toy(url)
    last.go()
    assert digests(last) == digests(calm)
