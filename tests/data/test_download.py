"""Downloads, against a server of our own."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from registration.data import download as module
from registration.data import transfer
from registration.data.download import CATALOGUE, Archive, DataSet, download
from registration.data.kinds import find_pair, read
from registration.data.params import CaptureParams
from registration.data.transfer import fetch
from tests.data.make import make_classic, refusal, zipped
from tests.data.serve import Manners, serving

NOISE = np.random.default_rng(3).bytes(3_000_000)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSE", 0.0)
    monkeypatch.setattr(transfer, "CHUNK", 1 << 16)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("REGPIPE_DATA_URL", raising=False)


# One file


@pytest.fixture
def manners() -> Manners:
    return Manners({"a.bin": NOISE})


@pytest.fixture
def address(manners: Manners) -> Iterator[str]:
    with serving(manners) as url:
        yield f"{url}/a.bin"


def test_a_file_comes_whole_and_the_bar_is_told(address: str, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    fetch(address, tmp_path / "a", None, lambda *t: told.append(t))
    assert (tmp_path / "a").read_bytes() == NOISE and [p.name for p in tmp_path.iterdir()] == ["a"]
    assert told[-1] == (len(NOISE), len(NOISE)) and told == sorted(told) and len(told) > 20


def test_a_broken_line_is_gone_on_with(address: str, manners: Manners, tmp_path: Path) -> None:
    manners.drops = [1_000_000, 700_000, 500_000]
    fetch(address, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == NOISE
    assert [wish for _, wish in manners.seen] == ["", "bytes=1000000-", "bytes=1700000-", "bytes=2200000-"]


def test_the_next_command_goes_on_where_the_last_one_gave_up(address: str, manners: Manners, tmp_path: Path) -> None:
    manners.drops = [900_000, 0, 0, 0, 0, 0, 0]
    text = refusal(fetch, address, tmp_path / "a")
    assert text.startswith("no connection") and "run the command again" in text and "--url" in text
    manners.drops = []
    fetch(address, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == NOISE and manners.seen[-1][1] == "bytes=900000-"


def test_a_server_without_ranges_starts_again(address: str, manners: Manners, tmp_path: Path) -> None:
    manners.ranges, manners.drops = False, [2_000_000]
    fetch(address, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == NOISE


def test_a_file_that_changed_in_between_starts_again(address: str, manners: Manners, tmp_path: Path) -> None:
    manners.drops = [900_000, 0, 0, 0, 0, 0, 0]
    refusal(fetch, address, tmp_path / "a")
    manners.drops, manners.files = [], {"a.bin": NOISE[::-1]}
    fetch(address, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == NOISE[::-1]


def test_two_halves_of_different_files_are_found_out_and_fetched_again(
    address: str, manners: Manners, tmp_path: Path
) -> None:
    manners.etag, manners.drops = False, [900_000, 0, 0, 0, 0, 0, 0]
    new = NOISE[::-1]
    refusal(fetch, address, tmp_path / "a", hashlib.sha256(new).hexdigest())
    manners.drops, manners.files = [], {"a.bin": new}
    fetch(address, tmp_path / "a", hashlib.sha256(new).hexdigest())
    assert (tmp_path / "a").read_bytes() == new
    assert [wish for _, wish in manners.seen[-2:]] == ["bytes=900000-", ""]


def test_a_part_that_is_too_long_is_dropped(address: str, manners: Manners, tmp_path: Path) -> None:
    manners.drops = [900_000, 0, 0, 0, 0, 0, 0]
    refusal(fetch, address, tmp_path / "a")
    with (tmp_path / "a.part").open("ab") as part:
        part.write(NOISE)
    manners.drops = []
    fetch(address, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == NOISE


def test_all_bytes_there_but_not_yet_checked_are_not_fetched_again(
    address: str, manners: Manners, tmp_path: Path
) -> None:
    manners.drops = [900_000, 0, 0, 0, 0, 0, 0]
    refusal(fetch, address, tmp_path / "a")
    (tmp_path / "a.part").write_bytes(NOISE)
    asked = len(manners.seen)
    fetch(address, tmp_path / "a", hashlib.sha256(NOISE).hexdigest())
    assert len(manners.seen) == asked


def test_wrong_content_is_removed_and_named(address: str, tmp_path: Path) -> None:
    text = refusal(fetch, address, tmp_path / "a", "0" * 64)
    assert text.startswith("wrong checksum") and address in text and not list(tmp_path.iterdir())


@pytest.mark.parametrize("lie", [False, True])
def test_the_checksum_that_a_hub_states_is_held_against_the_bytes(
    address: str, manners: Manners, tmp_path: Path, lie: bool
) -> None:
    manners.hub, manners.lie, manners.drops = True, lie, [500_000]
    if lie:
        assert refusal(fetch, address, tmp_path / "a").startswith("wrong checksum")
    else:
        fetch(address, tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == NOISE and manners.seen[-1] == (
            "/storage/a.bin",
            "bytes=500000-",
        )


def test_a_busy_server_is_asked_again(address: str, manners: Manners, tmp_path: Path) -> None:
    manners.answers = [503, 429, 500]
    fetch(address, tmp_path / "a")
    assert len(manners.seen) == 4


@pytest.mark.parametrize(("status", "words"), [(404, "not there"), (403, "not allow"), (401, "not public")])
def test_a_refusal_is_passed_on_at_once(
    address: str, manners: Manners, tmp_path: Path, status: int, words: str
) -> None:
    manners.answers = [status] * 9
    text = refusal(fetch, address, tmp_path / "a")
    assert f"the server answers {status}" in text and words in text and len(manners.seen) == 1


def test_no_network_is_one_line(tmp_path: Path) -> None:
    with serving(Manners()) as gone:
        pass
    assert refusal(fetch, f"{gone}/a.bin", tmp_path / "a").startswith("no connection")
    assert refusal(fetch, "file:///etc/passwd", tmp_path / "a").startswith("not a web address")


def test_a_full_disk_is_seen_beforehand(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1_000_000))  # type: ignore[attr-defined]
    assert "GB are needed" in refusal(fetch, address, tmp_path / "a")


# Data sets


@pytest.fixture
def parts(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Manners:
    """A data set of two archives, one with a top folder and one without, as BOP's are."""
    folder = make_classic(tmp_path_factory.mktemp("home"), "parts", 3, "train")
    images = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    files = {"parts_base.zip": zipped({"parts/facts.md": b"facts"}), "parts_train.zip": zipped(images)}
    sums = [Archive(name, len(body), hashlib.sha256(body).hexdigest()) for name, body in files.items()]
    monkeypatch.setitem(CATALOGUE, "parts", DataSet("parts", tuple(sums), "train"))
    return Manners(files)


def test_a_data_set_is_fetched_once_and_can_be_read(parts: Manners, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with serving(parts) as url:
        place = download("parts", tmp_path, url=url + "/", tick=lambda *t: told.append(t))
        asked = len(parts.seen)
        assert download("parts", tmp_path, url=url) == place == tmp_path / "parts" and len(parts.seen) == asked == 2
    assert (place / "facts.md").read_bytes() == b"facts"
    assert len(read(find_pair(tmp_path, "parts", 3)[1], CaptureParams())) > 8
    assert [p.name for p in tmp_path.iterdir()] == ["parts"]
    assert all(done <= total for done, total in told)


def test_what_is_done_is_not_done_again(parts: Manners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = parts.files.pop("parts_train.zip")
    with serving(parts) as url:
        monkeypatch.setenv("REGPIPE_DATA_URL", url)
        assert "404" in refusal(download, "parts", tmp_path)
        assert not (tmp_path / "parts").exists()
        parts.files["parts_train.zip"] = body
        download("parts", tmp_path)
    assert [path for path, _ in parts.seen] == ["/parts_base.zip", "/parts_train.zip", "/parts_train.zip"]


def test_what_the_user_has_already_stays(parts: Manners, tmp_path: Path) -> None:
    (tmp_path / "parts/models").mkdir(parents=True)
    (tmp_path / "parts/models/mine.ply").write_text("ply")
    with serving(parts) as url:
        download("parts", tmp_path, url=url)
    assert {p.name for p in (tmp_path / "parts").iterdir()} == {"models", "facts.md", "train"}


def test_a_bad_archive_leaves_nothing_behind(parts: Manners, tmp_path: Path) -> None:
    bad = zipped({"../evil": b"x"})
    entry = CATALOGUE["parts"]
    first = Archive("parts_base.zip", len(bad), hashlib.sha256(bad).hexdigest())
    module.CATALOGUE["parts"] = DataSet("parts", (first, entry.archives[1]), "train")
    parts.files["parts_base.zip"] = bad
    with serving(parts) as url:
        assert "outside its folder" in refusal(download, "parts", tmp_path, url=url)
        assert not list(tmp_path.rglob("*.zip")) and not (tmp_path / "parts").exists()
        assert not list(tmp_path.iterdir())
        module.CATALOGUE["parts"] = DataSet("parts", entry.archives[1:], "other")
        assert "the archives hold no other/" in refusal(download, "parts", tmp_path, url=url)


def test_names_and_doubles_are_refused(parts: Manners, tmp_path: Path) -> None:
    assert "there are: tless, ruapc" in refusal(download, "nothing", tmp_path)
    from filelock import FileLock

    (tmp_path / ".parts.download").mkdir()
    with FileLock(tmp_path / ".parts.download/lock"):
        assert "being downloaded already" in refusal(download, "parts", tmp_path, url="http://127.0.0.1:1")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refusal(download, "parts", tmp_path / "file", url="http://127.0.0.1:1")


def test_the_catalogue_is_well_formed() -> None:
    for name, entry in CATALOGUE.items():
        assert entry.about and all(a.file.startswith(f"{name}_") for a in entry.archives)
        assert all(a.sha256 is None or len(a.sha256) == 64 for a in entry.archives)
