"""How far points fall outside masks, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from registration.geometry.hull import signed_mask_distance
from registration.sources.witness import SATURATED_PX, outside_masks
from tests.geometry.bodies import capture_of, knob


def test_points_outside_the_masks_are_counted_as_a_loop_over_views_does() -> None:
    capture = capture_of(knob(), views=6, size=64)
    distances = np.stack([signed_mask_distance(m) for m in capture.mask])
    rng = np.random.default_rng(0)
    points, trust = rng.normal(scale=25, size=(300, 3)), rng.uniform(0.1, 1, 300)
    points[0] = capture.cameras.centres()[2] * 1.5  # behind a camera
    total = 0.0
    for i in range(6):
        uv, z = capture.cameras.project(i, points)
        for n in range(300):
            x, y = np.clip(np.rint(uv[n]), 0, 63).astype(int)
            beyond = np.abs(uv[n] - [x, y]).max()
            off = np.clip((beyond if beyond > 0.51 else 0) - distances[i, y, x] - 1, 0, SATURATED_PX) / SATURATED_PX
            total += trust[n] * (off if z[n] > 0 else 1.0)
    told = outside_masks(points, trust, capture, distances)
    assert 0.05 < told < 0.95 and told == pytest.approx(total / 6 / trust.sum(), rel=1e-9)
