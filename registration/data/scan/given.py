"""Masks that the user brings: a folder of them, or transparency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registration.data.bop import SUFFIXES
from registration.data.images import BadFrame, read_mask, size_of
from registration.data.scan.frames import Photos, Pictures
from registration.data.scan.lens import Lens
from registration.errors import UserError


def given_masks(
    pictures: Pictures, numbers: list[int], lens: Lens, folder: Path | None
) -> tuple[list[NDArray[np.bool_]] | None, str]:
    """The user's own masks of these images, as large as their distorted images are worked with; None if there are none."""
    import cv2

    if folder is None:
        alphas = [pictures.alpha(n) for n in numbers] if isinstance(pictures, Photos) else [None]
        found = [a for a in alphas if a is not None]
        if len(found) < len(numbers):
            return None, ""
        by = "transparency"
    else:
        files = {f.stem: f for f in sorted(folder.iterdir()) if f.suffix.lower() in SUFFIXES} if folder.is_dir() else {}
        found, by = [mask_of(pictures, n, files, folder) for n in numbers], f"{folder.name}/"
    resize = lambda m: cv2.resize(m.astype(np.uint8), lens.size, interpolation=cv2.INTER_AREA) > 0  # noqa: E731
    return [resize(m) for m in found], by


def mask_of(pictures: Pictures, number: int, files: dict[str, Path], folder: Path) -> NDArray[np.bool_]:
    """The mask of one image: named as the photograph is, or by the frame's number."""
    stem = Path(pictures.name(number)).stem if isinstance(pictures, Photos) else ""
    file = files.get(stem) or next((f for s, f in files.items() if s.isdigit() and int(s) == number), None)
    if file is None:
        mend = f"name masks as their photographs, or by the number of the frame: {number:06d}.png"
        raise UserError(f"no mask for {pictures.name(number)}", folder, mend)
    try:
        return read_mask(file, size_of(file))
    except BadFrame as fault:
        raise UserError(fault.reason, fault.file, "mend it, or take it and its image away") from fault
