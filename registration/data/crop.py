"""From whole images to crops of one size around the object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array

SPECK = 0.005
"""Loose specks and pinholes smaller than this share of the mask are mask noise, not the object."""


@dataclass(frozen=True, eq=False)
class RawFrame:
    """One image as it was read."""

    id: int
    file: str
    rgb: NDArray[np.uint8]  # (h, w, 3)
    mask: NDArray[np.bool_]  # (h, w)
    depth: NDArray[np.float32] | None  # (h, w) mm
    K: Array  # (3, 3)
    R: Array  # (3, 3)
    t: Array  # (3,)


def tidy_mask(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without loose specks and pinholes; real holes are larger and stay."""
    from scipy.ndimage import label

    limit = max(4.0, SPECK * mask.sum())
    for value in (True, False):
        parts, _ = label(mask == value)
        sizes = np.bincount(parts.ravel())
        small = (sizes < limit) & (np.arange(len(sizes)) > 0)
        if small.any() and (sizes[1:] >= limit).any():
            mask = np.where(small[parts], not value, mask)
    return mask


def box_of(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the mask, the last ones outside."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


def crop_size(masks: list[NDArray[np.bool_]]) -> tuple[int, int]:
    """Width and height that hold every mask with a margin."""
    boxes = np.array([box_of(m) for m in masks])
    w, h = (boxes[:, 2] - boxes[:, 0]).max(), (boxes[:, 3] - boxes[:, 1]).max()
    return int(w + 2 * max(4, 0.06 * w)), int(h + 2 * max(4, 0.06 * h))


def cut(image: NDArray, x0: int, y0: int, w: int, h: int) -> NDArray:
    """A window of an image; where it reaches past the image it is zero."""
    out = np.zeros((h, w, *image.shape[2:]), image.dtype)
    H, W = image.shape[:2]
    xa, ya, xb, yb = max(x0, 0), max(y0, 0), min(x0 + w, W), min(y0 + h, H)
    if xa < xb and ya < yb:
        out[ya - y0 : yb - y0, xa - x0 : xb - x0] = image[ya:yb, xa:xb]
    return out


def shrink_K(K: Array, x0: float, y0: float, scale: float) -> Array:
    """Intrinsics of a window that starts at (x0, y0) and is scaled; pixel centres at whole numbers."""
    out = K.copy()
    out[0, 2], out[1, 2] = K[0, 2] - x0, K[1, 2] - y0
    out[:2] *= scale
    out[0, 2] += (scale - 1) / 2
    out[1, 2] += (scale - 1) / 2
    return out


def crop(frame: RawFrame, size: tuple[int, int], scale: float) -> dict[str, NDArray]:
    """The crop around one frame's mask: rgb, mask, inside, K and, where there is one, depth."""
    x0, y0, x1, y1 = box_of(frame.mask)
    w, h = size
    left, top = (x0 + x1 - w) // 2, (y0 + y1 - h) // 2
    parts = {"rgb": frame.rgb, "mask": frame.mask, "inside": np.ones(frame.mask.shape, bool)}
    out = {name: cut(image, left, top, w, h) for name, image in parts.items()}
    if frame.depth is not None:
        out["depth"] = cut(frame.depth, left, top, w, h)
    if scale < 1:
        out = {name: shrink(image, scale) for name, image in out.items()}
    exact = out["mask"].shape[1] / w  # what rounding to whole pixels made of the scale
    return {**out, "K": shrink_K(frame.K, left, top, exact)}


def shrink(image: NDArray, scale: float) -> NDArray:
    """A smaller image: areas averaged, depth by its nearest value."""
    import cv2

    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    if image.dtype == bool:
        return cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST if image.dtype == np.float32 else cv2.INTER_AREA)
