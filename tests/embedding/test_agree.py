"""What many images lead to, held against both captures and offered back to each image."""

from __future__ import annotations

import numpy as np
import pytest

from registration.embedding.vote import Votes, support
from registration.geometry.rigid import Array, Rigid
from registration.sources.agree import LEAST_CHANCE, Agreed, agreed, chances, offered
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, drum, pair_of, patches

ROUGH = Rigid.exp([0.05, -0.04, 0.05, 1.0, -0.8, 0.6])
OVER = Rigid.exp([np.pi, 0, 0, 0, 0, 0])


def test_of_two_guesses_the_captures_choose_and_it_comes_into_contact() -> None:
    up, down = pair_of(knob())
    wrong = lambda T: 0.5 * (T.angle_deg(T_TRUE) > 20)  # noqa: E731  # the images prefer what is wrong
    found = agreed(up, down, [OVER @ T_TRUE, ROUGH @ T_TRUE], wrong, 60.0, np.random.default_rng(0))
    assert found[0].T_up_from_down.angle_deg(T_TRUE) < 1.5 < (ROUGH @ T_TRUE).angle_deg(T_TRUE)
    assert found[0].worth > found[-1].worth + 5


def test_what_the_images_say_decides_where_both_captures_do_not() -> None:
    up, down = pair_of(drum())  # round: no turn about its axis is better than another
    turn = Rigid.exp([0, 0, np.pi / 2, 0, 0, 0])
    likes = lambda wanted: lambda T: 2.0 * (T.angle_deg(wanted) < 20)  # noqa: E731
    for wanted in (T_TRUE, turn @ T_TRUE):
        found = agreed(up, down, [T_TRUE, turn @ T_TRUE], likes(wanted), 64.0, np.random.default_rng(0))
        assert found[0].T_up_from_down.angle_deg(wanted) < 5


def test_a_print_tells_the_turn() -> None:
    up, down = pair_of(drum(), patches)
    turn = Rigid.exp([0, 0, np.pi / 2, 0, 0, 0])
    found = agreed(up, down, [turn @ T_TRUE, T_TRUE], lambda T: 0.0, 64.0, np.random.default_rng(0))
    assert found[0].T_up_from_down.angle_deg(T_TRUE) < 5 and chances(found)[0] > 0.9


def test_guesses_that_came_to_the_same_place_count_once() -> None:
    up, down = pair_of(knob())
    found = agreed(up, down, [T_TRUE, ROUGH @ T_TRUE], lambda T: 0.0, 60.0, np.random.default_rng(0))
    assert len(found) == 1


def test_the_unlikely_are_not_offered() -> None:
    found = [Agreed(Rigid.identity(), worth) for worth in (2.0, 1.5, -20.0)]
    chance = chances(found)
    assert chance.sum() == pytest.approx(1) and chance[2] < LEAST_CHANCE
    assert offered(found) == found[:2] and offered([]) == []


def test_support_is_that_of_the_likeliest_nearby() -> None:
    places = [Rigid.identity(), Rigid.exp([0, 0, np.pi / 2, 0, 0, 0])]
    heard = Votes.of(places, np.array([0.8, 0.2]))
    guesses: list[Rigid] = [*places, Rigid.exp([0, 0, np.pi, 0, 0, 0])]
    told: Array = support(Votes.of(guesses, np.ones(3)), heard, 50.0)
    assert told[0] == pytest.approx(0) and told[1] == pytest.approx(np.log(0.25)) and told[2] < -6
    assert support(Votes.of([], np.ones(0)), heard, 50.0).shape == (0,)
    assert np.array_equal(support(Votes.of(guesses, np.ones(3)), None, 50.0), np.zeros(3))
