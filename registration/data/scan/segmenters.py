"""Segmenters that other packages bring (entry points ``regpipe.segmenters``): ``(rgb, hint) -> mask``."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from registration.errors import UserError

GROUP = "regpipe.segmenters"
Segmenter = Callable[[NDArray[np.uint8], NDArray[np.bool_]], NDArray]
"""An undistorted image (h, w, 3) and the mask that the board gives, (h, w); back comes a mask of that size."""


def known() -> dict[str, EntryPoint]:
    """Every segmenter that is installed, not yet imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load(name: str) -> Segmenter:
    """The segmenter of this name."""
    points = known()
    if name not in points:
        there = ", ".join(sorted(points)) or "none"
        raise UserError(
            f"no segmenter named {name!r}", "--segmenter", f"installed: {there}; without one the board serves"
        )
    try:
        found: Any = points[name].load()
    except (ImportError, AttributeError) as error:
        mend = f"install what {points[name].value} needs"
        raise UserError(f"segmenter {name!r} cannot be loaded", error, mend) from error
    if not callable(found):
        raise UserError(f"segmenter {name!r} is no function", points[name].value, "it takes an image and a hint")
    return cast(Segmenter, found)


def asked(segmenter: Segmenter, image: NDArray[np.uint8], hint: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    """Its mask, checked: the image's size, and not empty."""
    mask = np.asarray(segmenter(image.copy(), hint.copy()))
    if mask.shape != hint.shape:
        raise UserError(f"a mask of shape {mask.shape}", name, f"the segmenter must return one of shape {hint.shape}")
    return mask > (0.5 if mask.dtype.kind == "f" else 0)
