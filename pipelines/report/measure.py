"""What the report measures beyond what the stages answered: distances of every point, silhouettes of every image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registration.data.capture import Capture
from registration.fuse.record import Model
from registration.geometry.camera import Cameras
from registration.geometry.distance import chamfer_parts
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Clouds

MET = 0.02
"""Points nearer to the other half than this share of the diameter lie where both halves saw the surface."""
FINEST = 100
"""Silhouettes are compared at so many places along the longer side of an image."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Distances and overlaps."""

    up_mm: Array  # (n,) of the points of up to the nearest point of down
    down_mm: Array  # (m,) the other way
    near_mm: float
    """What counts as met."""
    silhouettes: tuple[Array, Array]  # per image of up and of down: overlap with the mask, 0..1


def measured(
    model: Model, clouds: Clouds, captures: tuple[Capture, Capture], caster: Caster, diameter_mm: float
) -> Measured:
    """Look at every point and every image."""
    T = model.T_up_from_down
    a, b = chamfer_parts(clouds.up.points, T.apply(clouds.down.points))
    overlaps = (silhouettes(captures[0], caster, Rigid.identity()), silhouettes(captures[1], caster, T.inverse()))
    return Measured(a, b, MET * diameter_mm, overlaps)


def silhouettes(capture: Capture, caster: Caster, T_capture_from_model: Rigid) -> Array:  # (n,)
    """Intersection over union of the model's silhouette and the mask, for every image."""
    every = max(1, max(capture.mask.shape[1:]) // FINEST)
    mask = capture.mask[:, ::every, ::every]
    K = capture.K.copy()
    K[:, :2] /= every
    cameras = Cameras(K, capture.R, capture.t, mask.shape[2], mask.shape[1]).moved(T_capture_from_model)
    out = []
    for i in range(len(capture)):
        seen = np.isfinite(depth_image(caster, cameras, i)[0])
        if capture.inside is not None:
            seen &= capture.inside[i, ::every, ::every]
        out.append((seen & mask[i]).sum() / max(1, (seen | mask[i]).sum()))
    return np.array(out)
