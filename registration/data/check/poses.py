"""Whether the silhouettes agree on one body, which images do not, and what would make the others do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.data.crop import Window, cut_intrinsics, cut_mask, extent_of
from registration.data.fit import middle_of
from registration.data.units import size_of_object
from registration.geometry.camera import Cameras
from registration.geometry.hull import Box, hull_depth, outline, signed_mask_distance
from registration.geometry.rigid import Array

SMALL_PX = 64
TOLERATED, EVERY = 2, 20
"""Views that may cut what all others leave: so many, and one in so many of a long sequence."""
ROOM = 0.62
"""The body is looked for this share of its size around its middle."""
GL = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True, eq=False)
class Body:
    """Where the object is by its masks."""

    middle: Array  # (3,)
    size: float
    distance: float
    behind: float
    """Share of the cameras that have it behind them."""


def body_of(capture: Capture) -> Body:
    """By the masks' centres and extents."""
    centres = np.stack([np.argwhere(m).mean(0)[::-1] for m in capture.mask])
    middle = middle_of(capture.K, capture.R, capture.t, centres)
    depths = (capture.R @ middle + capture.t)[:, 2]
    ahead = depths > 0
    if not ahead.any():
        return Body(middle, 1.0, 1.0, 1.0)
    extents = np.array([extent_of(m) for m in capture.mask[ahead]])
    size = size_of_object(extents, depths[ahead], capture.K[ahead, 0, 0])
    return Body(middle, max(size, 1e-9), float(np.median(depths[ahead])), float(1 - ahead.mean()))


def shrunk(capture: Capture) -> tuple[Cameras, NDArray[np.bool_]]:
    """Cameras and masks at the size at which silhouettes are compared."""
    height, width = capture.mask.shape[1:]
    scale = min(1.0, SMALL_PX / max(height, width))
    window = Window(0, 0, width, height, max(1, round(width * scale)), max(1, round(height * scale)))
    K = np.stack([cut_intrinsics(k, window) for k in capture.K])
    masks = np.stack([cut_mask(m, window) for m in capture.mask])
    return Cameras(K, capture.R, capture.t, window.out_width, window.out_height), masks


def disagreement(capture: Capture, body: Body, voxels: int = 48) -> Array:  # (n,)
    """Of each image: 1 - IoU of its mask with the silhouette of what the masks carve, though a few of them err."""
    if body.behind > 0.5:
        return np.ones(len(capture))
    cameras, masks = shrunk(capture)
    box = Box.around(body.middle - ROOM * body.size, body.middle + ROOM * body.size, voxels)
    points = box.points()
    points = points[np.linalg.norm(points - body.middle, axis=1) < ROOM * body.size]
    distances = np.stack([signed_mask_distance(m) for m in masks])
    tolerated = min(max(TOLERATED, len(capture) // EVERY), len(capture) // 4)
    depth = hull_depth(cameras, distances, points, tolerated)
    points = points[depth > -0.25 * box.step]
    out = np.ones(len(capture))
    for i, mask in enumerate(masks):
        seen = outline(cameras, i, points, box.step)
        out[i] = 1 - (seen & mask).sum() / max((seen | mask).sum(), 1)
    return out


def off_centre(capture: Capture) -> float:
    """Where the principal point lies, as a multiple of half the image's width and height: one in its middle."""
    half = (np.array(capture.size_full) - 1) / 2
    return float(np.median(capture.K_full[:, :2, 2] / half))


def axes_turned(capture: Capture) -> Capture:
    """As if the poses had OpenGL's axes."""
    return replace(capture, R=GL @ capture.R, t=capture.t @ GL)


def inverted(capture: Capture) -> Capture:
    """As if the poses were the cameras' in the world."""
    R = capture.R.transpose(0, 2, 1)
    return replace(capture, R=R, t=-np.einsum("nij,nj->ni", R, capture.t))


def reordered(order: Callable[[int], NDArray[np.int64]]) -> Callable[[Capture], Capture]:
    """As if the poses belonged to the images in another order."""

    def remedy(capture: Capture) -> Capture:
        places = order(len(capture))
        return replace(capture, R=capture.R[places], t=capture.t[places])

    return remedy


def rescaled(capture: Capture) -> Capture:
    """As if the intrinsics were those of larger or smaller images."""
    scale = np.diag([1 / off_centre(capture), 1 / off_centre(capture), 1.0])
    K_full = scale @ capture.K_full
    return replace(capture, K=capture.K @ np.linalg.inv(capture.K_full) @ K_full, K_full=K_full)


REMEDIES: dict[str, Callable[[Capture], Capture]] = {
    "the axes are OpenGL's (y up, looking along -z): negate the second and third row of R and t": axes_turned,
    "the poses are inverted, camera-to-world: give their inverses": inverted,
    "the poses are inverted and have OpenGL's axes": lambda c: axes_turned(inverted(c)),
    "masks or poses are in the reverse order of the images": reordered(lambda n: np.arange(n)[::-1]),
    "masks or poses are one image late": reordered(lambda n: np.roll(np.arange(n), -1)),
    "masks or poses are one image early": reordered(lambda n: np.roll(np.arange(n), 1)),
    "the intrinsics are those of images of another size: scale cam_K with the images": rescaled,
}
"""What makes all poses wrong at once."""


def remedy_for(capture: Capture, now: float) -> str:
    """What would bring the silhouettes together, by far; empty if nothing here does."""
    best, found = 0.6 * now, ""
    for words, remedy in REMEDIES.items():
        tried = remedy(capture)
        left = float(np.median(disagreement(tried, body_of(tried), 32)))
        if left < best:
            best, found = left, words
    return found
