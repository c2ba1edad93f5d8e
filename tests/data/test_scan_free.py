"""Cameras without a board: which images are compared, the plane under the object, a marker's size, and a film of a newspaper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.data.scan import motion
from registration.data.scan.board import BOARDS
from registration.data.scan.calibrate import Calibration
from registration.data.scan.detect import Sighting
from registration.data.scan.floor import Floor, plane_under, settled, transformed
from registration.data.scan.frames import Look, Video, spaced
from registration.data.scan.marker import unit_mm
from registration.data.scan.motion import AROUND, EVERY, Motion, compared, reconstruct
from registration.data.scan.placed import ScanParams
from registration.data.scan.whole import scan
from registration.data.synthetic.board_scene import FilmParams
from registration.data.synthetic.film import make_film, shoot_film
from registration.data.synthetic.grounds import newspaper
from registration.data.synthetic.parts import make_part
from registration.geometry.rigid import Rigid
from tests.data.make import refusal
from tests.data.test_scan_board import LENS, photographed
from tests.data.test_scan_cameras import film_of, poses
from tests.geometry.strategies import motions

BOARD = BOARDS["a4"]


@given(n=st.integers(2, 400))
def test_every_image_is_compared_with_its_neighbours_and_few_with_all(n: int) -> None:
    pairs = compared(n)
    assert len(set(pairs)) == len(pairs) and all(0 <= a < b < n for a, b in pairs)
    assert {(k, k + 1) for k in range(n - 1)} <= set(pairs)
    assert len(pairs) <= EVERY * (EVERY - 1) // 2 + AROUND * n
    assert n > EVERY or len(pairs) == n * (n - 1) // 2


def test_of_each_stretch_the_sharpest_is_taken() -> None:
    nothing = Sighting(np.zeros(0, np.int64), np.zeros((0, 2)), 0)
    looks = {n: Look(float(sharp), nothing, (8, 8)) for n, sharp in zip(range(0, 60, 10), (1, 5, 2, 2, 9, 3), strict=True)}
    assert spaced(looks, 3) == [10, 20, 40] and spaced(looks, 99) == list(looks)


# The floor


def table_scene(rng: np.random.Generator) -> Motion:
    """A table with a box on it, as COLMAP may see it."""
    ground = np.concatenate([rng.uniform(-200, 200, (600, 2)), rng.normal(0, 0.2, (600, 1))], 1)
    box = np.concatenate([rng.uniform(-30, 30, (400, 2)), rng.choice([55.0, 60.0], (400, 1))], 1)
    points, cameras = np.concatenate([ground, box]), poses(12)
    seen = {n: np.flatnonzero(rng.random(len(points)) < 0.6) for n in range(12)}
    sightings = {n: Sighting(k, LENS.pixels(cameras[n].apply(points[k])), 0) for n, k in seen.items()}
    rest = {n: np.zeros((len(k), 2)) for n, k in seen.items()}
    return Motion(Calibration(LENS, sightings, dict(enumerate(cameras)), rest, {}, 0.0), points)


@settings(max_examples=15, deadline=None)
@given(T=motions(), scale=st.floats(0.01, 20))
def test_the_floor_is_found_in_any_frame_and_unit_and_no_pixel_moves(T: Rigid, scale: float) -> None:
    scene = table_scene(np.random.default_rng(0))
    found, floor, _ = settled(transformed(scene, T, scale), True, False)
    ground = found.points[:600]
    assert floor and np.abs(ground[:, 2]).max() < 0.02 * np.ptp(ground[:, 0]) and found.points[600:, 2].min() > 0
    assert len(floor.places) > 500
    for n, sighting in found.calibration.sightings.items():
        seen = LENS.pixels(found.calibration.poses[n].apply(found.points[sighting.corners]))
        assert np.abs(seen - sighting.pixels).max() < 1e-5
    large = np.linalg.norm(found.points[0] - found.points[1]) / np.linalg.norm(scene.points[0] - scene.points[1])
    assert floor.size_mm[0] == pytest.approx(160) and 0.3 < large < 1.5


def test_points_all_about_hold_no_plane() -> None:
    rng = np.random.default_rng(0)
    assert plane_under(rng.normal(size=(500, 3)), np.array([[0, 0, 9.0], [0, 1, 9]]), 0.01) is None
    assert plane_under(rng.normal(size=(5, 3)), np.array([[0, 0, 9.0]]), 1.0) is None


# A marker


def seen_board(scale: float, cameras: list[Rigid]) -> tuple[dict[int, np.ndarray], Calibration]:
    """Pictures of the board, whose markers are of 15 mm, and their cameras in another unit."""
    bright = (255 * (np.arange(256) / 255) ** (1 / 2.2)).astype(np.uint8)  # as cameras store light
    images = {n: cv2.cvtColor(bright[photographed(BOARD, T, LENS)], cv2.COLOR_GRAY2RGB) for n, T in enumerate(cameras)}
    moved = {n: T.scaled(scale) for n, T in enumerate(cameras)}
    return images, Calibration(LENS, {}, moved, {}, {}, 0.0)


def test_a_marker_tells_the_unit() -> None:
    images, cameras = seen_board(0.1, poses(6, 35, 70))
    assert unit_mm(images, cameras, 15.0, Path("film.mp4")) == pytest.approx(10, rel=0.004)
    two = Calibration(LENS, {}, {n: cameras.poses[n] for n in (0, 1)}, {}, {}, 0.0)
    assert "no marker in enough images" in refusal(unit_mm, images, two, 15.0, Path("film.mp4"))
    shaken = {n: Rigid.exp([0, 0, 0, 3.0 * n, 0, 0]) @ T for n, T in cameras.poses.items()}
    assert "sides differ" in refusal(unit_mm, images, replace(cameras, poses=shaken), 15.0, Path("film.mp4"))


def test_a_newspaper_bears_a_marker_of_its_size() -> None:
    page, low = newspaper(30.0, np.random.default_rng(0))
    image = (255 * page[::-1] ** (1 / 2.2)).astype(np.uint8)
    corners, ids, _ = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)).detectMarkers(image)
    k = np.ravel(ids).tolist().index(7)
    sides = np.linalg.norm(corners[k][0] - np.roll(corners[k][0], 1, axis=0), axis=1)
    assert np.abs(0.4 * sides - 30).max() < 1.0 and (low < -100).all() and page.std() > 0.1


# COLMAP


def test_images_without_texture_are_one_line(tmp_path: Path) -> None:
    grey = {n: np.full((120, 160, 3), 120, np.uint8) for n in range(9)}
    said = refusal(reconstruct, grey, Path("film.mp4"), LENS.resized((160, 90)), False)
    assert "COLMAP could place 0 of 9" in said and "page full of print" in said


def test_without_colmap_the_board_and_the_extra_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "available", lambda: False)
    film = Video(film_of(tmp_path / "a.avi", [np.full((90, 160), 120, np.uint8)] * 3))
    assert "no markers at all" in (said := refusal(scan, film, BOARD)) and "regpipe[colmap]" in said


def test_a_turntable_without_masks_is_one_line(tmp_path: Path) -> None:
    film = Video(film_of(tmp_path / "a.avi", [np.full((90, 160), 120, np.uint8)] * 3))
    assert "--masks" in refusal(scan, film, BOARD, params=ScanParams(8, cameras="colmap", turntable=True))


@pytest.mark.slow
def test_a_film_of_a_newspaper_becomes_a_capture_in_millimetres(tmp_path: Path) -> None:
    from registration.data.scan.masks import overlap
    from tests.data.test_scan_masks import true_masks

    part, rng = make_part("none", np.random.default_rng(5)), np.random.default_rng(1)
    p = FilmParams(frames=26, width=720, height=450, blur=0.5, ground="texture", marker_mm=36.0)
    film, _ = make_film(BOARD, part, 0.6, False, p, rng)
    shoot_film(film, tmp_path / "film.mp4", False, rng, lambda *_: None)
    found = scan(Video(tmp_path / "film.mp4"), BOARD, params=ScanParams(26, 720, marker_mm=36.0))
    true = [film.poses[n] for n in found.numbers]
    assert found.cameras.by == "colmap" and found.cameras.metric and isinstance(found.cameras.floor, Floor)
    assert len(true) >= 14 and abs(found.cameras.calibration.lens.f / film.lens.f - 1) < 0.01
    apart = [np.linalg.norm(a.inverse().t - b.inverse().t) for a in true for b in true]
    ours = [np.linalg.norm(a.inverse().t - b.inverse().t) for a in found.views.poses for b in found.views.poses]
    assert np.median(np.abs(np.array(ours) - apart)) < 0.005 * np.max(apart)
    overlaps = overlap(found.masks, true_masks(found.views, film.mesh.vertices, film.mesh.faces, true))
    assert overlaps.mean() > 0.85 and overlaps.min() > 0.75
