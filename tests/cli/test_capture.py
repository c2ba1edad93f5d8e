"""regpipe capture as a user meets it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.cli.capture import tell
from registration.data.scan.board import BOARDS, read_board
from registration.data.scan.calibrate import Calibration
from registration.data.scan.detect import Sighting
from registration.data.scan.floor import Floor
from registration.data.scan.lens import Lens, read_lens
from registration.data.scan.masks import Views
from registration.data.scan.placed import Placed
from registration.data.scan.whole import Scan, resized
from registration.data.scan.write import write_capture
from registration.viz.scan import check_pictures
from tests.cli.test_cli import call
from tests.data.test_scan_cameras import poses


def test_a_board_is_written_with_its_description_and_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "new" / "board.pdf"
    status, out, _ = call(capsys, "capture", "board", "--to", to, "--paper", "a3")
    assert status == 0 and str(to) in out and "--ruler" in out
    assert to.read_bytes().startswith(b"%PDF") and read_board(str(to.with_suffix(".json"))) == BOARDS["a3"]
    status, _, err = call(capsys, "capture", "board", "--to", to)
    assert status == 2 and "--force" in err
    assert call(capsys, "capture", "board", "--to", to, "--force", "--black")[0] == 0
    assert b"0 0 0 rg" in to.read_bytes()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["board", "--to", "{tmp}/board.png"], "name it .pdf"),
        (["from-video", "{tmp}/film.mp4", "--to", "{tmp}/up"], "no such video"),
        (["from-photos", "{tmp}/none", "--to", "{tmp}/up"], "no such folder"),
        (["from-photos", "{tmp}", "--to", "{tmp}/up"], "no photographs"),
        (["from-video", "{tmp}/x_truth/up.mp4", "--to", "{tmp}/up"], "a truth"),
        (["from-video", "{tmp}/up.mp4", "--to", "{tmp}"], "--force"),
        (["from-video", "{tmp}/up.mp4", "--to", "{tmp}/up", "--board", "a5"], "no such board"),
        (["from-video", "{tmp}/up.mp4", "--to", "{tmp}/up", "--intrinsics", "{tmp}/no.json"], "lens"),
        (["from-video", "{tmp}/up.mp4", "--to", "{tmp}/up", "--segmenter", "sam"], "no segmenter named 'sam'"),
        (["from-video", "{tmp}/up.mp4", "--to", "{tmp}/up", "--masks", "{tmp}", "--segmenter", "s"], "use one of them"),
        (["from-video", "{tmp}/up.mp4", "--to", "{tmp}/up"], "nothing can be read"),
        (["from-video", "{tmp}/up.mp4", "--to", "{tmp}/up", "--cameras", "board", "--marker-size", "30"], "leave --turntable"),
        (["from-video", "{tmp}/up.mp4", "--to", "{tmp}/up", "--cameras", "sfm"], "colmap"),
    ],
)
def test_a_wrong_request_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    for folder in (tmp_path, tmp_path / "x_truth"):
        folder.mkdir(exist_ok=True)
        (folder / "up.mp4").write_bytes(b"no film")
    status, _, err = call(capsys, "capture", *[a.replace("{tmp}", str(tmp_path)) for a in args])
    assert status == 2 and len(err.strip().splitlines()) == 1 and words in err
    assert not (tmp_path / "up").exists() and not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def made_scan() -> Scan:
    """Ten small views of a grey square."""
    rng, cameras = np.random.default_rng(0), poses(10)
    lens = Lens(200.0, np.array([79.5, 49.5]), np.zeros(4), (160, 100))
    images = rng.integers(0, 255, (10, 100, 160, 3)).astype(np.uint8)
    masks = np.zeros((10, 100, 160), bool)
    masks[:, 30:60, 60:100] = True
    board, numbers = BOARDS["a4"], list(range(0, 100, 10))
    corners = np.arange(0, 96, 3)
    seen = {
        n: Sighting(corners, lens.pixels(T.apply(board.corners()[corners])), 12)
        for n, T in zip(numbers, cameras, strict=True)
    }
    rest = {n: rng.normal(0, 0.2, (len(corners), 2)) for n in numbers}
    c = Calibration(lens, seen, dict(zip(numbers, cameras, strict=True)), rest, {}, 0.5)
    names = [f"frame {n}" for n in numbers]
    return Scan(
        numbers,
        names,
        Views(images, lens.K, cameras),
        masks,
        np.full(10, 0.97),
        "the board",
        Placed("board", c, board.corners(), board, True, 40, {}, 3),
        {"frame 5": "blurred"},
    )


def test_a_capture_is_what_the_reader_reads(tmp_path: Path) -> None:
    from registration.data.kinds import pair_of, read
    from registration.data.params import CaptureParams

    scan = made_scan()
    for half in ("up", "down"):
        write_capture(tmp_path / half, scan, 7)
    spec, _ = pair_of(tmp_path / "up", tmp_path / "down")
    capture = read(spec, CaptureParams(max_size=4000))
    assert capture.ids.tolist() == scan.numbers and np.allclose(capture.K_full[3], scan.views.K)
    assert np.allclose(capture.R[4], scan.views.poses[4].R) and np.allclose(capture.t[4], scan.views.poses[4].t)
    assert (capture.mask.sum((1, 2)) == 1200).all() and capture.notes["objid"] == 7
    facts = json.loads((tmp_path / "up" / "scan.json").read_text())
    assert facts["dropped"] == {"frame 5": "blurred"} and facts["images"]["40"]["name"] == "frame 40"
    assert read_lens(tmp_path / "up" / "intrinsics.json").f == 200.0
    assert read_board(str(tmp_path / "up" / "board.json")) == BOARDS["a4"]


def test_without_colmap_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    film = tmp_path / "up.mp4"
    film.write_bytes(b"")
    status, _, err = call(capsys, "capture", "from-video", film, "--to", tmp_path / "up", "--cameras", "colmap")
    assert status == 2 and len(err.strip().splitlines()) == 1 and "regpipe[colmap]" in err


def without_unit() -> Scan:
    """The same as COLMAP might have it: in no unit, on a floor that nobody knows."""
    scan = made_scan()
    floor = Floor(np.array([160.0, 160.0]), np.zeros((30, 2)))
    return resized(replace(scan, cameras=replace(scan.cameras, by="colmap", floor=floor, metric=False)), 0.3)


def test_a_capture_without_a_unit_says_so_to_the_reader(tmp_path: Path) -> None:
    from registration.data.kinds import read, spec_of
    from registration.data.params import CaptureParams

    scan, first = without_unit(), made_scan()
    write_capture(tmp_path / "up", scan, 7)
    assert json.loads((tmp_path / "up" / "scan.json").read_text())["unit"] == "none"
    capture = read(spec_of(tmp_path / "up", "up", "--up"), CaptureParams(max_size=4000, diameter_mm=50.0))
    assert not capture.metric and capture.notes["size_mm"] == pytest.approx(50, rel=0.01)
    assert capture.ids.tolist() == scan.numbers and np.allclose(capture.K_full[3], scan.views.K)
    own = capture.scaled(1 / capture.unit_mm)
    assert np.allclose(own.R[4], first.views.poses[4].R) and np.allclose(own.t[4], 0.3 * first.views.poses[4].t)
    assert (capture.mask.sum((1, 2)) == 1200).all()


def test_what_is_told_names_who_found_the_cameras(capsys: pytest.CaptureFixture[str]) -> None:
    tell(made_scan(), False, True)
    assert "mm away" in (told := capsys.readouterr().out) and "COLMAP" not in told and "unit" not in told
    tell(without_unit(), False, True)
    assert "since no board is seen" in (told := capsys.readouterr().out) and "--diameter" in told and "mm away" not in told


@pytest.mark.parametrize("made", [made_scan, without_unit])
def test_pictures_to_check_by_show_something(made: Callable[[], Scan]) -> None:
    pictures = check_pictures(made())
    assert set(pictures) == {"corners", "chosen", "cameras", "masks", "residuals"}
    for name, picture in pictures.items():
        assert picture.dtype == np.uint8 and picture.ndim == 3 and min(picture.shape[:2]) > 90 and picture.std() > 3, (
            name
        )
