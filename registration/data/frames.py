"""From listed images to a capture: masks looked at, misfits left out, lengths made millimetres, crops of one size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    extent_of,
    tidy_mask,
    window_around,
)
from registration.data.fit import depths_of, middle_of, misfits, stacked
from registration.data.images import (
    BadFrame,
    Size,
    in_parallel,
    read_alpha,
    read_colour,
    read_depth,
    read_mask,
    size_of,
)
from registration.data.listing import Listed, Listing
from registration.data.params import CaptureParams
from registration.data.units import NOMINAL_MM, UNITS_MM, size_of_object
from registration.errors import UserError
from registration.geometry.rigid import Array
from registration.geometry.rotation import farthest

FARTHEST, TIGHTEST = 1e9, 1e-3
"""A camera as many units away was not measured; a focal length of so small a share of the image's width, or a thousand times as large as it, neither."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of which all but the colours has been looked at."""

    entry: Listed
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

    def scaled(self, factor: float) -> Frame:
        """The same image with its lengths counted in another unit."""
        entry = replace(self.entry, t=factor * self.entry.t, depth_scale=factor * self.entry.depth_scale)
        return replace(self, entry=entry)


Cropped = tuple[Frame, dict[str, NDArray]]


def look(listing: Listing, entry: Listed, most: int) -> Frame:
    """Size, at most so many pixels, and mask of one image, made straight; specks and pinholes of the mask are mended."""
    try:
        width, height = size = size_of(entry.colour, most)
        if entry.size and entry.size != size:
            reason = f"the image is {width} x {height}, {listing.lenses.name} says {entry.size[0]} x {entry.size[1]}"
            raise BadFrame(entry.colour, reason)
        cx, cy = entry.K[0, 2], entry.K[1, 2]
        if not (-width < cx < 2 * width and -height < cy < 2 * height):
            reason = f"the principal point ({cx:g}, {cy:g}) is far outside the {width} x {height} image"
            raise BadFrame(listing.lenses, reason)
        if not TIGHTEST * width < entry.K[0, 0] < width / TIGHTEST:
            raise BadFrame(listing.lenses, f"a focal length of {entry.K[0, 0]:.3g} pixels for {width} x {height} of them")
        if not np.abs(entry.t).max() < FARTHEST:
            raise BadFrame(listing.poses, f"the camera stands {np.abs(entry.t).max():.3g} units away")
        mask = read_alpha(entry.colour, size) if entry.mask is None else read_mask(entry.mask, size)
        if entry.lens:
            mask = entry.lens.straight(mask.astype(np.float32), entry.K) > 0.5
            if not mask.any():
                raise BadFrame(listing.lenses, "once the image is straight nothing of the mask is left in it")
        mask = tidy_mask(mask)
    except BadFrame as fault:
        raise fault.of(entry.id) from fault
    x0, y0, x1, y1 = box = box_of(mask)
    part = mask[y0:y1, x0:x1].copy()
    ys, xs = np.nonzero(part)
    centre = np.array([x0 + xs.mean(), y0 + ys.mean()])
    return Frame(entry, size, part, box, centre, float(np.hypot(x1 - x0, y1 - y0)))


def crop(frame: Frame, window: Window, with_depth: bool) -> dict[str, NDArray]:
    """The window of one image: rgb, mask, inside, K, and depth if the capture has any."""
    entry, lens = frame.entry, frame.entry.lens
    try:
        rgb = read_colour(entry.colour, math.prod(frame.size))
        seen = np.ones(rgb.shape[:2], np.float32)
        if lens:
            rgb, seen = lens.straight(rgb, entry.K), lens.straight(seen, entry.K)
        out = {
            "rgb": cut_colour(rgb, window),
            "mask": cut_mask(frame.whole_mask(), window),
            "inside": cut_inside(seen > 0.999, window),
            "K": cut_intrinsics(entry.K, window),
        }
        if with_depth:
            out["depth"] = np.zeros(out["mask"].shape, np.float32)
            if entry.depth:
                depth = read_depth(entry.depth, frame.size, entry.depth_scale)
                out["depth"] = cut_depth(lens.straight(depth, entry.K, flat=True) if lens else depth, window)
    except BadFrame as fault:
        raise fault.of(frame.id) from fault
    return out


def spread(entries: list[Listed], most: int) -> list[Listed]:
    """At most so many images, their directions from what they all look at as far apart as can be; in their old order."""
    if len(entries) <= most:
        return entries
    K, R, t = stacked(entries)
    eye = -np.einsum("nji,nj->ni", R, t) - middle_of(K, R, t, K[:, :2, 2])
    eye /= np.linalg.norm(eye, axis=1, keepdims=True) + 1e-12
    return [entries[i] for i in farthest(eye, most)]


def of_usual_size(frames: list[Frame]) -> tuple[list[Frame], list[BadFrame]]:
    """The images of the size that most have, and what is wrong with the others."""
    if not frames:
        return [], []
    sizes = [f.size for f in frames]
    usual = max(sizes, key=sizes.count)
    bad = [
        BadFrame(f.entry.colour, f"the image is {f.size[0]} x {f.size[1]}, the others {usual[0]} x {usual[1]}", f.id)
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


def look_at_all(listing: Listing, entries: list[Listed], most: int) -> tuple[list[Frame], list[BadFrame]]:
    """Every image with its mask, all of one size, and what is wrong with the others."""
    frames, faults = split(in_parallel(lambda e: look(listing, e, most), entries))
    frames, odd = of_usual_size(frames)
    return frames, faults + odd


def unit_of(listing: Listing, params: CaptureParams) -> str:
    """What lengths are counted in: as the user says, else as the format does."""
    return listing.unit if params.unit == "auto" else params.unit


def in_mm(listing: Listing, frames: list[Frame], params: CaptureParams) -> tuple[list[Frame], float]:
    """All lengths in millimetres, and how many are in a unit of the files; where nobody knows, the object is given its size."""
    unit = unit_of(listing, params)
    unit_mm = UNITS_MM[unit] if unit != "none" else (params.diameter_mm or NOMINAL_MM) / measured(frames)[0]
    return [f.scaled(unit_mm) for f in frames], unit_mm


def measured(frames: list[Frame]) -> tuple[float, float]:
    """How large the object is by its masks, and how far from the cameras, in the unit of the poses."""
    depths = depths_of([f.entry for f in frames], np.stack([f.centre for f in frames]))
    focals = np.array([f.entry.K[0, 0] for f in frames])
    trusted = depths > 0
    if not trusted.any():
        return 1.0, 1.0  # nothing fits: the poses are refused for that
    extents = np.array([extent_of(f.mask) for f in frames])
    size = size_of_object(extents[trusted], depths[trusted], focals[trusted])
    return max(size, 1e-12), float(np.median(depths[trusted]))


def read_listing(listing: Listing, name: str, params: CaptureParams) -> Capture:
    """The capture.

    Masks are mended a little, as ``tidy_mask`` says. Up to ``skip_bad`` broken images are skipped.
    """
    frames, bad = look_at_all(listing, spread(listing.images, params.max_views), params.max_pixels)
    bad = listing.bad + bad
    if len(frames) < max(1, params.min_views):
        refuse(listing.folder, len(frames), bad, params)
    frames, unit_mm = in_mm(listing, frames, params)
    diagonals = np.array([f.diagonal for f in frames])
    wrong = misfits([f.entry for f in frames], np.stack([f.centre for f in frames]), diagonals, listing)
    good, faults = cropped(listing, [f for f in frames if f.id not in wrong], params)
    bad += [*wrong.values(), *faults]
    refuse(listing.folder, len(good), bad, params)
    return assemble(listing, name, good, sorted(bad, key=order), unit_mm, params)


def read_leniently(listing: Listing, name: str, params: CaptureParams) -> tuple[Capture | None, list[BadFrame]]:
    """All images that can be looked at, whether they belong together or not, and what is wrong with the others."""
    frames, bad = look_at_all(listing, spread(listing.images, params.max_views), params.max_pixels)
    bad = listing.bad + bad
    if not frames:
        return None, bad
    frames, unit_mm = in_mm(listing, frames, params)
    good, faults = cropped(listing, frames, params)
    bad = sorted(bad + faults, key=order)
    return (assemble(listing, name, good, bad, unit_mm, params) if good else None), bad


def cropped(listing: Listing, frames: list[Frame], params: CaptureParams) -> tuple[list[Cropped], list[BadFrame]]:
    """Each image with its crop, all of one size, and what is wrong with the others."""
    size = crop_size([f.box for f in frames])
    windows = [window_around(f.box, size, params.max_size) for f in frames]
    with_depth = any(e.depth for e in listing.images)
    crops = in_parallel(lambda pair: crop(*pair, with_depth), zip(frames, windows, strict=True))
    good = [(f, c) for f, c in zip(frames, crops, strict=True) if not isinstance(c, BadFrame)]
    return good, split(crops)[1]


def notes_of(listing: Listing, frames: list[Frame], bad: list[BadFrame]) -> dict[str, Any]:
    """What the reader has to say."""
    size, distance = measured(frames)
    scales = {f.entry.depth_scale for f in frames}
    ids = {f.entry.objid for f in frames} - {None}
    return {
        "skipped": [{"id": b.id, "file": str(b.file.relative_to(listing.folder)), "reason": b.reason} for b in bad],
        "cut_off": [f.id for f in frames if f.cut_off],
        "objid": ids.pop() if len(ids) == 1 else None,
        "depth_scale": scales.pop() if len(scales) == 1 else 1.0,
        "size_mm": round(size, 3),
        "distance_mm": round(distance, 3),
        **({"pixel_centre": "whole"} if listing.centred else {}),
        **({"undistorted": True} if any(f.entry.lens for f in frames) else {}),
    }


def assemble(
    listing: Listing, name: str, good: list[Cropped], bad: list[BadFrame], unit_mm: float, params: CaptureParams
) -> Capture:
    """Crops of one size, stacked."""
    frames = [f for f, _ in good]
    entries = [f.entry for f in frames]
    parts = {key: np.stack([c[key] for _, c in good]) for key in good[0][1]}
    return Capture(
        name=name,
        ids=np.array([f.id for f in frames], np.int64),
        rgb=parts["rgb"],
        mask=parts["mask"],
        K=parts["K"],
        depth=parts.get("depth"),
        R=np.stack([e.R for e in entries]),
        t=np.stack([e.t for e in entries]),
        K_full=np.stack([e.K for e in entries]),
        size_full=frames[0].size,
        inside=None if parts["inside"].all() else parts["inside"],
        files=tuple(e.colour.relative_to(listing.folder).as_posix() for e in entries),
        metric=unit_of(listing, params) != "none",
        unit_mm=unit_mm,
        notes=notes_of(listing, frames, bad),
    )
