"""What near-symmetry asks of verification: turns tried on purpose, prints that decide, symmetries named, odds that add up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.geometry.pose_error import symmetries_of as all_turns
from registration.geometry.rigid import Rigid
from registration.progress import silent
from registration.sources.base import HalfModel, Hypotheses, Hypothesis
from registration.sources.catalogue import load
from registration.sources.params import PosesParams
from registration.sources.witness import Witness, turned_deg
from registration.verify.belief import believe
from registration.verify.body import Body, bare_masks
from registration.verify.decide import verify
from registration.verify.params import VerifyParams
from registration.verify.record import Verdict
from registration.verify.rivals import Sameness, turned
from registration.verify.symmetry import symmetries_of, turn_about
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, drum, half_of_body, pair_of, patches

SIZE = 64.0
PARAMS = VerifyParams(points=1500, turns=8, looked_at=8, voxels=48)
Z = np.array([0.0, 0, 1])


def about_z(degrees: float) -> Rigid:
    """A turn about the drum's axis, in the up frame."""
    return turn_about(Z, np.zeros(3), degrees)


def judged(halves: tuple[HalfModel, HalfModel], guesses: list[Rigid]) -> Verdict:
    """The verdict on some guesses."""
    found = Hypotheses.of([Hypothesis(T, 0.0, "test") for T in guesses])
    return verify(*halves, found, SIZE, PARAMS, np.random.default_rng(0), silent)


@pytest.fixture(scope="module")
def plain() -> tuple[HalfModel, HalfModel]:
    return pair_of(drum())


@pytest.fixture(scope="module")
def printed() -> tuple[HalfModel, HalfModel]:
    return pair_of(drum(), patches)


def test_a_round_body_is_told_to_be_round_and_sure(plain: tuple[HalfModel, HalfModel]) -> None:
    verdict = judged(plain, [about_z(100) @ T_TRUE, T_TRUE])
    assert (
        verdict.probability[0] > 0.99 and (verdict.group == 0).sum() > 3
    )  # turns about the axis were tried on purpose
    (axis,) = verdict.symmetries["symmetries_continuous"]
    assert abs(axis["axis"][2]) > 0.99 and np.hypot(*axis["offset"][:2]) < 2
    assert "symmetries_discrete" not in verdict.symmetries
    assert len(all_turns(verdict.symmetries)) > 10


def test_a_notch_decides_though_only_the_wrong_turn_was_guessed() -> None:
    halves = pair_of(drum(notch=8.0))
    verdict = judged(halves, [about_z(120) @ T_TRUE, about_z(240) @ T_TRUE])
    best = Rigid.from_matrix(verdict.T_up_from_down[0])
    assert best.angle_deg(T_TRUE) < 3 and verdict.probability[0] > 0.9
    assert "symmetries_continuous" not in verdict.symmetries


def test_a_print_is_found_and_decides_where_the_shape_is_round(printed: tuple[HalfModel, HalfModel]) -> None:
    rng = np.random.default_rng(0)
    params = PosesParams(rotations=3000, print_tried=60, print_refined=8, keep=8)
    found = load("print").fit(printed[0], params, rng, silent).propose(printed[1], rng, silent)
    assert found and found[0].T_up_from_down.angle_deg(T_TRUE) < 1.5
    assert all(a.score >= b.score for a, b in pairwise(found))
    verdict = judged(printed, [about_z(25) @ T_TRUE, about_z(180) @ T_TRUE, found[0].T_up_from_down])
    assert Rigid.from_matrix(verdict.T_up_from_down[0]).angle_deg(T_TRUE) < 1.5 and verdict.probability[0] > 0.99
    assert verdict.symmetries == {}


def test_the_print_source_has_nothing_to_say_of_grey_parts(plain: tuple[HalfModel, HalfModel]) -> None:
    rng = np.random.default_rng(0)
    assert load("print").fit(plain[0], PosesParams(), rng, silent).propose(plain[1], rng, silent) == []


def test_turns_that_are_worth_a_trial_leave_the_outline(plain: tuple[HalfModel, HalfModel]) -> None:
    up, down = (Witness.of(h, 1500, np.random.default_rng(0)) for h in plain)
    body = Body.common(up, down, T_TRUE, 48)
    assert body is not None and body.mesh.volume() == pytest.approx(drum().volume(), rel=0.06)
    sameness = Sameness(body, up, down, T_TRUE, SIZE, PARAMS)
    tried = turned(body, T_TRUE, SIZE, 12)
    assert len(tried) == 12
    for T in tried:
        assert sameness.moved_by(T @ T_TRUE.inverse()) < 0.08
    assert sameness.same(about_z(77)) and not sameness.same(Rigid.exp([np.pi, 0, 0, 0, 0, 0]))
    group, moved = sameness.groups([T_TRUE, about_z(50) @ T_TRUE, Rigid.exp([0, 0, 0, 0, 0, 4]) @ T_TRUE])
    assert group.tolist() == [0, 0, 1] and moved[0] < 0.01 < moved[2]


@pytest.mark.parametrize(("above", "below", "one"), [(0, 5, True), (5, 5, False), (0, 8, False)])
def test_what_only_one_half_shows_makes_no_other_model_unless_it_is_plain(above: float, below: float, one: bool) -> None:
    halves = half_of_body(drum(above), Rigid.identity()), half_of_body(drum(below), T_TRUE.inverse())
    up, down = (Witness.of(h, 1500, np.random.default_rng(0)) for h in halves)
    body = Body.common(up, down, T_TRUE, 48)
    assert body is not None
    sameness, turn = Sameness(body, up, down, T_TRUE, SIZE, PARAMS), about_z(100) @ T_TRUE
    assert not sameness.same(about_z(100))  # the whole has a notch
    assert sameness.one_model(turn, T_TRUE) == sameness.one_model(T_TRUE, turn) == one
    assert symmetries_of(sameness, [T_TRUE, turn]) == {}  # and so it has no symmetry, whoever saw the notch


def test_a_half_does_not_vouch_for_the_side_it_did_not_see() -> None:
    up, down = (Witness.of(h, 1500, np.random.default_rng(0)) for h in pair_of(drum(bevel=-4)))
    body = Body.common(up, down, T_TRUE, 48)
    assert body is not None
    share, flip = Sameness(body, up, down, T_TRUE, SIZE, PARAMS).shares[0], Rigid.exp([np.pi, 0, 0, 0, 0, 0])
    near = 0.02 * SIZE
    assert share is not None
    assert np.quantile(np.abs(share.solid.at(flip.apply(share.points))), 0.95) < near  # the solid is the same, turned over
    assert share.stays(about_z(100), near, near, 1) and not share.stays(flip, near, near, 1)


def test_the_common_body_fills_the_masks_only_where_the_pose_is_right() -> None:
    up, down = (Witness.of(h, 1500, np.random.default_rng(0)) for h in pair_of(knob()))
    bare = [
        bare_masks(Body.common(up, down, T, 48), up, down, T)
        for T in (T_TRUE, T_TRUE @ Rigid.exp([0, 0, 0.3, 0, 0, 0]), T_TRUE @ Rigid.exp([0, 0, 0, 300, 0, 0]))
    ]
    assert bare[0] < 0.1 < 3 * bare[0] < bare[1] < bare[2]
    assert turned_deg(up, down, T_TRUE) > 150 > 60 > turned_deg(up, down, Rigid.identity())


@settings(max_examples=50, deadline=None)
@given(
    cost=st.lists(st.floats(0, 200), min_size=1, max_size=8),
    some=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_probabilities_add_up_and_follow_the_cost(cost: list[float], some: float, seed: int) -> None:
    every = np.sort(np.array(cost))
    group = np.sort(np.random.default_rng(seed).integers(0, len(every), len(every)))
    group = np.unique(group, return_inverse=True)[1]
    belief = believe(every, group, some)
    assert belief.each.sum() + belief.none == pytest.approx(1) and belief.none == pytest.approx(1 - some)
    assert (np.diff(belief.each) <= 1e-12).all()
    assert believe(every + 7, group, some).each == pytest.approx(belief.each)
