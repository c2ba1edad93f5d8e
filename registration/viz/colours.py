"""A colour scale that every kind of eye can read: from dark blue to light yellow, evenly brighter all along."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array

DARKEST, LIGHTEST = 0.30, 0.93
"""Lightness at both ends, 0 black to 1 white: neither is lost on dark or on light paper."""
HUES = np.array([[0.0, -0.02, -0.13], [0.35, -0.045, -0.075], [0.65, -0.035, 0.04], [1.0, -0.01, 0.17]])
"""Place along the scale, then how green and how blue (negative), how red and how yellow (positive)."""
UNKNOWN = (150, 150, 150)
"""Grey: no value here."""

ROOTS_FROM_LAB = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
RGB_FROM_CONES = np.array([[4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
                           [-0.0041960863, -0.7034186147, 1.7076147010]])  # fmt: skip
"""Oklab to linear sRGB, as Ottosson defines it."""


def srgb(lab: Array) -> NDArray[np.uint8]:  # (n, 3) -> (n, 3)
    """Oklab colours as a screen shows them."""
    linear = np.clip((lab @ ROOTS_FROM_LAB.T) ** 3 @ RGB_FROM_CONES.T, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (255 * curved).round().astype(np.uint8)


@cache
def scale() -> NDArray[np.uint8]:  # (256, 3)
    """The whole scale."""
    at = np.linspace(0, 1, 256)
    hues = [np.interp(at, HUES[:, 0], HUES[:, k]) for k in (1, 2)]
    return srgb(np.stack([DARKEST + (LIGHTEST - DARKEST) * at, *hues], 1))


def coloured(values: Array, top: float) -> NDArray[np.uint8]:  # (n,) -> (n, 3)
    """Colours of values from 0 to ``top``; grey for what lies beyond, or is not known."""
    known = np.isfinite(values) & (values <= top)
    index = (255 * np.clip(np.where(known, values, 0) / max(top, 1e-12), 0, 1)).round().astype(int)
    out = scale()[index]
    out[~known] = UNKNOWN
    return out


def as_css(steps: int = 9) -> str:
    """The scale as a CSS gradient."""
    picked = scale()[np.linspace(0, 255, steps).round().astype(int)]
    return "linear-gradient(to right," + ",".join("#" + "".join(f"{v:02x}" for v in rgb) for rgb in picked) + ")"
