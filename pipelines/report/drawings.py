"""The pictures of the report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.fuse.record import Fused
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Clouds
from registration.viz.colours import coloured
from registration.viz.pictures import DOWN, UP, Picture, outlined
from registration.viz.render import around, cloud_drawn, cropped, mesh_drawn
from registration.viz.scene import Skin
from registration.viz.software import Drawing

SIDES = ((30, 30, "from the front"), (150, 30, "from behind"), (30, -30, "from below"))
VIEW = (35, 22)
LARGE, SMALL = 380, 240
"""Pixels along a side."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """Some images of a capture with the model's outline."""

    pictures: list[Picture]
    views: list[int]
    worst: int
    """The view whose silhouette fits worst."""


def sides_of(fused: Fused, caster: Caster) -> list[Drawing]:
    """The model from three sides."""
    cameras = [around(fused.vertices, a, e, LARGE) for a, e, _ in SIDES]
    return cropped([mesh_drawn(Skin.of(fused), c, caster) for c in cameras])


def thumbnail_of(fused: Fused, caster: Caster, size: int = 160) -> Drawing:
    """The model, small."""
    return mesh_drawn(Skin.of(fused), around(fused.vertices, 30, 30, size), caster)


def pairs_of(clouds: Clouds, places: list[Rigid], size: int = LARGE) -> list[Drawing]:
    """Both clouds in two colours, the down half in each of some places, all from one camera."""
    up, down = clouds.up, clouds.down
    tint = np.concatenate([np.tile(np.array(c, float), (len(h), 1)) for h, c in ((up, UP), (down, DOWN))])
    joined = [np.concatenate([up.points, T.apply(down.points)]) for T in places]
    camera = around(np.concatenate(joined), *VIEW, size)
    return cropped([
        cloud_drawn(points, np.concatenate([up.normals, T.turn(down.normals)]), tint, camera)
        for points, T in zip(joined, places, strict=True)
    ])  # fmt: skip


def heat_of(points: Array, normals: Array, distances: Array, top: float) -> list[Drawing]:
    """A cloud coloured by distances, from three sides."""
    tint = coloured(distances, top).astype(float)
    return cropped([cloud_drawn(points, normals, tint, around(points, a, e, LARGE)) for a, e, _ in SIDES])


def sheet_of(
    capture: Capture, caster: Caster, T_capture_from_model: Rigid, colour: tuple[int, int, int], count: int, fits: Array
) -> Sheet:
    """Images spread over a capture, and the one that fits worst."""
    spread = np.linspace(0, len(capture) - 1, min(max(1, count - 1), len(capture))).round().astype(int)
    worst = int(np.argmin(fits))
    views: NDArray[np.int64] = np.unique([*spread, worst])
    pictures = [outlined(capture, int(i), caster, T_capture_from_model, colour) for i in views]
    return Sheet(pictures, [int(i) for i in views], worst)
