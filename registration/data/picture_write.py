"""A capture's images as files; every writer of captures uses these."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def grey(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """White where the mask is."""
    return mask.astype(np.uint8) * np.uint8(255)


def write_images(folder: Path, names: Iterable[str], pictures: NDArray) -> None:
    """One file per view, its format by its name; colours come as OpenCV has them, blue first."""
    import cv2

    folder.mkdir(parents=True)
    for name, picture in zip(names, pictures, strict=True):
        file = folder / name
        if not cv2.imwrite(str(file), picture):
            raise OSError(f"{file} could not be written")
