"""Reader of BOP folders: onboarding sequences and classic training scenes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registration.data.bop_entries import Entry, read_entries
from registration.data.capture import Capture
from registration.data.crop import (
    Window,
    box_of,
    crop_size,
    cut_colour,
    cut_depth,
    cut_inside,
    cut_intrinsics,
    cut_mask,
    tidy_mask,
    window_around,
)
from registration.data.fit import misfits
from registration.data.images import BadFrame, Size, in_parallel, read_colour, read_depth, read_mask, size_of
from registration.data.params import CaptureParams
from registration.errors import UserError
from registration.geometry.rigid import Array

COLOUR, MASK, DEPTH = ("rgb", "gray"), ("mask_visib", "mask"), ("depth",)
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})


def image_folder(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of these folders that is there; the first name if none is."""
    return next((folder / name for name in names if (folder / name).is_dir()), folder / names[0])


def images_in(folder: Path) -> dict[tuple[int, ...], Path]:
    """Image files by the numbers they are named by: ``000012_000000.png`` is (12, 0)."""
    out: dict[tuple[int, ...], Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        parts = file.stem.split("_")
        if file.suffix.lower() in SUFFIXES and all(p.isascii() and p.isdigit() for p in parts):
            out.setdefault(tuple(map(int, parts)), file)
    return out


@dataclass(frozen=True, eq=False)
class Folder:
    """A capture's folder and the images in it."""

    path: Path
    colour: dict[tuple[int, ...], Path]
    masks: dict[tuple[int, ...], Path]
    depth: dict[tuple[int, ...], Path]

    @classmethod
    def of(cls, path: Path) -> Folder:
        """What is there; colour images and masks must be."""
        if not path.is_dir():
            mend = "a capture is a folder with rgb/, mask_visib/, scene_gt.json and scene_camera.json"
            raise UserError("no such folder", path, mend)
        found = [images_in(image_folder(path, names)) for names in (COLOUR, MASK, DEPTH)]
        if not found[0]:
            raise UserError("no colour images", image_folder(path, COLOUR), "expected rgb/000000.png or .jpg and on")
        if not found[1]:
            raise UserError("no masks", image_folder(path, MASK), "expected mask_visib/000000_000000.png and on")
        return cls(path, *found)

    def colour_of(self, entry: Entry) -> Path:
        """The colour image, or where it should be."""
        return self.colour.get((entry.id,), image_folder(self.path, COLOUR) / f"{entry.id:06d}.png")

    def mask_of(self, entry: Entry) -> Path:
        """The mask, or where it should be."""
        name = f"{entry.id:06d}_{entry.instance:06d}.png"
        return self.masks.get((entry.id, entry.instance), image_folder(self.path, MASK) / name)


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of which all but the colours has been looked at."""

    entry: Entry
    size: Size
    mask: NDArray[np.bool_]  # (h, w) packed into its box
    box: tuple[int, int, int, int]
    centre: Array  # (2,) of the mask, pixels
    diagonal: float  # of the mask's box, pixels

    @property
    def id(self) -> int:
        """The image's."""
        return self.entry.id

    def whole_mask(self) -> NDArray[np.bool_]:  # (h, w)
        """The mask in the whole image."""
        out = np.zeros(self.size[::-1], bool)
        out[self.box[1] : self.box[3], self.box[0] : self.box[2]] = self.mask
        return out

    @property
    def cut_off(self) -> bool:
        """Whether the mask touches the image's border."""
        x0, y0, x1, y1 = self.box
        return x0 == 0 or y0 == 0 or x1 == self.size[0] or y1 == self.size[1]


def look(folder: Folder, entry: Entry, most: int) -> Frame:
    """Size, at most so many pixels, and mask of one image; specks and pinholes of the mask are mended."""
    try:
        width, height = size = size_of(folder.colour_of(entry), most)
        cx, cy = entry.K[0, 2], entry.K[1, 2]
        if not (-width < cx < 2 * width and -height < cy < 2 * height):
            reason = f"the principal point ({cx:g}, {cy:g}) is far outside the {width} x {height} image"
            raise BadFrame(folder.path / "scene_camera.json", reason)
        mask = tidy_mask(read_mask(folder.mask_of(entry), size))
    except BadFrame as fault:
        raise fault.of(entry.id) from fault
    x0, y0, x1, y1 = box = box_of(mask)
    part = mask[y0:y1, x0:x1].copy()
    ys, xs = np.nonzero(part)
    centre = np.array([x0 + xs.mean(), y0 + ys.mean()])
    return Frame(entry, size, part, box, centre, float(np.hypot(x1 - x0, y1 - y0)))


def crop(folder: Folder, frame: Frame, window: Window) -> dict[str, NDArray]:
    """The window of one image: rgb, mask, inside, K, and depth if the folder has any."""
    file = folder.colour_of(frame.entry)
    try:
        rgb = read_colour(file, math.prod(frame.size))
        out = {
            "rgb": cut_colour(rgb, window),
            "mask": cut_mask(frame.whole_mask(), window),
            "inside": cut_inside(rgb.shape, window),
            "K": cut_intrinsics(frame.entry.K, window),
        }
        if folder.depth:
            out["depth"] = np.zeros(out["mask"].shape, np.float32)
            if (frame.id,) in folder.depth:
                depth = read_depth(folder.depth[(frame.id,)], frame.size, frame.entry.depth_scale)
                out["depth"] = cut_depth(depth, window)
    except BadFrame as fault:
        raise fault.of(frame.id) from fault
    return out


def spread(entries: list[Entry], most: int) -> list[Entry]:
    """At most so many entries, their directions as far apart as can be; in their old order."""
    if len(entries) <= most:
        return entries
    eye = np.array([-(e.R.T @ e.t) for e in entries])
    eye /= np.linalg.norm(eye, axis=1, keepdims=True) + 1e-12
    chosen, nearest = [0], eye @ eye[0]
    while len(chosen) < most:
        nearest[chosen[-1]] = np.inf
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, eye @ eye[chosen[-1]])
    return [entries[i] for i in sorted(chosen)]


def of_usual_size(frames: list[Frame], folder: Folder) -> tuple[list[Frame], list[BadFrame]]:
    """The images of the size that most have, and what is wrong with the others."""
    if not frames:
        return [], []
    sizes = [f.size for f in frames]
    usual = max(sizes, key=sizes.count)
    bad = [
        BadFrame(
            folder.colour_of(f.entry),
            f"the image is {f.size[0]} x {f.size[1]}, the others {usual[0]} x {usual[1]}",
            f.id,
        )
        for f in frames
        if f.size != usual
    ]
    return [f for f in frames if f.size == usual], bad


def order(fault: BadFrame) -> tuple[bool, int]:
    """By image; those that belong to none come last."""
    return fault.id is None, fault.id or 0


def refuse(folder: Path, usable: int, bad: list[BadFrame], params: CaptureParams) -> None:
    """Stop if too much of the capture is broken."""
    least = max(1, params.min_views)
    if len(bad) > params.skip_bad:
        first = min(bad, key=order)
        image = "" if first.id is None else f"image {first.id}: "
        more = f", and {len(bad) - 1} more bad images" if len(bad) > 1 else ""
        enough = usable >= least
        skip = f", or go on without: --skip-bad {len(bad)}" if enough else f"; {least} good images are needed"
        raise UserError(image + first.reason + more, first.file, f"mend {'them' if more else 'it'}{skip}")
    if usable < least:
        raise UserError(f"only {usable} usable images", folder, f"at least {least} are needed")


def split(results: list[Any]) -> tuple[list[Any], list[BadFrame]]:
    """What succeeded, and what did not."""
    return [r for r in results if not isinstance(r, BadFrame)], [r for r in results if isinstance(r, BadFrame)]


def read_scene(
    path: Path,
    name: str,
    objid: int | None,
    params: CaptureParams,
    keep: Callable[[Entry], bool] | None = None,
) -> Capture:
    """A folder with scene_gt.json and scene_camera.json; ``keep(entry)`` chooses the images of one half.

    Masks are mended a little, as ``tidy_mask`` says. Up to ``skip_bad`` broken images are skipped.
    """
    folder = Folder.of(path)
    entries, bad = read_entries(path, objid)
    entries = spread([e for e in entries if keep is None or keep(e)], params.max_views)
    frames, faults = split(in_parallel(lambda e: look(folder, e, params.max_pixels), entries))
    frames, odd = of_usual_size(frames, folder)
    bad += faults + odd
    if len(frames) < max(1, params.min_views):
        refuse(path, len(frames), bad, params)
    diagonals = np.array([f.diagonal for f in frames])
    wrong = misfits([f.entry for f in frames], np.stack([f.centre for f in frames]), diagonals, path)
    frames = [f for f in frames if f.id not in wrong]
    size = crop_size([f.box for f in frames])
    windows = [window_around(f.box, size, params.max_size) for f in frames]
    crops = in_parallel(lambda pair: crop(folder, *pair), zip(frames, windows, strict=True))
    bad += [*wrong.values(), *split(crops)[1]]
    good = [(f, c) for f, c in zip(frames, crops, strict=True) if not isinstance(c, BadFrame)]
    refuse(path, len(good), bad, params)
    return assemble(name, folder, good, sorted(bad, key=order))


def assemble(name: str, folder: Folder, good: list[tuple[Frame, dict[str, NDArray]]], bad: list[BadFrame]) -> Capture:
    """Crops of one size, stacked."""
    frames = [f for f, _ in good]
    entries = [f.entry for f in frames]
    parts = {key: np.stack([c[key] for _, c in good]) for key in good[0][1]}
    inside = parts.pop("inside")
    scales = {e.depth_scale for e in entries}
    ids = {e.objid for e in entries} - {None}
    notes = {
        "skipped": [{"id": b.id, "file": str(b.file.relative_to(folder.path)), "reason": b.reason} for b in bad],
        "cut_off": [f.id for f in frames if f.cut_off],
        "objid": ids.pop() if len(ids) == 1 else None,
        "depth_scale": scales.pop() if len(scales) == 1 else 1.0,
    }
    return Capture(
        name=name,
        ids=np.array([f.id for f in frames], np.int64),
        R=np.stack([e.R for e in entries]),
        t=np.stack([e.t for e in entries]),
        K_full=np.stack([e.K for e in entries]),
        size_full=frames[0].size,
        inside=None if inside.all() else inside,
        files=tuple(folder.colour_of(e).relative_to(folder.path).as_posix() for e in entries),
        notes=notes,
        **parts,
    )
