"""The renderer of our own: near hides far, everything fits in, pictures of scenes and charts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.geometry.rigid import Rigid
from registration.viz.charts import lines, ticks
from registration.viz.pictures import DOWN, PAPER, UP, Picture
from registration.viz.scene import Half, Scene, Shots, Skin, frustum, laid_on
from registration.viz.software import Canvas, captioned
from registration.viz.still import edges, picture_of
from tests.geometry.bodies import knob, ring


def knob_skin() -> Skin:
    mesh = knob()
    return Skin(mesh.vertices, mesh.faces, mesh.vertex_normals(), np.full((len(mesh.vertices), 3), 120, np.uint8))


def like(picture: Picture, colour: tuple[int, int, int]) -> int:
    """Pixels of the hue of a colour, however lit."""
    p, c = picture.astype(float), np.array(colour, float)
    cosine = (p @ c) / np.maximum(np.linalg.norm(p, axis=2) * np.linalg.norm(c), 1e-9)
    return int((cosine > 0.995).sum())


def test_a_mesh_fills_the_canvas_and_stays_inside() -> None:
    skin = knob_skin()
    canvas = Canvas.around(skin.vertices, 35, 22, 160, 120)
    canvas.skin(skin)
    drawn = (canvas.done() != PAPER).any(2)
    y, x = np.nonzero(drawn)
    assert drawn.shape == (120, 160)
    assert x.min() > 2 and x.max() < 157 and y.min() > 2 and y.max() < 117
    assert np.ptp(x) > 0.85 * 160 or np.ptp(y) > 0.85 * 120


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_is_near_hides_what_is_far_in_any_order(order: tuple[int, int]) -> None:
    grid = np.stack(np.meshgrid(np.linspace(-9, 9, 60), np.linspace(-9, 9, 60), [0.0]), -1).reshape(-1, 3)
    near, far = grid[:, [2, 0, 1]] + [5, 0, 0], grid[:, [2, 0, 1]] - [5, 0, 0]
    towards = np.tile([1.0, 0, 0], (len(grid), 1))
    clouds = [(near, UP), (far, DOWN)]
    canvas = Canvas.around(np.concatenate([near, far]), 0, 0, 80, 80)
    for n in order:
        canvas.cloud(clouds[n][0], towards, clouds[n][1])
    picture = canvas.done()
    assert like(picture[30:50, 30:50], UP) == 400 and like(picture, DOWN) == 0


def test_points_that_face_away_are_not_drawn() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3))
    canvas = Canvas.around(points, 0, 0, 40, 40)
    canvas.cloud(points, np.tile([-1.0, 0, 0], (50, 1)), UP)
    assert (canvas.done() == PAPER).all()


def test_a_line_behind_a_mesh_is_hidden() -> None:
    skin = knob_skin()
    away = np.array([[[-60.0, 0, 0], [-40.0, 0, 0]]])
    canvas = Canvas.around(skin.vertices, 0, 0, 100, 100)
    canvas.skin(skin)
    before = canvas.done()
    canvas.lines(away, UP)
    assert np.array_equal(canvas.done(), before)
    canvas.lines(-away, UP)
    assert not np.array_equal(canvas.done(), before)


def test_a_frustum_ends_at_the_corners_of_its_image() -> None:
    cameras = ring(5, 72, 190.0)
    corners = frustum(cameras, 3, 40.0)
    assert np.allclose(corners[0], cameras.centres()[3])
    uv, z = cameras.project(3, corners[1:])
    assert np.allclose(z, 40) and np.allclose(uv, np.array([[0, 0], [72, 0], [72, 72], [0, 72]]) - 0.5)
    assert edges(Half(shots=Shots(cameras)), Rigid.identity(), 10.0).shape == (40, 2, 3)
    assert edges(Half(), Rigid.identity(), 10.0).shape == (0, 2, 3)


def test_a_scene_of_a_model_alone_is_a_picture() -> None:
    picture = picture_of(Scene("x", Half(), Half(), model=knob_skin()), 120)
    assert picture.dtype == np.uint8 and (picture != PAPER).any()


def test_laid_on_puts_middle_on_middle() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 40, 3)) * 9 + 4
    assert np.allclose(laid_on(a, b).T_up_from_down.apply(b).mean(0), a.mean(0))


def test_captions_are_under_the_picture_and_do_not_run_out_of_it() -> None:
    picture = np.full((60, 200, 3), 7, np.uint8)
    out = captioned(picture, "Title", "a long sentence " * 30)
    assert out.shape[1] == 200 and np.array_equal(out[:60], picture)
    assert (out[60:] < PAPER).any() and (out[60:, -3:] == PAPER).all()


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_enclose_what_they_measure(low: float, span: float) -> None:
    found = ticks(low, low + span)
    slack = 1e-8 * max(1.0, abs(low), span)
    assert 2 <= len(found) <= 9 and found[0] <= low + slack and found[-1] >= low + span - slack


@pytest.mark.parametrize("curve", [np.zeros((0, 2)), np.array([[1.0, 2.0]]), np.array([[0, np.nan], [1, 2], [2, 3.0]])])
def test_charts_of_little_or_broken_data(curve: np.ndarray) -> None:
    assert lines([(curve, UP)], "x", "y", 120, 90).shape == (90, 120, 3)


def test_a_curve_is_drawn_in_its_colour() -> None:
    x = np.arange(50.0)
    assert like(lines([(np.stack([x, x**2], 1), DOWN)], "x", "y", 200, 150), DOWN) > 60
