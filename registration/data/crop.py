"""From whole images to crops of one size around the object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array

SPECK = 0.005
"""Loose specks and pinholes smaller than this share of the mask are mask noise, not the object."""
MARGIN, LEAST_MARGIN = 0.06, 4
"""Room on each side of the largest mask: this share of it, and no fewer pixels than that."""


@dataclass(frozen=True)
class Window:
    """A piece of an image and the size it is brought to; it may reach past the image."""

    left: int
    top: int
    width: int
    height: int
    out_width: int
    out_height: int


def box_of(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the mask, the last ones outside."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


def extent_of(mask: NDArray[np.bool_]) -> float:
    """Largest distance between two pixels of the mask, in pixels and one more."""
    import cv2
    from scipy.spatial.distance import pdist

    rows = np.flatnonzero(mask.any(1))
    ends = mask.argmax(1)[rows], mask.shape[1] - 1 - mask[:, ::-1].argmax(1)[rows]
    rim = cv2.convexHull(np.stack([np.tile(rows, 2), np.concatenate(ends)], 1).astype(np.int32))[:, 0]
    return 1 + (float(pdist(rim).max()) if len(rim) > 1 else 0.0)


def pieces_of(mask: NDArray[np.bool_], corners: bool) -> NDArray[np.int32]:
    """Connected pieces, numbered from 1; ``corners``: touching at a corner connects."""
    from scipy.ndimage import label

    out = np.zeros(mask.shape, np.int32)
    label(mask, np.ones((3, 3)) if corners else None, output=out)
    return out


def tidy_mask(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without loose specks and pinholes smaller than half a per cent of the mask.

    Real holes are larger and stay. So does the largest piece, however small, and a notch that is open to the
    outside is not a hole.
    """
    x0, y0, x1, y1 = box_of(mask)
    part = np.pad(mask[y0:y1, x0:x1], 1)
    limit = SPECK * part.sum()
    pieces = pieces_of(part, corners=True)
    if pieces.max() > 1:
        sizes = np.bincount(pieces.ravel())
        loose = sizes < limit
        loose[[0, 1 + int(sizes[1:].argmax())]] = False
        part = part & ~loose[pieces]
    holes = pieces_of(~part, corners=False)
    if holes.max() > 1:
        small = np.bincount(holes.ravel()) < limit
        small[[0, holes[0, 0]]] = False
        part = part | small[holes]
    out = np.zeros_like(mask)
    out[y0:y1, x0:x1] = part[1:-1, 1:-1]
    return out


def crop_size(boxes: list[tuple[int, int, int, int]]) -> tuple[int, int]:
    """Width and height that hold every mask with a margin."""
    corners = np.array(boxes)
    widest, highest = (corners[:, 2:] - corners[:, :2]).max(0)
    width, height = (int(np.ceil(side + 2 * max(LEAST_MARGIN, MARGIN * side))) for side in (widest, highest))
    return width, height


def window_around(box: tuple[int, int, int, int], size: tuple[int, int], most: int) -> Window:
    """The window of this size around a box, on whole pixels; shrunk until no side exceeds ``most``."""
    width, height = size
    scale = min(1.0, most / max(width, height))
    left, top = (box[0] + box[2] - width) // 2, (box[1] + box[3] - height) // 2
    return Window(left, top, width, height, max(1, round(width * scale)), max(1, round(height * scale)))


def cut(image: NDArray, window: Window) -> NDArray:
    """The window's pixels at their full size; where it reaches past the image they are zero."""
    out = np.zeros((window.height, window.width, *image.shape[2:]), image.dtype)
    height, width = image.shape[:2]
    xa, ya = max(window.left, 0), max(window.top, 0)
    xb, yb = min(window.left + window.width, width), min(window.top + window.height, height)
    if xa < xb and ya < yb:
        out[ya - window.top : yb - window.top, xa - window.left : xb - window.left] = image[ya:yb, xa:xb]
    return out


def area(pixels: NDArray, window: Window) -> NDArray:
    """Shrunk by averaging over areas."""
    import cv2

    if (window.out_width, window.out_height) == (window.width, window.height):
        return pixels
    return cv2.resize(pixels, (window.out_width, window.out_height), interpolation=cv2.INTER_AREA)


def cut_colour(rgb: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The window of a colour image, areas averaged."""
    return area(cut(rgb, window), window)


def cut_mask(mask: NDArray[np.bool_], window: Window, share: float = 0.5) -> NDArray[np.bool_]:
    """The window of a mask: pixels of which more than this share is covered."""
    return area(cut(mask, window).astype(np.float32), window) > share


def cut_inside(seen: NDArray[np.bool_], window: Window) -> NDArray[np.bool_]:
    """Where the window shows the image and nothing else; ``seen``: the whole image's pixels that do."""
    return cut_mask(seen, window, 0.999)


def cut_depth(depth: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    """The window of a depth image; no two depths are ever mixed."""
    rows = ((np.arange(window.out_height) + 0.5) * window.height / window.out_height).astype(int)
    columns = ((np.arange(window.out_width) + 0.5) * window.width / window.out_width).astype(int)
    return cut(depth, window)[rows][:, columns]


def cut_intrinsics(K: Array, window: Window) -> Array:  # (3, 3) -> (3, 3)
    """Intrinsics of the window; a pixel's centre has whole coordinates before and after."""
    sx, sy = window.out_width / window.width, window.out_height / window.height
    whole_to_crop = np.array(
        [
            [sx, 0, (0.5 - window.left) * sx - 0.5],
            [0, sy, (0.5 - window.top) * sy - 0.5],
            [0, 0, 1],
        ]
    )
    return whole_to_crop @ K
