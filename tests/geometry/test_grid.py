"""Values between the points of a grid, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from registration.geometry.grid import sampled


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.integers(1, 6)] * 3), st.integers(1, 4), st.integers(0, 9999))
def test_a_grid_is_read_linearly_and_its_rim_goes_on(shape: tuple[int, int, int], channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid, index = rng.normal(size=(*shape, channels)).astype(np.float32), rng.uniform(-2, 8, (40, 3))
    inner = np.clip(index, 0, np.array(shape) - 1)
    wanted = [map_coordinates(grid[..., k].astype(float), inner.T, order=1) for k in range(channels)]
    assert np.allclose(sampled(grid, index), np.stack(wanted, 1), atol=1e-6)


def test_a_view_of_a_grid_is_read_as_the_grid_is() -> None:
    grid = np.random.default_rng(0).normal(size=(5, 6, 7, 4)).astype(np.float32)
    places = np.array([[1.5, 2.25, 3.0], [0, 0, 6]])
    assert sampled(grid[..., 1:2], places)[:, 0] == pytest.approx(sampled(grid, places)[:, 1])
