"""Looks: what is drawn lies where it says, from cameras that face the body."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.embedding.bank import off_surface
from registration.embedding.channels import LAYOUT, as_input, batch_of, switches, turned
from registration.embedding.looks import facing, look_at, turned_to
from registration.embedding.query import MASK_AT, inputs, pictures_of, quarter_turned
from registration.errors import UserError
from registration.geometry.camera import Cameras
from tests.embedding.made import bank_of_knob, body_of
from tests.geometry.bodies import capture_of, knob, ring

directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(
    lambda v: np.linalg.norm(v) > 0.1 and v[2] > -0.9 * np.linalg.norm(v)
)


@given(directions)
def test_the_smallest_turn_brings_a_direction_onto_the_axis(v: tuple[float, float, float]) -> None:
    R = turned_to(np.array(v))
    assert np.allclose(R @ R.T, np.eye(3), atol=1e-9) and np.linalg.det(R) > 0
    assert np.allclose(R @ v / np.linalg.norm(v), (0, 0, 1), atol=1e-9)


def test_a_camera_that_faces_the_body_holds_the_ball_around_it() -> None:
    body = body_of(knob())
    cameras = facing(ring(7, 64, 350), body.middle, body.radius, 48)
    for i in range(len(cameras)):
        uv, _ = cameras.project(i, body.middle[None])
        assert np.allclose(uv, 23.5, atol=1e-6)
        uv, _ = cameras.project(i, body.vertices)
        assert (uv > 0).all() and (uv < 47).all() and np.ptp(uv) > 20


def test_every_pixel_says_where_it_looks() -> None:
    body = body_of(knob())
    looks = look_at(body, facing(ring(3, 64, 350), body.middle, body.radius, 48))
    for i in range(3):
        y, x = np.nonzero(looks.hit[i])
        uv, _ = looks.cameras.project(i, looks.point[i, y, x].astype(float) * looks.radius + looks.middle)
        assert np.abs(uv - np.stack([x, y], 1)).max() < 0.1
        normal = looks.normal[i, y, x].astype(float)
        assert np.abs(np.linalg.norm(normal, axis=1) - 127).max() < 2 and (normal[:, 2] < 20).mean() > 0.99


def test_a_rolled_look_turns_its_vectors_along() -> None:
    looks = bank_of_knob().looks
    batch = turned(batch_of(looks, np.arange(8)), torch.Generator().manual_seed(0), zoom=0.0, shift=0.0)
    s = looks.hit.shape[1]
    for b in range(8):
        y, x = torch.nonzero(batch.hit[b, 0] > 0, as_tuple=True)
        across = torch.stack([x, y]).float() - (s - 1) / 2
        told = batch.place[b, :2, y, x]
        assert torch.corrcoef(torch.stack([across[0], told[0]]))[0, 1] > 0.97
        assert torch.corrcoef(torch.stack([across[1], told[1]]))[0, 1] > 0.97


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 3))
def test_a_quarter_turn_is_what_a_rolled_camera_sees(quarters: int) -> None:
    body = body_of(knob())
    plain = facing(ring(2, 64, 350), body.middle, body.radius, 48)
    c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    roll = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
    rolled = Cameras(plain.K, roll @ plain.R, plain.t @ roll.T, 48, 48)
    shown = []
    for cameras in (plain, rolled):
        b = batch_of(look_at(body, cameras), np.arange(2))
        shown.append(as_input(b.normal, b.place, b.hit, b.tint, b.tint, switches(("normals", "mask", "depth"))))
    off = (quarter_turned(shown[0], quarters) - shown[1]).abs().mean()
    assert off < 0.004 * shown[1].abs().mean() + 2e-3


def test_an_image_and_its_field_lie_over_each_other() -> None:
    mesh = knob()
    capture = capture_of(mesh, views=4, size=96)
    pictures = pictures_of(body_of(mesh), capture, 48)
    both = (pictures.mask & pictures.looks.hit).sum((1, 2))
    assert (both > 0.93 * (pictures.mask | pictures.looks.hit).sum((1, 2))).all()
    shown = inputs(pictures, np.arange(4), switches(tuple(LAYOUT)))
    assert shown.shape[1] == sum(LAYOUT.values()) and set(np.unique(shown[:, MASK_AT])) == {0.0, 1.0}


def test_channels_that_are_not_selected_are_zero() -> None:
    chosen = switches(("normals", "mask"))
    assert chosen.tolist() == [1.0] * 4 + [0.0] * (sum(LAYOUT.values()) - 4)


def test_places_off_the_surface_are_off_it() -> None:
    from scipy.spatial import KDTree

    bank = bank_of_knob()
    rng = np.random.default_rng(0)
    places = off_surface(bank.points, bank.normals, bank.looks.radius, rng)
    assert len(places) > 1000
    assert KDTree(bank.points).query(places)[0].min() > 0.05 * bank.looks.radius


def test_looks_from_below_are_among_them_and_show_known_surface() -> None:
    bank = bank_of_knob()
    assert bank.own.sum() == 6 and len(bank.looks) > 40
    assert (bank.looks.R[:, 2, 2] > 0).any() and (bank.looks.R[:, 2, 2] < 0).any()
    assert bank.looks.known[bank.looks.hit].all()


def test_settings_that_cannot_be_are_one_line() -> None:
    with pytest.raises(UserError, match="no such channel"):
        switches(("normal",))
    with pytest.raises(UserError, match="no such channel"):
        switches(())
    with pytest.raises(UserError, match="a multiple of 16"):
        bank_of_knob(8, 50)
