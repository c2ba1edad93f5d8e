"""Images read defensively: every fault is named with its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 100_000_000
"""Larger images are refused: no camera of our users makes them, and decompression bombs do."""


class BadFrame(Exception):
    """One frame cannot be used: which file, why."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file, self.reason = file, reason


def read_image(file: Path) -> NDArray:
    """Pixels as stored: (h, w) or (h, w, channels), 8 or 16 bits; palettes are resolved."""
    from PIL import Image, UnidentifiedImageError

    if not file.is_file():
        raise BadFrame(file, "the file is missing")
    try:
        with Image.open(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadFrame(file, f"{image.width} x {image.height} pixels are more than {MAX_PIXELS // 10**6} million")
            if image.mode in ("P", "1"):
                image = image.convert("RGB" if image.mode == "P" else "L")
            return np.array(image)
    except UnidentifiedImageError as error:
        raise BadFrame(file, "it is not an image") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadFrame(file, f"it cannot be read ({error})") from error


def read_colour(file: Path) -> NDArray[np.uint8]:  # (h, w, 3)
    """Colour or grey image as 8-bit RGB; an alpha channel is dropped."""
    pixels = read_image(file)
    if pixels.dtype != np.uint8:
        pixels = (pixels.astype(np.float64) / (65535 if pixels.max() > 255 else 255) * 255).astype(np.uint8)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, 2)
    return np.ascontiguousarray(pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, 2))


def read_mask(file: Path, size: tuple[int, int]) -> NDArray[np.bool_]:  # (h, w)
    """Mask of the object, where the image is brighter than half; its size must be the colour image's."""
    pixels = read_image(file)
    if pixels.ndim == 3:
        pixels = pixels[..., :3].max(2)
    if pixels.shape != size:
        raise BadFrame(file, f"the mask is {pixels.shape[1]} x {pixels.shape[0]}, its image {size[1]} x {size[0]}")
    top = pixels.max()
    mask = pixels > (127 if top > 127 else 0)
    if not mask.any():
        raise BadFrame(file, "the mask is empty")
    if mask.all():
        raise BadFrame(file, "the mask covers the whole image")
    return mask


def read_depth(file: Path, size: tuple[int, int], scale: float) -> NDArray[np.float32]:  # (h, w)
    """Depth in millimetres, 0 where unknown."""
    pixels = read_image(file)
    if pixels.shape != size:
        raise BadFrame(file, f"the depth image has shape {pixels.shape}, its colour image {size}")
    return (pixels.astype(np.float32) * np.float32(scale)).astype(np.float32)
