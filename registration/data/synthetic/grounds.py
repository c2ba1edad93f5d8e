"""What lies under and about a filmed part: the printed page or a newspaper, a table top, a room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from registration.data.scan.board import DARK, LIGHT, Board
from registration.data.synthetic.paint import palette, side
from registration.geometry.rigid import Array

Rng = np.random.Generator
Light = NDArray[np.float32]  # linear brightness or albedo
TEXEL, TABLE = 0.4, 700.0  # mm: of what is printed; from the middle, where the table ends
NEWS, PIECES = (520.0, 400.0), (13, 10)  # mm; pictures and texts across and down
MARKER_AT = (-120.0, -60.0)  # mm, its middle


def sample(picture: Light, low: Array, step: float, places: NDArray) -> Light:  # (h, w[, 3]), (2,), (..., 2) mm
    """A picture that lies on the table, x to the right and y down its rows from ``low``; its rim goes on."""
    import cv2

    u, v = np.moveaxis(((places - low) / step - 0.5).astype(np.float32), -1, 0)
    return np.asarray(cv2.remap(picture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def sheet(board: Board, black: bool) -> tuple[Light, Array]:
    """The printed page, linear albedo (h, w, 3), y upwards, and its lower left corner."""
    ink, _ = board.ink(TEXEL)
    dark, light = ((0.12,) * 3, (0.93,) * 3) if black else (DARK, LIGHT)
    printed = np.array(light) ** 2.2 + ink[..., None] * (np.array(dark) ** 2.2 - np.array(light) ** 2.2)
    w, h = (np.array(board.page_mm) / TEXEL).astype(int)
    page = np.full((h, w, 3), 0.86)
    top, left = (h - ink.shape[0]) // 2, (w - ink.shape[1]) // 2
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = 0.03 + 0.85 * printed
    low = -np.array([left + ink.shape[1] / 2, h - top - ink.shape[0] / 2]) * TEXEL
    return np.ascontiguousarray(page[::-1], np.float32), low


def newspaper(marker_mm: float, rng: Rng) -> tuple[Light, Array]:
    """A page full of pictures and texts, linear albedo (h, w, 3), y upwards, and its lower left corner; at will with a marker."""
    across, down = (np.array(NEWS) / TEXEL / PIECES).astype(int)
    words = ["".join(rng.choice(list("AEILNORST"), 5)) for _ in range(PIECES[0] * PIECES[1])]
    pieces = [side(down, across, palette(rng), word, rng) for word in words]
    rows = [np.concatenate(pieces[k : k + PIECES[0]], 1) for k in range(0, len(pieces), PIECES[0])]
    shape = (down * PIECES[1], across * PIECES[0], 1)
    blots = gaussian_filter(rng.normal(size=shape), (2.5, 2.5, 0)) / 0.11  # as raster and thin paper give: no piece is bare
    page = np.concatenate(rows)[::-1] * (1 + 0.05 * rng.normal(size=shape) + 0.2 * blots)
    low = -np.array(page.shape[1::-1]) * TEXEL / 2
    if marker_mm:
        stick(page, np.array(MARKER_AT) - low, marker_mm)
    return np.clip(page, 0.02, 0.95).astype(np.float32), low


def stick(page: Array, middle: Array, side_mm: float) -> None:
    """A marker on a white label, its middle so far from the page's corner, mm."""
    from cv2 import aruco

    cells, n = 6, round(side_mm / TEXEL)
    drawn = aruco.getPredefinedDictionary(aruco.DICT_4X4_50).generateImageMarker(7, cells) > 0
    at, rim = (middle / TEXEL - n / 2).round().astype(int), n // cells
    page[at[1] - rim : at[1] + n + rim, at[0] - rim : at[0] + n + rim] = 0.9
    cell = np.minimum(np.arange(n) * cells // n, cells - 1)
    page[at[1] : at[1] + n, at[0] : at[0] + n] = np.where(drawn[::-1][cell][:, cell, None], 0.9, 0.04)


def wood(rng: Rng) -> Light:  # (h, w, 3) linear albedo, 2 mm a pixel
    """A table top with some grain."""
    n = int(TABLE)
    grain = gaussian_filter(rng.normal(size=(n, n)), (1, 18)) * 12 + gaussian_filter(rng.normal(size=(n, n)), 6) * 3
    return np.clip(np.array([0.30, 0.19, 0.11]) * (1 + 0.12 * grain[..., None]), 0.02, 0.9).astype(np.float32)


def room(rng: Rng) -> Light:  # (180, 360, 3) linear brightness by direction
    """Walls with things on them."""
    walls = (
        np.full((180, 360, 3), 0.25)
        + 0.1 * gaussian_filter(rng.normal(size=(180, 360, 3)), (8, 8, 0), mode="wrap") * 20
    )
    for _ in range(40):
        y, x, h, w = rng.integers((0, 0, 6, 6), (170, 350, 40, 50))
        walls[y : y + h, x : x + w] = rng.uniform(0.03, 0.7, 3)
    return np.clip(walls, 0.02, 0.9).astype(np.float32)
