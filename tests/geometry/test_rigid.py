"""Laws of rigid motions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from registration.geometry.rigid import Rigid
from registration.geometry.rotation import angles_between_deg, random_rotations, spread_directions, spread_rotations
from tests.geometry.strategies import close, clouds, motions


@given(motions(), motions(), motions(), clouds())
def test_motions_are_a_group(A: Rigid, B: Rigid, C: Rigid, points: np.ndarray) -> None:
    close(((A @ B) @ C).apply(points), (A @ (B @ C)).apply(points), 1e-6)
    close((A @ A.inverse()).as_matrix(), np.eye(4), 1e-6)
    close((A @ Rigid.identity()).as_matrix(), A.as_matrix())


@given(motions(), clouds())
def test_motions_keep_distances_and_come_back(A: Rigid, points: np.ndarray) -> None:
    moved = A.apply(points)
    close(np.linalg.norm(moved[1:] - moved[:-1], axis=1), np.linalg.norm(points[1:] - points[:-1], axis=1), 1e-7)
    close(A.inverse().apply(moved), points, 1e-6)
    close(Rigid.from_matrix(A.as_matrix()).apply(points), moved)


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([1, 1, -1, 1.0]),
        2 * np.eye(4),
        np.full((4, 4), np.nan),
        np.eye(3),
        np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    ],
)
def test_what_is_not_a_motion_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"rigid|rotation|finite"):
        Rigid.from_matrix(matrix)


def test_spread_rotations_leave_no_gap() -> None:
    grid = spread_rotations(4000)
    close(grid @ grid.transpose(0, 2, 1), np.broadcast_to(np.eye(3), grid.shape), 1e-9)
    far = angles_between_deg(random_rotations(300, np.random.default_rng(0)), grid).min(1)
    assert far.max() < 20 and far.mean() < 10


def test_spread_directions_are_even() -> None:
    d = spread_directions(500)
    close(np.linalg.norm(d, axis=1), 1, 1e-12)
    assert np.abs(d.mean(0)).max() < 0.01
