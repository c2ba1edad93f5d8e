"""A short film of a model that turns once."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np

from registration.geometry.rays import Caster
from registration.geometry.rigid import Array
from registration.viz.pictures import Picture, trimmed
from registration.viz.render import around
from registration.viz.scene import Skin
from registration.viz.software import Canvas

PAUSE_MS = 80
MOST_BYTES = 2_000_000


def turned(
    skin: Skin, frames: int = 36, size: int = 320, elevation_deg: float = 25
) -> list[Picture]:
    """The model on paper, seen from all around."""
    caster, reach = Caster(skin.vertices, skin.faces), round_box(skin.vertices)
    out = []
    for azimuth in np.arange(frames) * 360 / frames:
        canvas = Canvas(around(reach, azimuth, elevation_deg, size))
        canvas.skin(skin, caster=caster)
        out.append(canvas.done())
    return trimmed(out)


def round_box(points: Array) -> Array:
    """Two corners of a box that holds the points however they are turned about the upright through their middle."""
    middle = (points.min(0) + points.max(0)) / 2
    radius = np.linalg.norm((points - middle)[:, :2], axis=1).max()
    height = np.abs(points - middle)[:, 2].max()
    reach = np.array([radius, radius, height]) / np.sqrt([2, 2, 1])  # orbit frames the box's diagonal
    return np.stack([middle - reach, middle + reach])


def as_film(pictures: list[Picture], kind: Literal["gif", "webp"] = "gif", pause_ms: int = PAUSE_MS) -> bytes:
    """An endless GIF or WebP; a GIF that would be too large is given fewer colours."""
    from PIL import Image

    images = [Image.fromarray(p) for p in pictures]
    out = io.BytesIO()
    if kind == "webp":
        images[0].save(out, "WEBP", save_all=True, append_images=images[1:], duration=pause_ms, loop=0, quality=80)
        return out.getvalue()
    for colours in (128, 64, 32, 16):
        palette = images[0].quantize(colours)
        frames = [i.quantize(palette=palette, dither=Image.Dither.NONE) for i in images]
        out = io.BytesIO()
        frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=pause_ms, loop=0, optimize=True)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()
