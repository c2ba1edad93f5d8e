"""What a capture's files say of its images, before any image is looked at; every reader gives one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from registration.data.images import BadFrame, Size
from registration.data.lens import Lens
from registration.geometry.rigid import Array

LONGEST_NAME, LONGEST_WAY = 240, 2_000
"""Bytes of a file's name, with room for an ending, and letters of all folders with it."""
STRETCH = 0.01
"""How far a rotation's singular values may be from one: rounding passes, a scale does not."""


@dataclass(frozen=True, eq=False)
class Listed:
    """One image as the files list it."""

    id: int
    K: Array  # (3, 3), pixel centres at whole numbers if the format says where they lie
    R: Array  # (3, 3) x_cam = R x_capture + t
    t: Array  # (3,) in the files' unit
    colour: Path
    mask: Path | None
    """None: the colour image's alpha channel."""
    depth: Path | None = None
    depth_scale: float = 1.0
    """The files' units in one step of the depth image."""
    lens: Lens | None = None
    """How the image is bent; None: not at all."""
    size: Size | None = None
    """As the files say; None: they do not."""
    objid: int | None = None


@dataclass(frozen=True, eq=False)
class Listing:
    """All images of a capture's folder, and what is wrong with the others."""

    folder: Path
    images: list[Listed]
    bad: list[BadFrame]
    lenses: Path
    """The file of the intrinsics, for messages."""
    poses: Path
    """The file of the poses."""
    meant: str
    """How this format means its poses, for messages."""
    unit: Literal["mm", "m", "none"] = "mm"
    """What the format, or the file itself, says lengths are counted in."""
    centred: bool = False
    """Whether the format says where pixel centres lie, so that the intrinsics are right as they are."""

    def files(self) -> list[Path]:
        """Every file the capture is read from, in a fixed order."""
        named = {self.lenses, self.poses}
        for image in self.images:
            named |= {file for file in (image.colour, image.mask, image.depth) if file}
        return sorted(f for f in named if f.is_file())


def within(folder: Path, name: str, blame: Path) -> Path:
    """A file that is named relative to the folder, and must not lie elsewhere."""
    way = os.path.relpath(os.path.normpath(folder / name), os.path.normpath(folder))
    if "\0" in name or way.split(os.sep)[0] in (os.pardir, os.curdir):
        raise BadFrame(blame, f"it names {name!r}, which is not inside the capture's folder")
    if len(way) > LONGEST_WAY or max(len(part.encode("utf-8", "replace")) for part in way.split(os.sep)) > LONGEST_NAME:
        raise BadFrame(blame, f"it names {name[:40]!r}..., longer than any file's name")
    return folder / way


def mask_beside(folder: Path, name: str) -> Path | None:
    """The mask of an image by its name: ``masks/a.png`` or ``masks/a.jpg.png`` for ``images/a.jpg``."""
    for place in ("masks", "mask"):
        for file in (folder / place / f"{name}.png", (folder / place / name).with_suffix(".png"), folder / place / name):
            if file.is_file():
                return file
    return None


def ids_by_name(names: list[str]) -> list[int]:
    """The last number in each file's name if these tell the images apart, else their places."""
    digits = ["".join(c if c.isascii() and c.isdigit() else " " for c in Path(n).stem).split() for n in names]
    if all(digits):
        found = [int(d[-1][-18:]) for d in digits]
        if len(set(found)) == len(found):
            return found
    return list(range(len(names)))


def nearest_rotation(R: Array, name: str, blame: Path) -> Array:  # (3, 3)
    """The nearest rotation, if what is written is one but for rounding."""
    u, stretch, vt = np.linalg.svd(R)
    if stretch[2] < 1e-3 * max(stretch[0], 1e-9):
        raise BadFrame(blame, f"{name} is singular")
    if np.linalg.det(R) < 0:
        raise BadFrame(blame, f"{name} is a mirror, not a rotation: its determinant is negative")
    if np.abs(stretch - 1).max() > STRETCH:
        raise BadFrame(blame, f"{name} is not a rotation: it scales by {stretch[2]:.3g} to {stretch[0]:.3g}")
    return u @ vt
