"""Small line charts as pictures, drawn without a plotting library."""

from __future__ import annotations

import numpy as np

from registration.geometry.rigid import Array
from registration.viz.pictures import PAPER, Picture
from registration.viz.software import FINE, INK

FAINT = (214, 217, 222)


def lines(
    curves: list[tuple[Array, tuple[int, int, int]]], xlabel: str, ylabel: str, width: int, height: int
) -> Picture:  # each (n, 2): x, y
    """Curves in one chart; its vertical axis begins at zero unless a value lies below."""
    from PIL import Image, ImageDraw, ImageFont

    w, h = width * FINE, height * FINE
    image = Image.new("RGB", (w, h), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13 * FINE)
    left, right, top, bottom = 64 * FINE, 26 * FINE, 26 * FINE, 40 * FINE
    good = [c[np.isfinite(c).all(1)] for c, _ in curves]
    every = np.concatenate(good) if any(map(len, good)) else np.zeros((1, 2))
    x_ticks = ticks(every[:, 0].min(), every[:, 0].max())
    y_ticks = ticks(min(0.0, every[:, 1].min()), every[:, 1].max())
    low, high = np.array([x_ticks[0], y_ticks[0]]), np.array([x_ticks[-1], y_ticks[-1]])
    at = lambda p: np.array([left, h - bottom]) + (p - low) / (high - low) * [w - left - right, top + bottom - h]  # noqa: E731
    for y in y_ticks:
        (x0, level), (x1, _) = at(np.array([low[0], y])), at(np.array([high[0], y]))
        draw.line([(x0, level), (x1, level)], FAINT, FINE)
        draw.text((x0 - 6 * FINE, level), f"{y:g}", INK, font, anchor="rm")
    for x in x_ticks:
        place = at(np.array([x, low[1]]))
        draw.text((place[0], place[1] + 5 * FINE), f"{x:g}", INK, font, anchor="mt")
    draw.text((w - right, h - 4 * FINE), xlabel, INK, font, anchor="rd")
    draw.text((6 * FINE, 4 * FINE), ylabel, INK, font)
    for curve, (_, colour) in zip(good, curves, strict=True):
        if len(curve):
            draw.line([tuple(at(p)) for p in curve], colour, 2 * FINE, joint="curve")
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))


def ticks(low: float, high: float, most: int = 6) -> Array:
    """Round numbers from below the least value to above the greatest."""
    span = high - low if high > low else max(abs(high), 1.0)
    rough = span / (most - 1)
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(k for k in (1, 2, 5, 10) if k * power >= rough * 0.999)
    first, last = np.floor(low / step + 1e-9), np.ceil((low + span) / step - 1e-9)
    return np.round(np.arange(first, last + 1) * step, 10)
