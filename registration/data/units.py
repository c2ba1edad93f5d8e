"""What a capture's lengths are counted in, and whether that can be."""

from __future__ import annotations

import numpy as np

from registration.geometry.rigid import Array

UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
NOMINAL_MM = 100.0
"""How large an object is taken to be where the files' unit is arbitrary."""
SIZES_MM, DISTANCES_MM = (10.0, 1000.0), (40.0, 2000.0)
"""Objects that are turned over by hand, and how far off their cameras stand."""
NEAR = 2.0
"""A known diameter may be missed by this factor."""


def size_of_object(extents: Array, depths: Array, focals: Array) -> float:
    """The object's largest extent by its masks': (n,) pixels, depths of its middle and focal lengths; in the depths' unit.

    A silhouette shows an edge that lies a little before the middle, as of a ball. The median of the larger half: a few
    masks that are far too large do not count, and views along the object are not taken for its size.
    """
    half = 0.5 * extents / focals
    sizes = np.sort(2 * depths * half / np.sqrt(1 + half**2))
    return float(np.median(sizes[len(sizes) // 2 :]))


def doubt(size_mm: float, distance_mm: float, diameter_mm: float = 0.0) -> str | None:
    """What is odd about an object of this size seen from this distance, and which unit would fit; None: nothing."""

    def fits(factor: float) -> bool:
        size, distance = factor * size_mm, factor * distance_mm
        if diameter_mm:
            return diameter_mm / NEAR <= size <= NEAR * diameter_mm
        return SIZES_MM[0] <= size <= SIZES_MM[1] and DISTANCES_MM[0] <= distance <= DISTANCES_MM[1]

    if fits(1):
        return None
    told = f"the object is {size_mm:.3g} mm large, {distance_mm:.3g} mm from the cameras"
    for factor in (1000.0, 10.0, 0.1, 0.001):
        if fits(factor):
            unit = {1000.0: "metres", 10.0: "centimetres"}.get(factor, f"1/{1 / factor:.0f} of a millimetre")
            flag = {1000.0: ": --unit m", 10.0: ": --unit cm"}.get(factor, "")
            return f"{told}; lengths look like {unit}{flag}"
    return told
