"""Where a capture's cameras stand around its object, on one round map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registration.geometry.rigid import Array
from registration.viz.charts import FAINT
from registration.viz.pictures import DOWN, PAPER, UP, Picture
from registration.viz.software import FINE, INK

if TYPE_CHECKING:
    from registration.data.check.facts import Facts

SIZE, RIM = 420, 34
WRONG = (200, 40, 40)
LOWEST_DEG = -20.0
"""The map's rim."""


def on_map(towards: Array) -> Array:  # (n, 3) -> (n, 2) pixels of the fine drawing
    """The zenith in the middle, the horizon near the rim, equal steps for equal angles."""
    radius = (SIZE / 2 - RIM) * FINE
    elevation = np.degrees(np.arcsin(np.clip(towards[:, 2], -1, 1)))
    out = radius * (90 - np.maximum(elevation, LOWEST_DEG)) / (90 - LOWEST_DEG)
    level = towards[:, :2] / np.maximum(np.linalg.norm(towards[:, :2], axis=1, keepdims=True), 1e-9)
    return SIZE * FINE / 2 + out[:, None] * level * (1, -1)


def ring_of(centre: Array, degrees: float) -> Array:  # (3,) -> (72, 3)
    """Directions so far from one."""
    side = np.cross(centre, (0.0, 0, 1) if abs(centre[2]) < 0.9 else (1.0, 0, 0))
    side /= np.linalg.norm(side)
    a, r = np.linspace(0, 2 * np.pi, 73)[:, None], np.radians(degrees)
    return np.cos(r) * centre + np.sin(r) * (np.cos(a) * side + np.sin(a) * np.cross(centre, side))


def sphere(facts: Facts, name: str, down: bool, hole_from_deg: float = 35.0) -> Picture:
    """Dots for cameras with a few ids; images whose silhouette does not fit are red; a large hole is ringed."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (SIZE * FINE, SIZE * FINE), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11 * FINE)
    middle = SIZE * FINE / 2
    for elevation in (0, 30, 60):
        edge = on_map(np.array([[np.cos(np.radians(elevation)), 0, np.sin(np.radians(elevation))]]))[0, 0] - middle
        draw.ellipse([middle - edge, middle - edge, middle + edge, middle + edge], outline=FAINT, width=FINE)
        draw.text((middle, middle - edge - 2 * FINE), f"{elevation}°", INK, font, anchor="mb")
    cover = facts.coverage
    if cover.gap_deg > hole_from_deg:
        draw.line([tuple(p) for p in on_map(ring_of(cover.hole, cover.gap_deg))], WRONG, 2 * FINE)
    wrong = facts.misfits
    places, step = on_map(cover.towards), max(1, len(wrong) // 12)
    for n, (x, y) in enumerate(places):
        dot = 4 * FINE
        draw.ellipse([x - dot, y - dot, x + dot, y + dot], fill=WRONG if wrong[n] else DOWN if down else UP)
        if wrong[n] or n % step == 0:
            draw.text((x + dot, y - dot), str(facts.capture.ids[n]), INK, font, anchor="lb")
    draw.text((8 * FINE, 8 * FINE), name, INK, font)
    draw.text((8 * FINE, SIZE * FINE - 8 * FINE), f"largest hole {cover.gap_deg:.0f}°", INK, font, anchor="ld")
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX))
