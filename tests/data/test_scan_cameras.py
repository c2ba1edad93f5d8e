"""Cameras from corners, and the choice of images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from registration.data.scan import segmenters
from registration.data.scan.board import BOARDS
from registration.data.scan.calibrate import calibrate, guess
from registration.data.scan.detect import Finder, Sighting, pose_of
from registration.data.scan.frames import Look, Photos, Video, choose, fit, look_through, upright
from registration.data.scan.ground import shadowless
from registration.data.scan.lens import Lens
from registration.data.scan.placed import ScanParams, fitting, refuse_one_side
from registration.data.scan.whole import scan
from registration.errors import UserError
from registration.geometry.rigid import Rigid
from tests.data.make import look_at, refusal
from tests.data.test_scan_board import LENS, from_above, photographed

BOARD = BOARDS["a4"]
BY_BOARD = ScanParams(8, cameras="board")
TRUE = Lens(1010.0, np.array([634.0, 362.0]), np.array([0.06, -0.12, 0.0006, -0.0004]), (1280, 720))


def poses(n: int, low: float = 20.0, high: float = 70.0) -> list[Rigid]:
    """Cameras all around the board."""
    out = []
    for k in range(n):
        a, e = 2.4 * k, np.radians(low + (high - low) * k / n)
        eye = 420 * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        out.append(Rigid(*look_at(eye, np.array([0.0, 5.0, 10.0]))))
    return out


def sightings(cameras: list[Rigid], rng: np.random.Generator, noise: float = 0.2) -> dict[int, Sighting]:
    """What each camera sees of the corners, a third of them hidden."""
    out = {}
    for k, T in enumerate(cameras):
        seen = np.sort(rng.choice(96, 64, replace=False))
        out[10 * k] = Sighting(seen, TRUE.pixels(T.apply(BOARD.corners()[seen])) + rng.normal(0, noise, (64, 2)), 20)
    return out


@pytest.mark.parametrize("known", [False, True])
def test_lens_and_poses_come_back(known: bool) -> None:
    rng, cameras = np.random.default_rng(0), poses(24)
    found = calibrate(sightings(cameras, rng), BOARD, TRUE if known else guess((1280, 720), None), known)
    assert found.rms < 0.33 and not found.dropped and (found.f_sd == 0) == known
    assert abs(found.lens.f - TRUE.f) < max(4 * found.f_sd, 1e-9) and abs(found.lens.f / TRUE.f - 1) < 0.004
    for k, T in enumerate(cameras):
        assert found.poses[10 * k].angle_deg(T) < 0.25
        assert np.linalg.norm(found.poses[10 * k].inverse().t - T.inverse().t) < 1.0


def test_an_image_that_does_not_fit_is_named_and_stray_corners_are_none() -> None:
    rng, cameras = np.random.default_rng(1), poses(20)
    seen = sightings(cameras, rng)
    seen[50] = Sighting(seen[50].corners, seen[50].pixels + rng.normal(0, 12, (64, 2)), 20)
    strays = {}
    for k in (20, 70, 110):
        strays[k] = seen[k].corners[:3]
        seen[k].pixels[:3] += 9.0
    found = calibrate(seen, BOARD, guess((1280, 720), None), False)
    assert list(found.dropped) == [50] and "px from where" in found.dropped[50]
    assert all(not set(strays[k]) & set(found.sightings[k].corners.tolist()) for k in strays)
    assert found.rms < 0.33 and abs(found.lens.f / TRUE.f - 1) < 0.005


def test_one_image_alone_gives_a_pose_and_the_right_one_of_two() -> None:
    for T in poses(12):
        seen = np.arange(96)
        found, off = pose_of(Sighting(seen, TRUE.pixels(T.apply(BOARD.corners())), 20), BOARD, TRUE)
        assert found.angle_deg(T) < 0.05 and off.max() < 0.1


def test_images_that_do_not_belong_together_are_refused() -> None:
    rng = np.random.default_rng(2)
    seen = {
        n: Sighting(s.corners, rng.uniform(0, 700, s.pixels.shape), 20) for n, s in sightings(poses(12), rng).items()
    }
    with pytest.raises(UserError, match="--board"):
        calibrate(seen, BOARD, guess((1280, 720), None), False)


def test_one_side_is_refused() -> None:
    rng = np.random.default_rng(3)
    from_one = [Rigid.exp([0, 0.01 * k, 0, k, 0, 0]) @ poses(4)[2] for k in range(10)]
    found = calibrate(sightings(from_one, rng), BOARD, TRUE, True)
    assert "all around" in refusal(refuse_one_side, found.poses, np.zeros(3), Path("film.mp4"))


def test_a_lens_for_other_images_is_refused() -> None:
    assert fitting(TRUE, (1920, 1080)).f == pytest.approx(1.5 * TRUE.f)
    assert "1080 x 1920" in refusal(fitting, TRUE, (1080, 1920))


def looks(sharp: list[float], corners: int = 40) -> dict[int, Look]:
    """First looks, all alike but for their sharpness."""
    numbers = np.linspace(0, 95, corners).astype(int)
    pixels = TRUE.pixels(poses(1)[0].apply(BOARD.corners()[numbers]))
    return {k: Look(s, Sighting(numbers, pixels, 12), (1280, 720)) for k, s in enumerate(sharp)}


def test_what_cannot_take_part_is_named() -> None:
    views = looks([100.0] * 12)
    views[3] = Look(20.0, views[3].sighting, (1280, 720))
    views[5] = Look(100.0, views[5].sighting, (720, 1280))
    views[7] = Look(100.0, Sighting(np.zeros(0, np.int64), np.zeros((0, 2)), 0), (1280, 720))
    views[9] = Look(100.0, Sighting(np.arange(12), np.stack([np.arange(12.0), np.zeros(12)], 1), 4), (1280, 720))
    good, bad = fit(views)
    assert set(bad) == {3, 5, 7, 9} and not set(good) & set(bad)
    assert bad[3] == "blurred" and "720 x 1280" in bad[5] and bad[7] == "no board in it" and "too little" in bad[9]


def test_chosen_images_look_from_all_around() -> None:
    rng = np.random.default_rng(4)
    crowd = [Rigid.exp([*rng.normal(0, 0.002, 3), 0, 0, 0]) @ poses(8)[0] for _ in range(40)]
    seen = sightings(crowd + poses(8), rng)
    views = {n: Look(100.0, s, (1280, 720)) for n, s in seen.items()}
    assert set(choose(views, BOARD, TRUE, 9)) >= {10 * k for k in range(41, 48)}


# Files


def film_of(file: Path, images: list[np.ndarray]) -> Path:
    """A film of grey images."""
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10, images[0].shape[::-1])
    for image in images:
        writer.write(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    writer.release()
    return file


def test_of_neighbours_in_a_film_the_sharpest_is_looked_at(tmp_path: Path) -> None:
    view = photographed(BOARD, from_above(0, -60, 420), LENS)
    soft = cv2.GaussianBlur(view, (0, 0), 4)
    film = Video(film_of(tmp_path / "film.avi", [soft, view, soft, soft] * 4))
    seen, read, _ = look_through(film, Finder(BOARD), 1)
    assert read == 16 and list(seen) == [1, 5, 9, 13] and all(s.sighting.enough for s in seen.values())
    again = dict(film.read({5, 9}))
    assert list(again) == [5, 9] and again[5].shape == (540, 960, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such video"), (b"", "nothing can be read"), (b"no film" * 99, "nothing can be read")],
)
def test_a_bad_film_is_one_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "film.mp4"
    if content is not None:
        file.write_bytes(content)
    assert words in refusal(lambda: look_through(Video(file), Finder(BOARD), 10))


def test_what_was_seen_is_told_when_no_board_is_found(tmp_path: Path) -> None:
    from dataclasses import replace

    table = np.full((540, 960), 120, np.uint8)
    assert "no markers at all" in refusal(scan, Video(film_of(tmp_path / "a.avi", [table] * 3)), BOARD, params=BY_BOARD)
    other = photographed(replace(BOARD, dictionary="DICT_6X6_100"), from_above(0, -60, 420), LENS)
    assert "DICT_6X6" in refusal(scan, Video(film_of(tmp_path / "b.avi", [other] * 3)), BOARD, params=BY_BOARD)
    view = photographed(BOARD, from_above(0, -60, 420), LENS)
    said = refusal(scan, Video(film_of(tmp_path / "c.avi", [view] * 3 + [table])), BOARD, params=BY_BOARD)
    assert "only 3 of 4" in said and "no board in it 1" in said


def test_photographs_are_turned_upright_and_their_focal_length_is_read(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 50, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 26
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    (tmp_path / "b.jpg").write_bytes(b"broken")
    photos = Photos(tmp_path)
    read = dict(photos.read())
    assert list(read) == [0] and (read[0] == np.rot90(pixels, 3)).all() and 1 in photos.unread
    assert photos.focal() == pytest.approx(26 / 43.27 * np.hypot(50, 30))
    assert (upright(pixels, tmp_path / "a.png") == read[0]).all() and photos.alpha(0) is None


def test_a_folder_without_photographs_is_one_line(tmp_path: Path) -> None:
    assert "no such folder" in refusal(Photos, tmp_path / "nowhere")
    (tmp_path / "a.heic").write_bytes(b"")
    assert "exported as JPEG" in refusal(Photos, tmp_path)


# Colours and segmenters


def test_a_shadow_on_colour_is_no_object_but_grey_is() -> None:
    blue, yellow, paper = np.array([0.2, 0.35, 0.75]), np.array([0.95, 0.83, 0.2]), np.array([0.9, 0.9, 0.88])
    for ground in (blue, yellow):
        for light in (0.45, 0.8, 1.0, 1.1):
            assert shadowless(light * ground, ground, 0.9, 1.15) < 1e-6
        for grey in (0.1, 0.5, 0.95):
            assert shadowless(np.full(3, grey), ground, 0.9, 1.15) > 0.05
    assert shadowless(0.6 * paper, paper, 0.9, 1.15) > 0.2 and shadowless(0.6 * paper, paper, 0.5, 1.15) < 1e-6


class Point:
    """An entry point of another package."""

    name, value = "dummy", "other.package:segment"

    def __init__(self, found: object) -> None:
        self.found = found

    def load(self) -> object:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def installed(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    monkeypatch.setattr(
        segmenters, "entry_points", lambda group: [Point(found)] if group == "regpipe.segmenters" else []
    )


def test_another_packages_segmenter_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, lambda rgb, hint: hint & (rgb[..., 0] > 100))
    image, hint = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), bool)
    image[1, 2] = 200
    mask = segmenters.asked(segmenters.load("dummy"), image, hint, "dummy")
    assert mask.dtype == bool and mask.sum() == 1 and mask[1, 2]
    assert segmenters.asked(lambda *_: np.full((4, 6), 0.4), image, hint, "soft").sum() == 0


@pytest.mark.parametrize(("found", "words"), [(ImportError("torchvision"), "cannot be loaded"), (7, "no function")])
def test_a_segmenter_that_does_not_work_is_one_line(monkeypatch: pytest.MonkeyPatch, found: object, words: str) -> None:
    installed(monkeypatch, found)
    assert words in refusal(segmenters.load, "dummy")
    assert "installed: dummy" in refusal(segmenters.load, "nope")
    assert "(4, 6)" in refusal(
        segmenters.asked, lambda *_: np.zeros(3), np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), bool), "x"
    )
