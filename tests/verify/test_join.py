"""Places of many captures: found from pairs that agree, and a pair that lies is told from those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.geometry.rigid import Rigid
from registration.geometry.similar import Similar
from registration.verify.join import Cost, Extent, Pair, Places, between, join, off_by, reliability

SIZE = 100.0


def motion(rng: np.random.Generator, scale: float = 1.0) -> Similar:
    """Any turn, a shift of the size of the object."""
    return Similar(Rigid.exp([*rng.uniform(-2, 2, 3), *rng.uniform(-SIZE, SIZE, 3)]), scale)


def nearly(T: Similar, rng: np.random.Generator, noise: float) -> Similar:
    """A little off."""
    return T @ Similar(Rigid.exp([*rng.normal(0, noise, 3), *(rng.normal(0, noise, 3) * SIZE)]), float(np.exp(rng.normal(0, noise))) if T.scale != 1 else 1.0)


class World:
    """Captures in places that are known, and what pairs of them say."""

    def __init__(self, count: int, seed: int, noise: float = 0.003, sized: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.true = {0: Similar.identity()}
        for c in range(1, count):
            self.true[c] = motion(rng, float(rng.uniform(0.2, 3)) if sized else 1.0)
        self.extents = [Extent(self.true[c].inverse().apply(np.array([5.0, 8, 3])), SIZE / self.true[c].scale) for c in range(count)]
        self.pairs = [Pair(a, b, nearly(between(self.true, a, b), rng, noise), 0.995, True) for a, b in combinations(range(count), 2)]
        self.asked = 0

    def cost(self, a: int, b: int, T: Similar) -> float:
        """As if the images knew: nothing where the captures lie, much elsewhere."""
        self.asked += 1
        degrees, share, _ = off_by(Pair(a, b, T, 1, True), self.true, self.extents)
        return min(40.0, 5 * degrees + 400 * share)

    def lies(self, n: int, by: Similar) -> None:
        """One pair says something else, and is sure of it."""
        p = self.pairs[n]
        self.pairs[n] = Pair(p.a, p.b, p.found @ by, 0.9999, True)

    def joined(self, cost: Cost | None = None, pairs: Sequence[Pair] | None = None, sized: bool = False) -> Places:
        return join(len(self.true), pairs or self.pairs, self.extents, cost or self.cost, sized, np.random.default_rng(0))

    def off(self, places: Places) -> float:
        """How far captures are from where they lie: share of the size, of the worst."""
        first = next(iter(places.at))
        gone = []
        for c, T in places.at.items():
            e = self.extents[c]
            points = e.middle + e.diameter / 2 * np.vstack([np.eye(3), -np.eye(3)])
            gone.append(np.linalg.norm(T.apply(points) - between(self.true, first, c).apply(points), axis=1).max())
        return max(gone) / SIZE


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 6), st.integers(0, 10_000), st.booleans())
def test_pairs_that_agree_give_every_capture_its_place(count: int, seed: int, sized: bool) -> None:
    world = World(count, seed, sized=sized)
    places = world.joined(sized=sized)
    assert len(places.at) == count and len(places.used) == len(world.pairs) and world.asked == 0
    assert world.off(places) < 0.03 and places.confidence >= 0.99 - 1e-9 if count > 2 else places.confidence == 0.995


def test_all_pairs_together_are_nearer_than_a_chain_of_them() -> None:
    """Over many worlds: what the loops add is worth something."""
    better = []
    for seed in range(8):
        world = World(4, seed, noise=0.01)
        chain = [p if p.b == p.a + 1 else Pair(p.a, p.b, p.found, 0.1, False) for p in world.pairs]
        better.append(world.off(world.joined()) < world.off(world.joined(pairs=chain)))
    assert sum(better) >= 6


@settings(deadline=None, max_examples=15)
@given(st.integers(3, 5), st.integers(0, 10_000), st.integers(0, 9), st.floats(8, 180))
def test_the_pair_that_lies_is_found_however_sure_it_is(count: int, seed: int, which: int, degrees: float) -> None:
    world = World(count, seed)
    n = which % len(world.pairs)
    e = world.extents[world.pairs[n].b]
    turn = Rigid.exp([0, 0, np.radians(degrees), 0, 0, 0])
    world.lies(n, Similar(Rigid(turn.R, e.middle - turn.apply(e.middle))))
    places = world.joined()
    assert n not in places.used and len(places.used) == len(world.pairs) - 1 and world.off(places) < 0.03
    assert places.confidence > 0.98


def test_where_images_cannot_tell_nobody_is_sure() -> None:
    world = World(3, 4)
    world.lies(1, Similar(Rigid.exp([0, 0, 2.0, 0, 0, 0])))
    assert world.joined(cost=lambda a, b, T: 0.0).confidence < 0.4


def test_a_turn_that_leaves_the_object_as_it_is_is_no_lie() -> None:
    world = World(3, 8, noise=0.0)
    p, q = world.pairs[0], world.pairs[2]
    middle = np.array([5.0, 8, 3])
    half = Rigid.exp([0, 0, np.pi, 0, 0, 0])
    about = Rigid(half.R, middle - half.apply(middle))
    turned = Pair(p.a, p.b, Similar(about @ p.found.motion), 0.994, True, symmetries={"symmetries_discrete": [about.as_matrix().ravel().tolist()]})
    places = world.joined(pairs=[turned, world.pairs[1], q])
    assert places.alike == {0} and places.used == {1, 2} and world.off(places) < 0.01 and world.asked == 0
    axis = {"symmetries_continuous": [{"axis": [0, 0, 1], "offset": middle.tolist()}]}
    some = Rigid.exp([0, 0, 0.7, 0, 0, 0])
    any_turn = Rigid(some.R, middle - some.apply(middle))
    round_one = Pair(p.a, p.b, Similar(any_turn @ p.found.motion), 0.994, True, symmetries=axis)
    assert world.joined(pairs=[round_one, world.pairs[1], q]).alike == {0}


def test_a_capture_that_no_accepted_pair_reaches_is_left_out() -> None:
    world = World(4, 3)
    pairs = [Pair(p.a, p.b, p.found, 0.4 if 0 in (p.a, p.b) else 0.995, 0 not in (p.a, p.b)) for p in world.pairs]
    places = world.joined(pairs=pairs)
    assert list(places.at) == [1, 2, 3] and world.off(places) < 0.03
    assert np.allclose(places.at[1].as_matrix(), np.eye(4))


def test_without_an_accepted_pair_the_likeliest_ones_are_taken() -> None:
    world = World(3, 6)
    chances = {(0, 1): 0.5, (0, 2): 0.2, (1, 2): 0.7}
    pairs = [Pair(p.a, p.b, p.found, chances[p.a, p.b], False) for p in world.pairs]
    places = world.joined(pairs=pairs)
    assert places.used == {0, 2} and places.confidence == pytest.approx(0.35)


def test_a_loop_confirms_its_pairs_and_a_capture_is_no_surer_than_its_best_witness() -> None:
    pairs = [Pair(a, b, Similar.identity(), 0.9, True) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert reliability(3, pairs, [0, 1]) == pytest.approx(0.81)
    assert reliability(3, pairs, [0, 1, 2]) == pytest.approx(0.9**3 + 3 * 0.9**2 * 0.1)
    world = World(3, 1)
    weak = [Pair(p.a, p.b, p.found, 0.99 if 2 in (p.a, p.b) else 0.999, True) for p in world.pairs]
    assert world.joined(pairs=weak).confidence == pytest.approx(0.99)


def test_many_captures_are_joined_in_a_moment() -> None:
    world = World(7, 2)
    world.lies(5, Similar(Rigid.exp([0, 2.0, 0, 0, 0, 0])))
    places = world.joined()
    assert 5 not in places.used and len(places.used) == 20 and world.off(places) < 0.03


@given(st.integers(0, 10_000))
def test_similarities_are_a_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A, B = (motion(rng, float(rng.uniform(0.1, 9))) for _ in range(2))
    points = rng.normal(0, 50, (6, 3))
    assert np.allclose((A @ B).apply(points), A.apply(B.apply(points)), atol=1e-6)
    assert np.allclose(A.inverse().apply(A.apply(points)), points, atol=1e-8)
    assert np.allclose((A @ B).as_matrix(), A.as_matrix() @ B.as_matrix(), atol=1e-7)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_is_positive(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        Similar(Rigid.identity(), scale)
