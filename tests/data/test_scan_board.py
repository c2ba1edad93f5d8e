"""The board: what is printed is what is looked for, to scale."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.data.scan.board import BOARDS, Board, read_board, write_board
from registration.data.scan.detect import Finder
from registration.data.scan.lens import Lens, fitted, read_lens, write_lens
from registration.data.scan.pdf import RULER, write_pdf
from registration.geometry.rigid import Array, Rigid
from tests.data.make import look_at, refusal

STEP = 0.25
LENS = Lens(900.0, np.array([482.0, 267.0]), np.zeros(4), (960, 540))


def photographed(board: Board, T: Rigid, lens: Lens, step: float = STEP) -> np.ndarray:
    """The bare board, grey, seen without distortion."""
    ink, (left, top) = board.ink(step)
    place = np.array([[step, 0, left + step / 2], [0, -step, top - step / 2], [0, 0, 1]])
    fine = lens.resized((2 * lens.size[0], 2 * lens.size[1]))
    H = fine.K @ np.stack([T.R[:, 0], T.R[:, 1], T.t], 1) @ place
    light = (220 - 180 * ink).astype(np.uint8)
    seen = cv2.warpPerspective(light, H, fine.size, flags=cv2.INTER_LINEAR, borderValue=220)
    return cv2.resize(seen, lens.size, interpolation=cv2.INTER_AREA)


def from_above(x: float, y: float, z: float) -> Rigid:
    return Rigid(*look_at(np.array([x, y, z]), np.array([1.0, -2.0, 0.0])))


@pytest.mark.parametrize("name", BOARDS)
def test_the_rim_is_opencvs_own_board_and_the_middle_is_plain(name: str) -> None:
    board = BOARDS[name]
    s = board.square_mm
    ink, corner = board.ink(s / 24)
    theirs = board.pattern().generateImage(ink.shape[::-1]) == 0
    rim = np.ones(ink.shape, bool)
    rim[2 * 24 : -2 * 24, 3 * 24 : -3 * 24] = False
    assert ((ink > 0.5) == theirs)[rim].all() and 0.3 < ink[rim].mean() < 0.9
    middle = ink[2 * 24 : -2 * 24, 3 * 24 : -3 * 24].reshape(5, 24, 7, 24)
    assert (np.ptp(middle, axis=(1, 3)) == 0).all() and np.isclose(corner, [-6.5 * s, 4.5 * s]).all()


@pytest.mark.parametrize("name", BOARDS)
def test_the_pdf_is_to_scale_and_fits_its_page(tmp_path: Path, name: str) -> None:
    board = BOARDS[name]
    write_pdf(tmp_path / "board.pdf", board)
    text = (tmp_path / "board.pdf").read_bytes().decode("ascii")
    page = [float(v) for v in re.search(r"MediaBox \[0 0 (\S+) (\S+)\]", text).groups()]  # type: ignore[union-attr]
    assert np.allclose(np.array(page) / 72 * 25.4, board.page_mm, atol=0.01)
    scale, _, _, _, x0, y0 = (float(v) for v in re.search(r"^(.*) cm$", text, re.M).group(1).split())  # type: ignore[union-attr]
    boxes = np.array([[float(v) for v in line.split()[:4]] for line in re.findall(r"^.* re$", text, re.M)])
    low, high = boxes[:, :2] * scale + (x0, y0), (boxes[:, :2] + boxes[:, 2:]) * scale + (x0, y0)
    assert (low > 4 * scale).all() and (high < np.array(page) - 4 * scale).all()  # what printers can reach
    squares = boxes[np.isclose(boxes[:, 2], board.square_mm) & np.isclose(boxes[:, 3], board.square_mm)]
    assert len(squares) == 59 and np.isclose(scale * board.square_mm, board.square_mm * 72 / 25.4)
    assert np.isclose(boxes[:, 2], RULER).sum() == 1
    start = int(re.search(r"startxref\n(\d+)", text).group(1))  # type: ignore[union-attr]
    assert text[start:].startswith("xref")
    for number, place in enumerate(re.findall(r"^(\d{10}) 00000 n", text, re.M), 1):
        assert text[int(place) :].startswith(f"{number} 0 obj")


def test_a_board_is_known_by_name_and_by_file(tmp_path: Path) -> None:
    write_board(tmp_path / "b.json", BOARDS["a3"])
    assert read_board("a3") == read_board(str(tmp_path / "b.json")) == BOARDS["a3"]
    assert np.isclose(BOARDS["a4"].scaled(0.985).corners(), 0.985 * BOARDS["a4"].corners()).all()
    assert "no such board" in refusal(read_board, "a5")
    for broken in (
        "{",
        "[]",
        "{}",
        '{"kind": "grid"}',
        json.dumps({"kind": "charuco", "name": "x", "page_mm": [1, 2], "square_mm": -1}),
    ):
        (tmp_path / "b.json").write_text(broken)
        assert "b.json" in refusal(read_board, str(tmp_path / "b.json"))
    with pytest.raises(ValueError, match="too few markers"):
        replace(BOARDS["a4"], dictionary="DICT_4X4_50")


@pytest.mark.parametrize("eye", [(0, -60, 420), (250, 200, 250), (-300, 80, 180)])
def test_corners_are_found_to_a_fraction_of_a_pixel(eye: tuple[float, float, float]) -> None:
    board, T = BOARDS["a4"], from_above(*eye)
    seen = Finder(board).find(photographed(board, T, LENS))
    there = LENS.pixels(T.apply(board.corners()))
    inside = ((there > 15) & (there < np.array(LENS.size) - 16)).all(1).sum()
    assert seen.enough and len(seen.corners) > 0.8 * inside
    off = np.linalg.norm(seen.pixels - there[seen.corners], axis=1)
    assert np.median(off) < 0.2 and np.quantile(off, 0.95) < 0.4


def test_nothing_is_seen_of_another_board_or_of_none() -> None:
    board = BOARDS["a4"]
    other = replace(board, dictionary="DICT_6X6_100")
    view = photographed(other, from_above(0, -60, 420), LENS)
    finder = Finder(board)
    assert not finder.find(view).enough and finder.other_boards(view).startswith("DICT_6X6")
    noise = np.random.default_rng(0).integers(0, 255, (540, 960)).astype(np.uint8)
    assert not finder.find(noise).enough and finder.other_boards(np.full((540, 960), 90, np.uint8)) == ""


def test_a_hidden_corner_is_not_made_up() -> None:
    board, T = BOARDS["a4"], from_above(0, -60, 420)
    view = photographed(board, T, LENS)
    there = LENS.pixels(T.apply(board.corners()))
    cv2.circle(view, tuple(int(v) for v in there.mean(0)), 80, 128, -1)
    hidden = np.linalg.norm(there - there.mean(0), axis=1) < 75
    seen = Finder(board).find(view)
    assert hidden.sum() > 4 and not hidden[seen.corners].any() and len(seen.corners) > 50


lenses = st.builds(
    lambda f, x, y, k: Lens(f, np.array([x, y]), np.array(k), (640, 480)),
    st.floats(400, 1200), st.floats(290, 350), st.floats(210, 270),
    st.tuples(st.floats(-0.15, 0.15), st.floats(-0.1, 0.1), st.floats(-0.003, 0.003), st.floats(-0.003, 0.003)),
)  # fmt: skip


@given(lenses, st.integers(0, 1000))
def test_a_lens_can_be_undone_and_resized(lens: Lens, seed: int) -> None:
    rng = np.random.default_rng(seed)
    flat: Array = rng.uniform(-0.35, 0.35, (20, 2))
    points = np.concatenate([flat, np.ones((20, 1))], 1) * rng.uniform(100, 900, (20, 1))
    pixels = lens.pixels(points)
    assert np.abs(lens.directions(pixels) - flat).max() < 1e-4
    theirs = cv2.projectPoints(points, np.zeros(3), np.zeros(3), lens.K, lens.distortion)[0].reshape(-1, 2)
    assert np.abs(pixels - theirs).max() < 1e-6
    half = lens.resized((320, 240))
    assert np.abs((pixels + 0.5) / 2 - 0.5 - half.pixels(points)).max() < 1e-9


def test_a_lens_is_written_and_read(tmp_path: Path) -> None:
    lens = Lens(812.5, np.array([320.0, 239.0]), np.array([0.1, -0.2, 0.001, 0]), (640, 480))
    write_lens(tmp_path / "lens.json", lens)
    again = read_lens(tmp_path / "lens.json")
    assert (again.f, again.size) == (lens.f, lens.size) and (again.distortion == lens.distortion).all()
    for broken in ("", "[]", "{}", (tmp_path / "lens.json").read_text().replace("812.5", "NaN")):
        (tmp_path / "bad.json").write_text(broken)
        assert "intrinsics.json" in refusal(read_lens, tmp_path / "bad.json")
    assert fitted((4000, 3000), 960) == (960, 720) and fitted((640, 480), 960) == (640, 480)
