"""The measures behind the check: what they must not depend on, and that they tell what was put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from registration.data.capture import Capture
from registration.data.check.coverage import coverage_of, in_words, shared
from registration.data.check.photos import blur_px, edge_scores, mask_shift
from registration.data.check.poses import body_of, disagreement
from registration.data.units import doubt
from registration.geometry.rigid import Rigid
from tests.geometry.bodies import capture_of, knob
from tests.geometry.strategies import motions


@pytest.fixture(scope="module")
def made() -> Capture:
    return capture_of(knob(), views=24, size=96)


@settings(max_examples=12, deadline=None)
@given(T=motions(), scale=st.floats(1e-3, 1e3))
def test_neither_frame_nor_unit_changes_what_is_covered(made: Capture, T: Rigid, scale: float) -> None:
    wanted, other = coverage_of(made, np.zeros(3)), made.moved(T).scaled(scale)
    body = body_of(other)
    assert body.size == pytest.approx(scale * body_of(made).size, rel=1e-3)
    found = coverage_of(other, scale * T.apply(np.zeros(3)))
    assert found.gap_deg == pytest.approx(wanted.gap_deg, abs=4)  # places are 5 degrees apart
    assert np.allclose(np.sort(found.elevations), np.sort(wanted.elevations), atol=0.1)


def test_a_hole_is_told_by_the_images_at_its_sides(made: Capture) -> None:
    kept = np.flatnonzero((np.arange(24) < 9) | (np.arange(24) > 17))  # a ring from which 135 degrees are missing
    part = made.only(kept)
    found = coverage_of(part, np.zeros(3))
    words = in_words(found, part.ids)
    assert found.gap_deg > 50 and "images 8 and 18" in words.replace("18 and 8", "8 and 18")
    assert shared(found, found) < shared(coverage_of(made, np.zeros(3)), coverage_of(made, np.zeros(3)))


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
@pytest.mark.parametrize("height", [20, 200])
def test_the_width_of_an_edge_is_told_whatever_its_height(sigma: float, height: float) -> None:
    mask = np.zeros((80, 80), bool)
    mask[20:60, 20:60] = True
    image = gaussian_filter(np.where(mask, float(height), 0.0), sigma).astype(np.float32)
    assert blur_px(image, mask) == pytest.approx(sigma, rel=0.25)


@given(right=st.integers(-7, 7), down=st.integers(-7, 7))
@settings(max_examples=5, deadline=None)
def test_masks_that_lie_beside_the_edges_are_measured(made: Capture, right: int, down: int) -> None:
    part = made.only(np.arange(0, 24, 6))
    moved = np.roll(part.mask, (-down, -right), (1, 2))
    found = mask_shift(edge_scores(replace(part, mask=moved)))
    assert np.abs(np.subtract(found, (right, down))).max() <= 1


def test_sound_silhouettes_agree(made: Capture) -> None:
    assert np.median(disagreement(made, body_of(made))) < 0.08


@given(size=st.floats(20, 400), away=st.floats(2, 4))
def test_a_wrong_unit_is_doubted_and_the_right_one_named(size: float, away: float) -> None:
    assert doubt(size, away * size + 40) is None
    assert "--unit m" in str(doubt(size / 1000, (away * size + 40) / 1000))
    assert "1/1000 of a millimetre" in str(doubt(1000 * size, 1000 * (away * size + 40)))
    for factor, words in ((0.1, "--unit cm"), (10, "1/10 of a millimetre"), (0.001, "--unit m")):
        assert words in str(doubt(factor * size, factor * away * size, diameter_mm=size))
