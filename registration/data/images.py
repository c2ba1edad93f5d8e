"""Images read defensively: every fault is named with its file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 100_000_000
"""Larger images are refused, if nobody says otherwise: decompression bombs are, and few cameras make them."""
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
"""What is read, whatever a file is called: others are larger doors, and one of them starts a program."""

In = TypeVar("In")
Out = TypeVar("Out")
Size = tuple[int, int]
"""Width and height."""


class BadFrame(Exception):
    """One frame cannot be used: which file, why and, once it is known, which image."""

    def __init__(self, file: Path, reason: str, id: int | None = None) -> None:
        super().__init__(f"{file}: {reason}")
        self.file, self.reason, self.id = file, reason, id

    def of(self, id: int) -> BadFrame:
        """The same fault, laid at the door of an image."""
        self.id = id
        return self


def in_parallel(work: Callable[[In], Out], items: Iterable[In]) -> list[Out | BadFrame]:
    """Four at a time, in order; a bad frame is an answer like any other."""

    def attempt(item: In) -> Out | BadFrame:
        try:
            return work(item)
        except BadFrame as fault:
            return fault

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(attempt, items))


def read_image(file: Path, most: float = MAX_PIXELS, size: Size | None = None) -> tuple[Size, NDArray]:
    """Size and pixels as stored: (h, w) or (h, w, channels), 8 or 16 bits; odd modes become RGB or grey.

    Nothing is decoded of an image with more than ``most`` pixels, or of another size than the one expected.
    """
    with opened(file, most) as image:
        if size is not None and image.size != size:
            return image.size, np.empty((0, 0), np.uint8)
        if image.mode == "1":
            image = image.convert("L")
        elif image.mode not in ("L", "LA", "RGB", "RGBA", "F") and not image.mode.startswith("I"):
            image = image.convert("RGB")
        return image.size, np.array(image)


@contextmanager
def opened(file: Path, most: float) -> Iterator[Any]:
    """An image of which only the header has been read; whatever goes wrong with it is named with its file."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # ``most`` has the say
    if not file.is_file():
        raise BadFrame(file, "the file is missing")
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > most:
                told = f"{image.width} x {image.height} pixels, more than the {most / 1e6:g} million that are read"
                raise BadFrame(file, f"{told}; --set capture.max_pixels=N allows more")
            yield image
    except BadFrame:
        raise
    except UnidentifiedImageError as error:
        raise BadFrame(file, f"it is not an image ({', '.join(FORMATS)})") from error
    except MemoryError:
        raise
    except Exception as error:  # on damaged data decoders raise whatever they come across
        raise BadFrame(file, f"it cannot be read as an image ({' '.join(str(error).split())})") from error


def size_of(file: Path, most: float = MAX_PIXELS) -> Size:
    """Width and height by the file's header."""
    with opened(file, most) as image:
        return image.size


def read_colour(file: Path, most: float = MAX_PIXELS) -> NDArray[np.uint8]:  # (h, w, 3)
    """Colour or grey image as 8-bit RGB; an alpha channel is dropped, 16 bits become 8."""
    pixels = read_image(file, most)[1]
    if pixels.dtype != np.uint8:
        if pixels.dtype.kind not in "iu":
            raise BadFrame(file, f"its pixels are {pixels.dtype}, expected 8 or 16 bits")
        pixels = (np.clip(pixels, 0, 65535) // 257).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return np.ascontiguousarray(pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, 2))


def read_alpha(file: Path, size: Size) -> NDArray[np.bool_]:  # (h, w)
    """Where the object is, by the alpha channel of its colour image."""
    pixels = read_image(file, math.inf, size)[1]
    if pixels.ndim != 3 or pixels.shape[2] not in (2, 4):
        raise BadFrame(file, "no mask: no file holds one, and the image has no alpha channel")
    return marked(pixels[..., -1], file)


def read_mask(file: Path, size: Size) -> NDArray[np.bool_]:  # (h, w)
    """Where the object is: not zero, or brighter than half where there are bright and dark greys.

    Boolean, grey, palette and colour masks will do. The size must be that of the colour image; an empty mask
    and one that covers the whole image are faults.
    """
    (width, height), pixels = read_image(file, math.inf, size)
    if (width, height) != size:
        raise BadFrame(file, f"the mask is {width} x {height}, its image {size[0]} x {size[1]}")
    if pixels.ndim == 3:
        pixels = pixels[..., :3].max(2) if pixels.shape[2] >= 3 else pixels[..., 0]
    return marked(pixels, file)


def marked(pixels: NDArray, file: Path) -> NDArray[np.bool_]:  # (h, w)
    """Pixels that are not zero, or brighter than half where there are bright and dark greys."""
    top = pixels.max()
    mask = pixels > (0 if top <= 127 else 127 if top <= 255 else top // 2)
    if not mask.any():
        raise BadFrame(file, "the mask is empty")
    if mask.all():
        raise BadFrame(file, "the mask covers the whole image")
    return mask


def read_depth(file: Path, size: Size, scale: float) -> NDArray[np.float32]:  # (h, w)
    """Depth in millimetres, 0 where unknown."""
    (width, height), pixels = read_image(file, math.inf, size)
    if (width, height) != size:
        raise BadFrame(file, f"the depth image is {width} x {height}, its colour image {size[0]} x {size[1]}")
    if pixels.ndim != 2:
        raise BadFrame(file, f"the depth image has {pixels.shape[2]} channels, expected one")
    depth = pixels.astype(np.float32) * np.float32(scale)
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))
