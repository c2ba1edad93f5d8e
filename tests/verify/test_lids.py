"""Holes that neither half has opened are told by what the views show of their lids."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rigid import Rigid
from registration.nerf.cloud import cloud_of
from registration.nerf.params import CloudParams
from registration.sources.base import HalfModel
from registration.sources.witness import Witness
from registration.verify.body import Body
from registration.verify.lids import ANGLES, LAYERS, RINGS, Lids, gaps
from registration.verify.params import VerifyParams
from registration.verify.refine import untwisted
from registration.verify.rivals import Sameness
from registration.verify.spin import Round
from registration.verify.symmetry import round_axes, turn_about
from tests.geometry.bodies import capture_of
from tests.verify.made import T_TRUE, drum, exact_half

SIZE = 64.0
Z = np.array([0.0, 0, 1])
HOLES = 3


def drilled() -> TriMesh:
    """The drum with holes through it, parallel to its axis."""
    x, y, z = np.mgrid[-45:45:91j, -45:45:91j, -45:45:91j]
    r = np.hypot(x, y)
    body = np.maximum(np.maximum(r - 26, abs(z) - 17), (r + z - (26 + 17 - 6)) / np.sqrt(2))
    for angle in 2 * np.pi * np.arange(HOLES) / HOLES:
        body = np.maximum(body, 5 - np.hypot(x - 16 * np.cos(angle), y - 16 * np.sin(angle)))
    return iso_surface(body.astype(np.float32), np.full(3, -45.0), 1.0)


def explained_by(learned: TriMesh, shown: TriMesh, T_half_from_body: Rigid) -> HalfModel:
    """What was seen of a body, and what was learned from it: the same or another."""
    capture = capture_of(shown.moved(T_half_from_body), views=30, size=120, elevations=(45, 55))
    noise = np.random.default_rng(1).normal(0, 4, capture.rgb.shape)
    capture = replace(capture, rgb=np.clip(capture.rgb + noise, 0, 255).astype(np.uint8))
    half = exact_half(learned.moved(T_half_from_body), capture)
    return HalfModel(capture, half, cloud_of(half, capture, CloudParams(points=12_000, min_confidence=0.0), np.random.default_rng(0)))


def turned(degrees: float) -> Rigid:
    """The true transform and a turn about the drum's axis, in the up frame."""
    return turn_about(Z, np.zeros(3), degrees) @ T_TRUE


@cache
def met(holes: bool, opened: bool = False) -> tuple[Witness, Witness, Lids, Body]:
    """Both witnesses, what their lids tell and their common body, of a hypothesis that is turned by 37 degrees. Perhaps one half has opened the holes."""
    shown = drilled() if holes else drum()
    halves = explained_by(drilled() if opened else drum(), shown, Rigid.identity()), explained_by(drum(), shown, T_TRUE.inverse())
    up, down = (Witness.of(h, 1500, np.random.default_rng(0)) for h in halves)
    body = Body.common(up, down, turned(37), 48)
    assert body is not None
    around = Round.of(met(False)[3] if opened else body, up, SIZE, [Z])  # so wide holes are not nearly round any more
    assert around is not None
    return up, down, Lids.of(around, up, down, turned(37)), body


def test_lids_are_unlike_one_place_and_nothing_else_is() -> None:
    up, _, _, _ = met(True)
    x, y, z = up.marks.points.T
    angle = np.arctan2(y, x)
    nearest = np.abs((angle + np.pi / HOLES) % (2 * np.pi / HOLES) - np.pi / HOLES)
    middle = np.hypot(np.hypot(x, y) * np.cos(nearest) - 16, np.hypot(x, y) * np.sin(nearest))
    lid, rest = (z > 16) & (middle < 3.5), (z > 16) & (middle > 7) & (np.hypot(x, y) < 23)
    assert lid.sum() > 50 and up.marks.unlike[lid].mean() > 0.6
    assert rest.sum() > 200 and up.marks.unlike[rest].mean() < 0.1


@pytest.mark.parametrize("opened", [False, True])
def test_they_meet_at_the_true_angles(opened: bool) -> None:
    _, down, lids, _ = met(True, opened)
    assert lids.tell and len(lids.peaks) == HOLES
    off = [(peak + 37 + 60) % 120 - 60 for peak in lids.peaks]
    assert np.abs(off).max() <= 4
    agree = [lids.agree(down, turned(angle)) for angle in (0, 120, 240, 30, 60, 90, 180)]
    assert min(agree[:3]) > 0.9 and max(agree[3:]) < 0.2


@pytest.mark.parametrize(("holes", "axes", "same"), [(True, 0, [True, False, False]), (False, 1, [True, True, True])])
def test_a_turn_past_the_holes_is_another_model(holes: bool, axes: int, same: list[bool]) -> None:
    up, down, lids, body = met(holes)
    assert lids.tell == holes
    agree = (lambda T: lids.agree(down, T)) if lids.tell else None
    sameness = Sameness(body, up, down, turned(0), SIZE, VerifyParams(), agree)
    assert [sameness.one_model(turned(angle), turned(0)) for angle in (120, 60, 37)] == same
    assert len(round_axes(sameness, [turned(120) @ turned(0).inverse()])) == axes


def test_lids_hide_some_of_the_surface_and_a_round_part_has_none() -> None:
    assert min(met(True)[2].hidden) > 0.1 and max(met(False)[2].hidden) < 0.03
    up, down, _, body = met(True)
    tipped = Rigid.exp([0.05, 0, 0, 0, 0, 0])
    sure, unsure = (Sameness(body, up, down, turned(0), SIZE, VerifyParams(), None, hidden) for hidden in ((0.0, 0.0), (0.03, 0.03)))
    assert unsure.moved_by(tipped) > 1.02 * sure.moved_by(tipped) > 0


def test_a_face_is_open_where_it_lacks_the_points_it_has_elsewhere() -> None:
    number = np.full((ANGLES, RINGS + LAYERS), 40.0)
    number[20:26, 7] = 4
    number[:, 3] = 2  # hardly any all around: no face
    number[50:60, RINGS + 4] = 0  # a wall is not judged
    out = gaps(number)
    assert (out[20:26, 7] == 1).all() and out.sum() == 6


@given(st.lists(st.floats(-0.06, 0.06), min_size=3, max_size=3), st.floats(-30, 30), st.floats(-180, 180))
def test_refinement_does_not_turn_about_an_axis_that_is_held(turn: list[float], slid: float, heading: float) -> None:
    rest = Rigid.exp([*turn, 0.3, -0.2, 0.1])
    start, middle = turned(heading), np.array([3.0, -2, 5])
    held = np.stack([Z, middle])
    assert untwisted(turn_about(Z, middle, slid) @ start, start, held).angle_deg(start) < 1e-4
    T = untwisted(rest @ turn_about(Z, middle, slid) @ start, start, held)
    left = Rotation.from_matrix((T @ start.inverse()).R).as_quat()
    assert abs(left[2]) < 1e-6
    tilt = (T @ start.inverse()).turn(Z[None])[0]
    assert np.allclose(np.hypot(*tilt[:2]), np.hypot(*rest.turn(Z[None])[0][:2]), atol=1e-6)  # what tips the axis stays
    assert np.allclose(untwisted(T, start, np.zeros((0, 3))).as_matrix(), T.as_matrix())
