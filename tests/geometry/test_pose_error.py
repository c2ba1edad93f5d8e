"""Pose errors: laws, cases worked by hand, and BOP's own toolkit where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.geometry.camera import Cameras, pixel_grid
from registration.geometry.mesh import diameter
from registration.geometry.pose_error import PIXELS, SHARES, TURNS, add, adds, mspd, mssd, symmetries_of, vsd
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Rigid
from tests.geometry.bodies import knob
from tests.geometry.strategies import close, clouds, motions

K = np.array([[500.0, 0, 50], [0, 500, 40], [0, 0, 1]])
BEFORE = Rigid(np.eye(3), np.array([0, 0, 400.0]))
HALF_TURN = np.diag([-1.0, -1, 1, 1]).ravel().tolist()


def lengths(est: Rigid, true: Rigid, points: np.ndarray) -> list[float]:
    return [mssd(est, true, points), add(est, true, points), adds(est, true, points)]


@given(motions(), clouds())
def test_the_true_pose_has_no_error(T: Rigid, points: np.ndarray) -> None:
    close(lengths(T, T, points), [0, 0, 0], 1e-6)


@given(motions(), motions(), motions(), clouds())
def test_lengths_do_not_depend_on_the_camera(A: Rigid, B: Rigid, moved: Rigid, points: np.ndarray) -> None:
    close(lengths(moved @ A, moved @ B, points), lengths(A, B, points), 1e-6)


@given(motions(), clouds(), st.tuples(*[st.floats(-200, 200)] * 3))
def test_a_shift_is_as_wrong_as_it_is_long(T: Rigid, points: np.ndarray, by: tuple[float, float, float]) -> None:
    there = Rigid(T.R, T.t + by)
    close([mssd(there, T, points), add(there, T, points)], [np.linalg.norm(by)] * 2, 1e-6)


@given(motions(), motions(), clouds())
def test_the_largest_is_not_below_the_mean_nor_that_below_the_nearest(A: Rigid, B: Rigid, points: np.ndarray) -> None:
    largest, mean, nearest = lengths(A, B, points)
    assert largest + 1e-9 >= mean >= nearest - 1e-9


@given(motions(), clouds(), st.integers(0, 3))
def test_a_true_symmetry_is_no_error(T: Rigid, quarter_of: np.ndarray, which: int) -> None:
    """A cloud of four quarters, about an axis that is neither through the origin nor along z."""
    axis, beside = np.array([1.0, 2, -2]) / 3, Rigid(np.eye(3), np.array([5.0, -3, 8]))
    quarter = beside @ Rigid.exp([*(axis * np.pi / 2), 0, 0, 0]) @ beside.inverse()
    turns = [Rigid.identity(), quarter, quarter @ quarter, quarter.inverse()]
    points = np.concatenate([t.apply(quarter_of) for t in turns])
    symmetries = symmetries_of({"symmetries_discrete": [t.as_matrix().ravel().tolist() for t in turns[1:]]})
    assert len(symmetries) == 4
    est = T @ turns[which]
    close([mssd(est, T, points, symmetries), adds(est, T, points)], [0, 0], 1e-6)
    far = Rigid(T.R, np.array([0, 0, 5000.0]))
    close(mspd(far @ turns[which], far, K, points, symmetries), 0, 1e-6)


SPUN = symmetries_of({"symmetries_continuous": [{"axis": [0, 0, 2], "offset": [7, -4, 0]}]})


@settings(max_examples=20)
@given(motions(), st.floats(0, 2 * np.pi))
def test_a_turn_about_a_continuous_axis_is_nearly_no_error(T: Rigid, angle: float) -> None:
    ring = np.array([[30 * np.cos(a) + 7, 30 * np.sin(a) - 4, 2] for a in np.linspace(0, 2 * np.pi, 40)])
    line = Rigid(np.eye(3), np.array([7.0, -4, 0]))
    est = T @ line @ Rigid.exp([0, 0, angle, 0, 0, 0]) @ line.inverse()
    assert len(SPUN) == TURNS
    assert mssd(est, T, ring, SPUN) <= 30 * np.pi / TURNS + 1e-6


def test_symmetries_of_both_kinds_are_all_their_products_and_none_is_the_identity() -> None:
    both = symmetries_of({
        "symmetries_discrete": [np.diag([1.0, -1, -1, 1]).ravel().tolist()],
        "symmetries_continuous": [{"axis": [0, 0, 1], "offset": [0, 0, 0]}],
    })  # fmt: skip
    assert len(both) == 2 * TURNS and sum(s.R[2, 2] < 0 for s in both) == TURNS
    (only,) = symmetries_of({})
    close(only.as_matrix(), np.eye(4))


def test_half_turn_of_a_bar_by_hand() -> None:
    """Two ends of a bar change places: 100 mm for MSSD and ADD, nothing for ADD-S, nor where the symmetry is named."""
    bar = np.array([[-50.0, 0, 0], [50, 0, 0]])
    turned, symmetries = (
        BEFORE @ Rigid(np.diag([-1.0, -1, 1]), np.zeros(3)),
        symmetries_of({"symmetries_discrete": [HALF_TURN]}),
    )
    close(lengths(turned, BEFORE, bar), [100, 100, 0])
    assert mspd(turned, BEFORE, K, bar) == pytest.approx(500 / 400 * 100)
    close([mssd(turned, BEFORE, bar, symmetries), mspd(turned, BEFORE, K, bar, symmetries)], [0, 0])


def test_projections_by_hand() -> None:
    """At 400 mm 8 mm are ten pixels at a focal length of 500; a shift along the axis moves the rim, not the middle."""
    points = np.array([[0.0, 0, 0], [40, 0, 0]])
    across, along = Rigid(np.eye(3), np.array([8.0, 0, 400])), Rigid(np.eye(3), np.array([0, 0, 500.0]))
    assert mspd(across, BEFORE, K, points) == pytest.approx(10)
    assert mspd(along, BEFORE, K, points) == pytest.approx(50 - 40)
    assert mspd(along, BEFORE, K, points[:1]) == pytest.approx(0)


def test_visible_surface_by_hand() -> None:
    """Six pixels: off by 0 and by 6 mm, one pose only, hidden by 50 mm, hidden but for the truth, empty."""
    inf = np.inf
    true = np.array([[100.0, 100, inf, 150, 110, inf]])
    est = np.array([[100.0, 106, 100, 150, 140, inf]])
    seen = np.array([[100.0, 100, 0, 100, 100, 0]])
    # Pixel 3 is hidden in both poses; in pixel 4 the truth is within 15 mm and shows the estimate too, 30 mm off.
    close(vsd(est, true, seen, 100.0, np.array([0.05, 0.1, 0.4])), [3 / 4, 2 / 4, 1 / 4])
    close(vsd(true, true, seen, 100.0), np.zeros(10))
    close(vsd(true, true, seen, 100.0, np.array([0.1]), delta=60.0), [0])
    nothing = np.full((2, 2), inf)
    close(vsd(nothing, nothing, np.zeros((2, 2)), 100.0), np.ones(10))


def test_thresholds_are_those_of_the_challenge() -> None:
    close(SHARES, [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5])
    close(PIXELS, [5, 10, 15, 20, 25, 30, 35, 40, 45, 50])


class Renderer:
    """The toolkit's renderer, by our rays."""

    def __init__(self, caster: Caster) -> None:
        self.caster = caster

    def render_object(self, _: int, R: np.ndarray, t: np.ndarray, *__: float) -> dict[str, np.ndarray]:
        depth = depth_image(self.caster, Cameras(K[None], R[None], t.reshape(1, 3), 100, 80), 0)[0]
        return {"depth": np.where(np.isfinite(depth), depth, 0)}


@pytest.mark.parametrize("seed", range(6))
def test_bops_own_toolkit_says_the_same(seed: int) -> None:
    theirs = pytest.importorskip(
        "bop_toolkit_lib.pose_error", reason="bop_toolkit_lib is not installed: nothing to compare with"
    )
    misc = pytest.importorskip("bop_toolkit_lib.misc")
    rng = np.random.default_rng(seed)
    mesh, turn = knob(), Rigid.exp([*rng.normal(size=3), 0, 0, 0])
    true = BEFORE @ turn
    est = Rigid.exp([*(rng.normal(size=3) * 0.1), *(rng.normal(size=3) * 4)]) @ true
    a, b = (est.R, est.t.reshape(3, 1)), (true.R, true.t.reshape(3, 1))
    info = {"symmetries_discrete": [HALF_TURN], "symmetries_continuous": [{"axis": [1, 0, 0], "offset": [0, 3, 1]}]}
    for named in ({}, {"symmetries_discrete": [HALF_TURN]}, info):
        syms = misc.get_symmetry_transformations(named, 0.01)
        ours = symmetries_of(named)
        close(mssd(est, true, mesh.vertices, ours), theirs.mssd(*a, *b, mesh.vertices, syms), 1e-6)
        close(mspd(est, true, K, mesh.vertices, ours), theirs.mspd(*a, *b, K, mesh.vertices, syms), 1e-6)
    close(add(est, true, mesh.vertices), theirs.add(*a, *b, mesh.vertices), 1e-9)
    close(adds(est, true, mesh.vertices), theirs.adi(*a, *b, mesh.vertices), 1e-9)
    caster, d = Caster(mesh.vertices, mesh.faces), diameter(mesh.vertices)
    far = [distance(caster, pose) for pose in (est, true)]
    seen = np.where(np.isfinite(far[1]), far[1], 0) - 20.0 * (pixel_grid(100, 80)[:, 0] < 50).reshape(80, 100)
    seen = np.maximum(seen, 0)  # the left half is hidden by something 20 mm nearer
    rays = np.linalg.norm(np.c_[pixel_grid(100, 80), np.ones(8000)] @ np.linalg.inv(K).T, axis=1).reshape(80, 100)
    want = theirs.vsd(*a, *b, seen / rays, K, 15.0, list(SHARES), True, d, Renderer(caster), 1)
    close(vsd(far[0], far[1], seen, d), want, 2e-3)


def distance(caster: Caster, pose: Rigid) -> np.ndarray:
    camera = Cameras(K[None], pose.R[None], pose.t[None], 100, 80)
    return caster.first_hits(*camera.rays(0, pixel_grid(100, 80)))[0].reshape(80, 100)
