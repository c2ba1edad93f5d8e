"""How unlike one place it is what the views show of a point: a lid over a cavity that the field did not open gives itself away.

Every view's light is a mixture of the same few lights, so a place of one surface has one brightness under each of these. Both are found from
the images alone, in turns. What is left over where a view sees the floor of a hole and another one its wall is many times the usual.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from registration.data.capture import Capture
from registration.geometry.rigid import Array
from registration.nerf.fog import first_light
from registration.nerf.rays import SURE_PX, mask_distances

Sights = Iterable[tuple[int, NDArray[np.int64], Array]]
"""For each view the points it sees, and their pixels (m, 2)."""
LEAST_VIEWS = 8
"""Views that must see a point for it to be judged: more than there are lights."""
ROUNDS, KNOWN_ROUNDS, NEAR = 6, 5, 0.01
"""Of the fit, fewer if the lights are known; errors below this count as they are, those above by their size only."""
TRUSTED = 0.6
"""Share of the views, those that are explained best, that count: shadows and gloss spoil the others."""
STIFF, STILL = 1e-4, 1e-3
"""How firmly a point's brightness is held to none, and a view's light to what it was, where little is seen."""
LEAST = 0.003
"""Error below which no half is usual."""
SURE = 2 * SURE_PX
"""A place shows the object if it lies so many pixels inside the mask."""


def unlike(count: int, sights: Sights, capture: Capture, middle: Array) -> NDArray[np.float32]:  # (count,)
    """The error of each point, times the usual of all of them; 0 where too few views tell."""
    error = explained(seen_brightness(count, sights, capture), first_light(capture.cameras, middle).numpy().astype(float))
    known = error >= 0
    usual = max(float(np.median(error[known])), LEAST) if known.any() else LEAST
    return np.where(known, error / usual, 0).astype(np.float32)


def seen_brightness(count: int, sights: Sights, capture: Capture) -> Array:  # (count, views)
    """Of each point in each view, 0..1; nan where it is not seen for sure."""
    distances, grey = mask_distances(capture), capture.rgb.mean(3, dtype=np.float32) / 255
    out = np.full((count, len(capture)), np.nan)
    for i, index, uv in sights:
        at = uv.T[::-1]
        sure = map_coordinates(distances[i], at, order=1, mode="nearest") > SURE
        out[index[sure], i] = map_coordinates(grey[i], at[:, sure], order=1, mode="nearest")
    return out


def explained(seen: Array, light: Array, known: bool = False) -> Array:  # (n, views), (views, lights) -> (n,)
    """What a few lights leave over of each point, in its best views; below zero where it is not judged.

    ``light`` is what each view is lit by if that is known, else where the fit of that starts.
    """
    there, y = np.isfinite(seen), np.nan_to_num(seen)
    number, lights = there.sum(1), light.shape[1]
    judged = number >= LEAST_VIEWS
    there, y, number = there[judged], y[judged], number[judged]
    weight, off = there.astype(float), np.zeros(y.shape)
    for n in range(KNOWN_ROUNDS if known else ROUNDS):
        tint = solved(weight, weight * y, light, STIFF, 0)
        if n and not known:
            light = solved(weight.T, (weight * y).T, tint, still(weight, tint), light)
        off = np.abs(y - tint @ light.T)
        weight = there / np.maximum(off, NEAR)
    order = np.sort(np.where(there, off, np.inf), 1)
    best = np.ceil(TRUSTED * number).astype(int)
    total = np.cumsum(np.where(np.isfinite(order), order, 0), 1)[np.arange(len(order)), np.maximum(best - 1, 0)]
    out = np.full(len(seen), -1.0)
    out[judged] = total / np.maximum(best, 1) * number / (number - lights)
    return out


def still(weight: Array, tint: Array) -> float:  # (n, views), (n, lights)
    """How firmly the light is held, by how much is known of it."""
    return STILL * float((weight.sum(1) @ tint**2).sum()) / max(weight.shape[1] * tint.shape[1], 1) + 1e-9


def solved(weight: Array, target: Array, base: Array, stiff: float, held: Array | int) -> Array:  # (n, m), (n, m), (m, k) -> (n, k)
    """Weighed least squares of each row over the same base, drawn a little to what it is held to."""
    k = base.shape[1]
    normal = (weight @ (base[:, :, None] * base[:, None]).reshape(len(base), k * k)).reshape(-1, k, k) + stiff * np.eye(k)
    return np.asarray(np.linalg.solve(normal, (target @ base + stiff * held)[..., None])[..., 0], float)
