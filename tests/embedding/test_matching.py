"""From likenesses to transforms: laws of the search and of the votes."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from registration.embedding.match import Answers, correspondences, drawn_from, pnp
from registration.embedding.pool import Spots, best_of, fit, rigid_of, transforms
from registration.embedding.vote import Votes, pooled, turned_over
from registration.geometry.rigid import Rigid
from registration.geometry.rotation import random_rotations
from tests.embedding.made import knowing
from tests.geometry.bodies import knob, ring

seeds = st.integers(0, 2**31)


def some_motion(rng: np.random.Generator) -> Rigid:
    return Rigid(random_rotations(1, rng)[0], rng.uniform(-40, 40, 3))


@given(seeds)
def test_triangles_tell_the_motion(seed: int) -> None:
    rng = np.random.default_rng(seed)
    T, q = some_motion(rng), rng.normal(size=(5, 3, 3))
    R, t = rigid_of(np.stack([T.apply(c) for c in q]), q)
    assert np.allclose(R, T.R, atol=1e-5) and np.allclose(t, T.t, atol=1e-4)
    assert (np.linalg.det(R) > 0).all()


def spots_and_features(seed: int, wrong: float):
    """A knob seen in another frame; the network is sure of each point's place, and wrong for a share of them."""
    rng = np.random.default_rng(seed)
    mesh = knob()
    points, face, _ = mesh.sample(500, rng)
    normals, T = mesh.face_normals()[face], some_motion(rng)  # T_reference_from_other
    told = np.arange(500)
    lost = rng.random(500) < wrong
    told[lost] = rng.integers(500, size=lost.sum())
    likeness = np.full((500, 500), np.log(1e-6), np.float32)
    likeness[np.arange(500), told] = -0.01
    back = T.inverse()
    return Spots(back.apply(points), back.turn(normals), likeness, np.ones(500)), knowing(points, normals, 35.0), T


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_a_motion_is_found_among_many_wrong_answers(seed: int) -> None:
    spots, features, T = spots_and_features(seed, wrong=0.8)
    found = transforms(spots, features, np.random.default_rng(0))
    best = best_of(found, partial(fit, spots, features, KDTree(features.points)), 3)
    assert best[0][0].angle_deg(T) < 12 and np.linalg.norm(best[0][0].t - T.t) < 8
    assert all(a[1] >= b[1] for a, b in pairwise(best))


def test_the_true_motion_fits_better_than_others() -> None:
    spots, features, T = spots_and_features(3, wrong=0.5)
    surface, rng = KDTree(features.points), np.random.default_rng(1)
    others = [fit(spots, features, surface, some_motion(rng)) for _ in range(30)]
    assert fit(spots, features, surface, T) > max(others) + 0.5


def test_a_prior_can_overrule() -> None:
    spots, features, T = spots_and_features(4, wrong=0.3)
    turned = T @ Rigid.exp([np.pi, 0, 0, 0, 0, 0])
    alone = partial(fit, spots, features, KDTree(features.points))
    prior = lambda M: -50.0 if M.angle_deg(T) < 30 else 0.0  # noqa: E731
    assert best_of([turned, T], alone, 2)[0][0] is T
    assert best_of([T, turned], lambda M: alone(M) + prior(M), 2)[0][0] is turned


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_pnp_sees_through_outliers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    camera = ring(1, 64, 400).only(0)
    points = rng.uniform(-30, 30, (300, 3))
    uv, _ = camera.project(0, points)
    uv = uv + rng.normal(0, 0.3, uv.shape)
    uv[:180] = rng.uniform(0, 63, (180, 2))
    answer = pnp(uv, points, camera, 7)
    assert answer is not None
    pose, inliers = answer
    assert pose.angle_deg(camera.pose(0)) < 2 and np.linalg.norm(pose.t - camera.pose(0).t) < 12
    assert inliers[180:].mean() > 0.9


def test_pnp_of_nonsense_is_none_or_has_few_inliers() -> None:
    rng = np.random.default_rng(0)
    answer = pnp(rng.uniform(0, 63, (60, 2)), rng.uniform(-30, 30, (60, 3)), ring(1, 64, 400).only(0), 1)
    assert answer is None or answer[1].sum() < 20


def test_likely_points_are_drawn_often() -> None:
    likeness = np.log(np.array([[0.9, 0.1], [0.1, 0.9]], np.float32))
    rng = np.random.default_rng(0)
    drawn = drawn_from(likeness, np.repeat([0, 1], 2000), rng)
    assert (drawn[:2000] == 0).mean() > 0.92 and (drawn[2000:] == 1).mean() > 0.92
    answers = Answers(np.array([[0.0, 0], [2, 2]]), np.array([1.0, 1e-9], np.float32), likeness)
    pixels, _ = correspondences(answers, 500, rng)
    assert (pixels == 0).all(1).mean() > 0.98


def test_guesses_that_agree_are_pooled() -> None:
    rng = np.random.default_rng(0)
    true = some_motion(rng)
    near = [true @ Rigid.exp(rng.normal(0, [0.03] * 3 + [1.0] * 3)) for _ in range(12)]
    far = [some_motion(rng) for _ in range(20)]
    every = [*near, *far]
    votes = Votes(np.stack([T.R for T in every]), np.stack([T.t for T in every]), np.ones(len(every)))
    (best, share), *rest = pooled(votes, 100.0, 5)
    assert best.angle_deg(true) < 2 and np.linalg.norm(best.t - true.t) < 1.5
    assert share > 2 * max(w for _, w in rest)
    assert pooled(Votes(votes.R, votes.t, np.zeros(len(every))), 100.0, 5) == []


@pytest.mark.parametrize(("degrees", "least", "most"), [(0, -1.0, -0.99), (60, -0.6, -0.4), (120, 0, 0), (180, 0, 0)])
def test_the_same_side_twice_is_unlikely(degrees: float, least: float, most: float) -> None:
    T = Rigid.exp([np.radians(degrees), 0, 0, 5, 5, 5])
    assert least <= turned_over(T, np.array([0, 0, 1.0]), np.array([0, 0, 1.0])) <= most


def test_a_network_that_says_nothing_leads_nowhere() -> None:
    spots, features, T = spots_and_features(0, wrong=0.0)
    silent = Spots(spots.points[:0], spots.normals[:0], spots.likeness[:0], spots.trust[:0])
    assert transforms(silent, features, np.random.default_rng(0)) == []
    assert fit(silent, features, KDTree(features.points), T) == 0.0
