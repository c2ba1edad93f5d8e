"""A place of one surface has one brightness under each of a few lights; what a lid shows is no such thing."""

from __future__ import annotations

import numpy as np
import pytest

from registration.nerf.unlike import LEAST_VIEWS, explained

VIEWS, POINTS, LIGHTS = 40, 300, 5


def shown(noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Brightness of points whose lights turn with the camera, each seen from half of the views; and a start for the lights."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(VIEWS) / VIEWS
    start = np.stack([np.ones(VIEWS), np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)], 1)
    light = start * rng.uniform(0.7, 1.3, (VIEWS, 1))  # exposures, which the start does not know
    y = 0.4 + np.abs(rng.normal(0, 0.15, (POINTS, LIGHTS))) @ light.T * 0.3 + noise * rng.normal(size=(POINTS, VIEWS))
    return np.where(rng.random(y.shape) < 0.5, y, np.nan), start


@pytest.mark.parametrize("seed", range(3))
def test_what_jumps_from_view_to_view_stands_out(seed: int) -> None:
    y, start = shown(0.003, seed)
    floor = np.random.default_rng(seed).random((20, VIEWS)) < 0.5
    y[:20] -= 0.15 * floor
    error = explained(y, start)
    assert np.median(error[20:]) < 0.006 < 0.02 < np.median(error[:20])
    assert np.mean(error[20:] > np.median(error[:20])) < 0.01


def test_shadows_in_a_few_views_do_not_count() -> None:
    y, start = shown(0.003, 0)
    y[:100, :8] -= 0.2
    error = explained(y, start)
    assert np.median(error[:100]) < 1.5 * np.median(error[100:])


def test_points_that_few_views_see_are_not_judged() -> None:
    y, start = shown(0.003, 0)
    y[0, :] = np.nan
    y[1, LEAST_VIEWS - 1 :] = np.nan
    error = explained(y, start)
    assert error[0] < 0 and error[1] < 0 and (error[2:] >= 0).all()
    assert (explained(np.full((3, VIEWS), np.nan), start) < 0).all()
