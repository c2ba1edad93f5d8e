"""Lenses that bend images, and images made straight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from registration.data.images import Size
from registration.geometry.rigid import Array


@dataclass(frozen=True)
class Lens:
    """A distortion in OpenCV's words."""

    kind: Literal["brown", "fisheye"]
    bend: tuple[float, ...]
    """brown: k1 k2 p1 p2 k3 k4 k5 k6; fisheye: k1 k2 k3 k4."""

    @classmethod
    def of(cls, kind: Literal["brown", "fisheye"], *bend: float) -> Lens | None:
        """The lens of these coefficients, the last ones may be left out; None if it bends nothing."""
        full = (*bend, *[0.0] * ((8 if kind == "brown" else 4) - len(bend)))
        return None if kind == "brown" and not any(full) else cls(kind, full)

    def straight(
        self, pixels: NDArray, K: Array, onto: Array | None = None, flat: bool = False
    ) -> NDArray:  # (h, w, ...)
        """The image that a pinhole of the same K, or of K ``onto``, would have made, zero where there was none; ``flat``: never mix pixels."""
        import cv2

        size = (pixels.shape[1], pixels.shape[0])
        bent, pinhole = (tuple(np.asarray(k, float).ravel()) for k in (K, K if onto is None else onto))
        across, along = bent_from_straight(self, bent, pinhole, size)
        way = cv2.INTER_NEAREST if flat else cv2.INTER_LINEAR
        return cv2.remap(pixels, across, along, way, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0))


@lru_cache(maxsize=4)
def bent_from_straight(
    lens: Lens, K: tuple[float, ...], onto: tuple[float, ...], size: Size
) -> tuple[NDArray, NDArray]:  # (h, w) x2
    """Where in the bent image each pixel of the straight one lies; the last few answers are kept."""
    import cv2

    bent, pinhole, bend = np.reshape(K, (3, 3)), np.reshape(onto, (3, 3)), np.array(lens.bend)
    if lens.kind == "fisheye":
        return cv2.fisheye.initUndistortRectifyMap(bent, bend, np.eye(3), pinhole, size, cv2.CV_32FC1)
    return cv2.initUndistortRectifyMap(bent, bend, np.eye(3), pinhole, size, cv2.CV_32FC1)
