"""Prints are told apart and laid over each other, whatever the light; grids are read as scipy reads them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from registration.geometry.grid import sampled
from registration.geometry.icp import align
from registration.geometry.paint import Printed, print_apart, unlit
from registration.geometry.rigid import Rigid
from registration.sources.base import HalfModel
from tests.geometry.strategies import close
from tests.verify.made import T_TRUE, drum, pair_of, patches

TURN = Rigid.exp([0, 0, 0.4, 0, 0, 0])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 9999), shape=st.tuples(*[st.integers(1, 6)] * 3), channels=st.integers(1, 4))
def test_grids_are_read_as_scipy_reads_them(seed: int, shape: tuple[int, int, int], channels: int) -> None:
    rng = np.random.default_rng(seed)
    grid = rng.normal(size=(*shape, channels)).astype(np.float32)
    index = rng.uniform(-2, 8, (20, 3))
    inner = np.clip(index, 0, np.array(shape) - 1).T
    for k in range(channels):
        close(sampled(grid, index)[:, k], map_coordinates(grid[..., k], inner, order=1, mode="nearest"), 1e-5)


def printed_sphere(paint_seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points on a sphere of 30 mm and colours of a print."""
    rng = np.random.default_rng(0)
    d = rng.normal(size=(4000, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    shift = np.random.default_rng(paint_seed).uniform(-50, 50, 3)
    return d, patches(30 * d + shift)


def cloud(d: np.ndarray, tints: np.ndarray) -> Printed:
    return Printed.of(30 * d, d, tints, np.arange(0, len(d), 3))


def test_the_same_print_is_alike_and_another_is_not_whatever_the_light() -> None:
    d, tints = printed_sphere(1)
    _, others = printed_sphere(2)
    lit = (tints * (0.7 + 0.3 * d[:, :1]) + 0.1 * d[:, 1:2]).clip(0, 1)
    here = cloud(d, tints)
    assert here.strength() > 0.8 and print_apart(here, here, Rigid.identity(), 2.0) < 0.01
    same, other = (print_apart(here, cloud(d, x), Rigid.identity(), 2.0) for x in (lit, others))
    assert same < 0.15 < 0.6 < other
    assert print_apart(here, here, TURN, 2.0) > 0.3


def test_grey_surfaces_have_no_print_and_prints_that_do_not_meet_are_undecided() -> None:
    d, tints = printed_sphere(1)
    dull = cloud(d, np.full((len(d), 3), 0.4) + 0.2 * d)
    assert dull.strength() < 0.02 and print_apart(dull, dull, TURN, 2.0) < 0.1
    away = Rigid.exp([0, 0, 0, 200, 0, 0])
    assert print_apart(cloud(d, tints), cloud(d, tints), away, 2.0) == pytest.approx(0.5, abs=0.2)


def test_light_that_depends_on_the_normal_is_taken_off() -> None:
    d = printed_sphere(0)[0]
    smooth = (0.3 + 0.2 * d[:, :1] - 0.1 * d[:, 1:2] * d[:, 2:]).repeat(3, axis=1)
    assert np.abs(unlit(smooth, d)).max() < 1e-9


def test_a_printed_drum_slides_home_where_the_plain_one_stays() -> None:
    halves: dict[bool, tuple[HalfModel, HalfModel]] = {True: pair_of(drum(), patches), False: pair_of(drum())}
    start = TURN @ T_TRUE
    off = {}
    for has, (up, down) in halves.items():
        assert up.has_print() == down.has_print() == has
        found = align(up.side(has), down.side(has), start, (2.0, 1.0), 30).T_up_from_down
        off[has] = found.angle_deg(T_TRUE)
    assert off[True] < 1.0 and off[False] > 10
