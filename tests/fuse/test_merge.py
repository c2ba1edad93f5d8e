"""Two halves that know different things of one body."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from registration.fuse.merge import joint_field
from registration.geometry.hull import Box
from registration.geometry.mesh import iso_surface
from registration.geometry.rigid import Rigid

BOX = Box.around(np.full(3, -30.0), np.full(3, 30.0), 61)
WALL = 2.5
"""Of a cup, in voxels and mm: as thick as a place may lie from what counts as seen there."""


def block(points: np.ndarray, half: np.ndarray, middle: float) -> np.ndarray:
    """Signed distance, nearly, of an upright block."""
    return (np.abs(points - [0, 0, middle]) - half).max(1)


def cup(points: np.ndarray) -> np.ndarray:
    """A block with a well that is open to the top."""
    well = block(points, np.array([20 - WALL, 20 - WALL, 20.0]), 12.0)
    return np.maximum(block(points, np.array([20.0, 20, 16]), 0.0), -well)


def solid(points: np.ndarray) -> np.ndarray:
    """The same seen from below: nobody looked into the well."""
    return block(points, np.array([20.0, 20, 16]), 0.0)


def half(distance: Any, saw: Any = lambda points: slice(None)) -> Any:
    """What a capture knows, and points on that part of its surface that it saw."""
    sdf = (distance(BOX.points()) / BOX.step).reshape(BOX.shape).astype(np.float32)
    points, _, _ = iso_surface(sdf, BOX.low, BOX.step).sample(30_000, np.random.default_rng(0))
    nerf = SimpleNamespace(low=BOX.low, step=BOX.step, sdf=sdf)
    return SimpleNamespace(nerf=nerf, cloud=SimpleNamespace(points=points[saw(points)]))


@pytest.mark.parametrize("order", [1, -1])
def test_a_thin_wall_stays_where_the_half_that_saw_its_inside_has_it(order: int) -> None:
    up = half(cup, lambda points: points[:, 2] > -15.5)  # all but the face that it stands on
    down = half(solid, lambda points: points[:, 2] < 15.5)  # all but the lid, which is not there
    parts = [(up, Rigid.identity()), (down, Rigid.identity())][::order]
    surface = iso_surface(joint_field(parts, BOX), BOX.low, BOX.step).sample(20_000, np.random.default_rng(1))[0]
    off = np.abs(cup(surface))
    inside = (np.abs(surface[:, :2]).max(1) < 20 - 0.6 * WALL) & (surface[:, 2] > -5) & (surface[:, 2] < 12)
    assert inside.sum() > 3000  # the well is open, and its walls stand where they are
    assert np.quantile(off[inside], 0.95) < 0.45 and np.quantile(off, 0.95) < 0.8


def test_halves_that_saw_the_same_and_hardly_differ_are_averaged() -> None:
    up, thick = half(cup), half(lambda points: cup(points) - 0.4)
    field = joint_field([(up, Rigid.identity()), (thick, Rigid.identity())], BOX).ravel()
    near = np.abs(cup(BOX.points())) < 0.5
    assert np.median(np.abs(field[near] - (cup(BOX.points())[near] - 0.2))) < 0.1
