"""What real captures suffer from does not spoil the model; what is no object is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from registration.data.capture import Capture
from registration.geometry.distance import chamfer_parts
from registration.nerf.extract import half_of
from registration.nerf.params import NerfParams
from registration.nerf.train import held_out, train
from registration.progress import silent
from tests.geometry.bodies import capture_of, knob

SMALL = NerfParams(
    coarse_grid=30, fine_grid=44, fog_steps=40, rough_steps=30, coarse_steps=50, middle_steps=20, fine_steps=50, rays=1024
)


def blob(capture: Capture, i: int, inside: bool, radius: int) -> np.ndarray:
    """A disc about a random pixel of a mask's inside, or of its border."""
    rng = np.random.default_rng(i)
    edge = capture.mask[i] & ~np.roll(capture.mask[i], 3, 1)
    y, x = np.nonzero(capture.mask[i] if inside else edge)
    n = rng.integers(len(x))
    rows, columns = np.mgrid[: capture.mask.shape[1], : capture.mask.shape[2]]
    return np.hypot(rows - y[n], columns - x[n]) < radius


def holes(capture: Capture) -> Capture:
    """One hole in every third mask."""
    masks = [m & ~blob(capture, i, True, 5) if i % 3 == 0 else m for i, m in enumerate(capture.mask)]
    return replace(capture, mask=np.array(masks))


def spill(capture: Capture) -> Capture:
    """Every third mask spills over its border."""
    masks = [m | blob(capture, i, False, 6) if i % 3 == 0 else m for i, m in enumerate(capture.mask)]
    return replace(capture, mask=np.array(masks))


def exposure(capture: Capture) -> Capture:
    """Every image is darker or brighter by up to half."""
    gain = np.random.default_rng(0).uniform(0.6, 1.4, len(capture))[:, None, None, None]
    return replace(capture, rgb=(capture.rgb * gain).clip(0, 255).astype(np.uint8))


def black(capture: Capture) -> Capture:
    """The object is all but black."""
    return replace(capture, rgb=(capture.rgb * 0.05).astype(np.uint8))


def cut_off(capture: Capture) -> Capture:
    """A quarter of the images ends in the middle of the object's side."""
    mask, rgb, inside = capture.mask.copy(), capture.rgb.copy(), np.ones(capture.mask.shape, bool)
    inside[::4, :, : capture.mask.shape[2] * 2 // 5] = False
    mask[~inside], rgb[~inside] = False, 0
    return replace(capture, mask=mask, rgb=rgb, inside=inside)


def few(capture: Capture) -> Capture:
    """Twelve views."""
    return capture.only(np.arange(0, len(capture), 2))


@pytest.mark.slow
@pytest.mark.parametrize("harm", [holes, spill, exposure, black, cut_off, few])
def test_a_model_is_learned_all_the_same(harm: Callable[[Capture], Capture], tmp_path: Path) -> None:
    capture = harm(capture_of(knob(), 24, 72))
    held = held_out(len(capture))
    kept = capture.only(np.setdiff1d(np.arange(len(capture)), held))
    level, curve = train(kept, SMALL, 0, "cpu", tmp_path / "c.pt", silent)
    half = half_of(capture, level, curve, held)
    true = knob().sample(20_000, np.random.default_rng(1))[0]
    seen = half.vertices[half.vertices[:, 2] > -12]  # no camera looks from below
    assert np.median(chamfer_parts(seen, true)[0]) < 1.2 and np.quantile(chamfer_parts(seen, true)[0], 0.95) < 4
    assert half.mask_iou > 0.9 and half.psnr > 18
    assert not np.any(half.odd % 3), "only masks that are badly wrong may be called so"
    assert harm in (holes, spill) or len(half.odd) == 0


def test_held_out_views_are_few_and_never_of_a_short_capture() -> None:
    assert len(held_out(11)) == 0 and len(held_out(12)) == 1 and len(held_out(60)) == 4
