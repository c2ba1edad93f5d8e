"""Masks from a film of a part on the board, held against where the part truly is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from registration.data.scan.board import BOARDS
from registration.data.scan.frames import Video
from registration.data.scan.masks import Views, agreeing, by_colour, largest, overlap
from registration.data.scan.whole import DISCORD, ScanParams, scan
from registration.data.synthetic.board_scene import FilmParams, Set, filmed, resting
from registration.data.synthetic.film import make_film, make_films, shoot_film
from registration.data.synthetic.parts import make_part
from registration.geometry.camera import Cameras
from registration.geometry.ply import read_ply
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Rigid

BOARD = BOARDS["a4"]


def true_masks(views: Views, vertices: np.ndarray, faces: np.ndarray, poses: list[Rigid]) -> np.ndarray:
    h, w = views.images.shape[1:3]
    caster = Caster(vertices, faces)
    cameras = [Cameras(views.K[None], T.R[None], T.t[None], w, h) for T in poses]
    return np.stack([np.isfinite(depth_image(caster, c, 0)[0]) for c in cameras])


@pytest.mark.parametrize("seed", range(4))
def test_a_part_stands_on_the_board_both_ways(seed: int) -> None:
    part = make_part("none", np.random.default_rng(seed))
    stands = [resting(part.mesh, over, np.random.default_rng(seed)) for over in (False, True)]
    for T in stands:
        there = T.apply(part.mesh.vertices)
        assert abs(there[:, 2].min()) < 1e-6 and np.abs((there.min(0) + there.max(0))[:2]).max() < 17
    assert stands[0].R[2] @ stands[1].R[2] < 0.5  # another side is up


def test_colours_and_pieces() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, :15], image[:, 15:] = (200, 40, 40), (40, 40, 200)
    yes, no = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    yes[5:9, 2:8], no[5:9, 20:26] = True, True
    odds = by_colour(image, yes, no)
    assert (odds[:, :15] > 1).all() and (odds[:, 15:] < -1).all()
    assert largest(yes | no).sum() == yes.sum() + no.sum()
    no[:] = False
    no[15, 25] = True
    assert (largest(yes | no) == yes).all()


@pytest.mark.slow
@pytest.mark.parametrize(("tone", "turntable"), [(0.85, False), (0.5, True)])
def test_a_film_becomes_a_capture(tmp_path: Path, tone: float, turntable: bool) -> None:
    part = make_part("none", np.random.default_rng(5))
    p = FilmParams(frames=26, width=720, height=450, turntable=turntable, blur=0.5)
    rng = np.random.default_rng(1)
    film, _ = make_film(BOARD, part, tone, False, p, rng)
    shoot_film(film, tmp_path / "film.mp4", False, rng, lambda *_: None)
    found = scan(Video(tmp_path / "film.mp4"), BOARD, params=ScanParams(26, 720))
    poses = [film.poses[n] for n in found.numbers]
    assert len(poses) >= 14 and found.cameras.calibration.rms < 0.7
    eyes = [np.linalg.norm(a.inverse().t - b.inverse().t) for a, b in zip(found.views.poses, poses, strict=True)]
    assert np.median(eyes) < 1.5
    true = true_masks(found.views, film.mesh.vertices, film.mesh.faces, poses)
    found_overlap = overlap(found.masks, true)
    assert found_overlap.mean() > 0.9 and found_overlap.min() > 0.8
    if not turntable:  # masks that somebody gives
        assert np.median(agreeing(found.views, true, BOARD).agreement) > 0.9
        assert np.median(agreeing(found.views, np.roll(true, 5, axis=0), BOARD).agreement) < DISCORD


def test_films_are_made_whole_with_their_truth_apart(tmp_path: Path) -> None:
    part = make_part("none", np.random.default_rng(0))
    p = FilmParams(frames=8, width=128, height=128)
    place = make_films(tmp_path, "tiny", part, 0.5, BOARD, 0, p)
    assert sorted(f.name for f in place.iterdir()) == ["down.mp4", "up.mp4"]
    assert len(list(Video(place / "up.mp4").read())) == 8
    facts = json.loads((tmp_path / "tiny_truth" / "films.json").read_text())
    T = Rigid.from_matrix(facts["down"]["T_board_from_part"])
    points = read_ply(tmp_path / "tiny_truth" / "part.ply")[0]
    assert abs(T.apply(points)[:, 2].min()) < 1e-3 and len(facts["up"]["T_cam_from_board"]) == 8
    assert not [f for f in tmp_path.iterdir() if f.name.startswith(".")]


def test_what_is_drawn_is_what_the_truth_says() -> None:
    part, rng = make_part("none", np.random.default_rng(0)), np.random.default_rng(0)
    film, _ = make_film(BOARD, part, 0.9, False, FilmParams(frames=8, width=160, height=120), rng)
    stage = Set(film, rng)
    linear, cover = stage.frame(2)
    assert linear.shape == (120, 160, 3)
    seen = film.lens.pixels(film.poses[2].apply(film.mesh.vertices))
    y, x = np.nonzero(cover > 0.5)
    assert abs(x.min() - seen[:, 0].min()) < 1.5 and abs(y.max() - seen[:, 1].max()) < 1.5
    image = filmed(linear, np.random.default_rng(0), 0.0, 0.0)
    assert image.shape == linear.shape and image[cover == 1].mean() > 60
