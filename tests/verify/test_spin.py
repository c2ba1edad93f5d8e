"""What is not round on a nearly round body tells by how much it was turned about its axis."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from registration.geometry.mesh import TriMesh
from registration.geometry.rigid import Rigid
from registration.sources.witness import Witness
from registration.verify.body import Body
from registration.verify.spin import Round, unround
from registration.verify.symmetry import turn_about
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, drum, pair_of

SIZE = 64.0
Z = np.array([0.0, 0, 1])


def about_z(degrees: float) -> Rigid:
    """A turn about the drum's axis, in the up frame."""
    return turn_about(Z, np.zeros(3), degrees)


@cache
def met(body: str, wrong: float = 0.0) -> tuple[Witness, Witness, Round | None]:
    """Both witnesses of a body, and what is round about it under a hypothesis that is turned by so much."""
    mesh: TriMesh = {"notched": lambda: drum(notch=6.0), "plain": drum, "knob": knob}[body]()
    up, down = (Witness.of(h, 1500, np.random.default_rng(0)) for h in pair_of(mesh))
    common = Body.common(up, down, about_z(wrong) @ T_TRUE, 48)
    assert common is not None
    return up, down, Round.of(common, up, SIZE, [Z])


@pytest.mark.parametrize("wrong", [0.0, 37.0, 137.0, 291.0])
def test_the_notch_tells_the_angle_from_any_start(wrong: float) -> None:
    _, down, around = met("notched", wrong)
    assert around is not None and abs(around.axis @ Z) > 0.999
    tried = around.turns(down, about_z(wrong) @ T_TRUE, 6)
    assert tried[0].angle_deg(T_TRUE) < 2.5


def test_halves_agree_on_the_notch_at_the_right_angle_only() -> None:
    _, down, around = met("notched")
    assert around is not None
    unlike = [around.unlike(down, about_z(angle) @ T_TRUE) for angle in (0, 30, 60, 120, 180, 240, 300)]
    assert unlike[0] < 0.2 and min(unlike[1:]) > 0.7


def test_a_plain_round_body_says_next_to_nothing() -> None:
    _, down, around = met("plain")
    assert around is not None
    unlike = [around.unlike(down, about_z(angle) @ T_TRUE) for angle in range(0, 360, 45)]
    assert max(unlike) - min(unlike) < 0.1


def test_a_body_that_is_not_round_has_no_axis() -> None:
    assert met("knob")[2] is None


def test_what_is_round_about_the_axis_is_taken_off() -> None:
    up, _, around = met("plain")
    assert around is not None
    left = unround(up.side.solid, around.places, around.reach)
    assert np.abs(left.mean(0)).max() < 1e-9 and np.abs(left).mean() < 0.05
