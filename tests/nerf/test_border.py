"""What images that are cut out by their masks tell of the masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from registration.data.capture import Capture
from registration.geometry.hull import signed_mask_distance
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import Caster, depth_image
from registration.nerf.border import Border, faded, offset, sharpened
from registration.nerf.rays import mask_distances
from tests.geometry.bodies import capture_of, knob

VIEWS, BLUR = 24, 0.7


def cut_out(blur: float = BLUR, bright: float = 0.7, outside: bool = False) -> tuple[Capture, TriMesh]:
    """A knob of one brightness, its masks a pixel too large, right and a pixel too small by turns, its images cut out by them."""
    mesh = knob()
    capture = capture_of(mesh, VIEWS, 96)
    caster, rgb = Caster(mesh.vertices, mesh.faces), np.zeros_like(capture.rgb)
    for i in range(VIEWS):
        seen = depth_image(caster, capture.cameras.finer(4), i)[1] >= 0
        share = seen.reshape(96, 4, 96, 4).mean((1, 3))
        rgb[i] = np.round(255 * bright * gaussian_filter(share, blur))[..., None]
    mask = np.stack([(binary_dilation, lambda m: m, binary_erosion)[i % 3](m) for i, m in enumerate(capture.mask)])
    return replace(capture, mask=mask, rgb=rgb if outside else rgb * mask[..., None]), mesh


def test_masks_that_are_too_large_tell_it_and_the_blur() -> None:
    capture, _ = cut_out()
    border = Border.of(capture, mask_distances(capture))
    assert np.allclose(border.told[::3], -1, atol=0.25) and np.allclose(border.told[1::3], 0, atol=0.3)
    assert np.isnan(border.told[2::3]).all()  # too small: as bright as ever up to the border
    assert border.blur == pytest.approx(BLUR, abs=0.2)


def test_all_masks_are_measured_by_the_surface() -> None:
    capture, mesh = cut_out()
    border = Border.of(capture, mask_distances(capture))
    slack = border.slack(mesh, capture)
    for n, wanted in enumerate((-1, 0, 1)):
        assert np.allclose(slack[n::3], wanted, atol=0.3)
    assert np.ptp(slack[::3]) < 0.15


@pytest.mark.parametrize("what", ["a room behind it", "a black object"])
def test_where_images_do_not_tell_masks_are_right_on_the_whole(what: str) -> None:
    capture, mesh = cut_out(outside=what == "a room behind it", bright=0.05 if what == "a black object" else 0.7)
    border = Border.of(capture, mask_distances(capture))
    assert np.isnan(border.told).all() and border.blur == 0
    slack = border.slack(mesh, capture)
    assert abs(slack.mean()) < 1e-6 and slack[::3].max() < slack[1::3].min() <= slack[1::3].max() < slack[2::3].min()


def test_what_lacks_grows_as_the_mask_does() -> None:
    at = np.linspace(-2, 0.4, 13)
    lack = np.array([sum(1 - 0.5 * (1 + np.tanh(1.2 * (k + 0.5 + a))) for k in range(3)) for a in at])
    assert (np.diff(offset(lack, 0.7)) > 0).all()
    image, mask = np.full((40, 40, 3), 120, np.uint8), np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    assert not faded(image, mask, signed_mask_distance(mask)).any()


def test_sharpened_images_are_nearer_to_the_sharp_ones_and_the_cut_does_not_ring() -> None:
    capture, _ = cut_out()
    stripes = (90 + 60 * np.sign(np.sin(np.arange(96) / 2.5)))[None, :, None] * np.ones((96, 1, 3))
    inside = np.asarray(binary_erosion(capture.mask[0], iterations=1))
    taken = replace(capture, mask=capture.mask[:1], rgb=(gaussian_filter(stripes, (0.8, 0.8, 0)) * capture.mask[0][..., None])[None].round().astype(np.uint8))
    off = [np.abs(rgb.astype(float) - stripes)[inside].mean() for rgb in (taken.rgb[0], sharpened(taken, 0.8, 0.05)[0])]
    assert off[1] < 0.85 * off[0]
    flat = replace(taken, rgb=(120 * taken.mask[..., None] * np.ones(3)).astype(np.uint8))
    assert np.abs(sharpened(flat, 0.8, 0.05).astype(int) - flat.rgb).max() <= 1
