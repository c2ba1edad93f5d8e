"""Sharpness, exposure, and whether masks lie on the edges that the images show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_gradient_magnitude

from registration.data.capture import Capture
from registration.geometry.rigid import Array

NEAR_PX, FAR_PX = 0.7, 1.5
"""Two blurs whose edges are compared."""
EDGES = 0.08
"""The steepest share of the pixels on and around the object."""
WHITE, BLACK = 250, 6
REACH = 8
"""Masks are tried at shifts of up to so many pixels of the crop."""


def greys(capture: Capture) -> NDArray[np.float32]:  # (n, h, w)
    """Brightness."""
    return capture.rgb.mean(3, dtype=np.float32)


def blur_px(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:  # (h, w) x2
    """How wide the steepest edges on and around the object are: sigma in pixels.

    An edge of width s blurred by b has the slope 1 / sqrt(s^2 + b^2): two blurs tell s, whatever its height.
    """
    near, far = (np.asarray(gaussian_gradient_magnitude(image, b)) for b in (NEAR_PX, FAR_PX))
    around = np.asarray(binary_dilation(mask, iterations=3), bool)
    steep = around & (far >= np.quantile(far[around], 1 - EDGES)) & (far > 1)
    if not steep.any():
        return float(max(image.shape))  # nothing to see at all
    ratio = np.maximum(near[steep] / far[steep], 1.001) ** 2
    width = (FAR_PX**2 - ratio * NEAR_PX**2) / (ratio - 1)
    return float(np.sqrt(np.clip(np.median(width), 0, 400)))


def blurs(capture: Capture) -> Array:  # (n,)
    """The width of each image's edges, pixels of the crop."""
    return np.array([blur_px(g, m) for g, m in zip(greys(capture), capture.mask, strict=True)])


def shares(capture: Capture) -> tuple[Array, Array]:  # (n,), (n,)
    """How much of the object is blown out to white, and how much is black, in each image."""
    grey = greys(capture)
    counts = np.maximum(capture.mask.sum((1, 2)), 1)
    return ((grey >= WHITE) & capture.mask).sum((1, 2)) / counts, ((grey <= BLACK) & capture.mask).sum((1, 2)) / counts


def edge_scores(capture: Capture) -> Array:  # (n, 2 * REACH + 1, 2 * REACH + 1)
    """How steep each image is along its mask's border moved by (row, column) shifts, as a share of its steepest border."""
    out = []
    for image, mask in zip(greys(capture), capture.mask, strict=True):
        slope = np.pad(np.asarray(gaussian_gradient_magnitude(image, 1.0)), REACH)
        y, x = np.nonzero(mask & ~np.asarray(binary_erosion(mask), bool))
        shifts = range(2 * REACH + 1)
        score = np.array([[slope[y + dy, x + dx].mean() for dx in shifts] for dy in shifts])
        out.append(score / max(score.max(), 1e-6))
    return np.array(out)


def mask_shift(scores: Array) -> tuple[int, int]:
    """(right, down): where the edges lie that the masks should lie on, by all images together."""
    row, column = np.unravel_index(int(scores.mean(0).argmax()), scores.shape[1:])
    return int(column) - REACH, int(row) - REACH


def lonely_masks(scores: Array) -> NDArray[np.bool_]:  # (n,)
    """Images whose mask has its edges elsewhere, while those of most others are where they should be."""
    here = scores[:, REACH - 1 : REACH + 2, REACH - 1 : REACH + 2].max((1, 2))
    return here < 0.5
