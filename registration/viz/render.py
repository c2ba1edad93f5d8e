"""Meshes and clouds drawn on nothing: pictures with an alpha channel, for light and dark pages."""

from __future__ import annotations

import numpy as np

from registration.geometry.camera import Cameras
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array
from registration.viz.pictures import orbit
from registration.viz.scene import Skin
from registration.viz.software import FINE, Canvas, Drawing

DENSE = 1.1
"""Radius of a point, as a share of what would be between them if they filled the picture evenly."""


def mesh_drawn(skin: Skin, cameras: Cameras, caster: Caster) -> Drawing:
    """A mesh; the camera is one of ``around``."""
    canvas = Canvas(cameras)
    canvas.skin(skin, caster=caster)
    return canvas.drawing()


def cloud_drawn(points: Array, normals: Array, tint: Array, cameras: Cameras) -> Drawing:
    """Points as small discs that nearly close the surface."""
    canvas = Canvas(cameras)
    canvas.cloud(points, normals, tint, int(np.clip(round(DENSE * cameras.width / np.sqrt(max(1, len(points)))), 1, 7)))
    return canvas.drawing()


def around(points: Array, azimuth_deg: float, elevation_deg: float, size: int) -> Cameras:
    """A camera for a picture of this size that shows all the points."""
    return orbit(points, azimuth_deg, elevation_deg, size * FINE)


def cropped(drawings: list[Drawing], margin: int = 6) -> list[Drawing]:
    """Drawings of one size without the rows and columns that are empty in all of them."""
    drawn = np.any([d[..., 3] > 0 for d in drawings], axis=0)
    y, x = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    if not len(y):
        return drawings
    top, left = max(0, y[0] - margin), max(0, x[0] - margin)
    return [d[top : y[-1] + 1 + margin, left : x[-1] + 1 + margin] for d in drawings]
