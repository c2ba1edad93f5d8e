"""From a film or a folder of photographs to a capture, step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registration.data.crop import extent_of
from registration.data.scan import segmenters
from registration.data.scan.board import Board
from registration.data.scan.calibrate import LEAST_IMAGES, Calibration
from registration.data.scan.floor import Floor, transformed
from registration.data.scan.frames import Photos, Pictures
from registration.data.scan.given import given_masks
from registration.data.scan.lens import Lens, fitted
from registration.data.scan.masks import Cut, Masks, NoObject, Views, agreeing, cut_out
from registration.data.scan.motion import Motion
from registration.data.scan.placed import Placed, ScanParams, place_cameras
from registration.data.units import NOMINAL_MM, size_of_object
from registration.errors import UserError
from registration.geometry.rigid import Array, Rigid
from registration.progress import Tick, silent

UNFIT = 0.12
"""A mask whose overlap with the common outline is less than the median by so much is left out."""
DISCORD = 0.8
"""Masks that agree by less are refused altogether."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A capture, with all that a check of it needs."""

    numbers: list[int]  # (n,) of the images, ascending: BOP's image ids
    names: list[str]
    views: Views  # (n,) undistorted
    masks: Masks
    agreement: NDArray[np.float64]  # (n,)
    masks_by: str
    cameras: Placed
    dropped: dict[str, str]
    """Name of an image -> why it takes no part; those that were merely not needed are not named."""


def scan(
    pictures: Pictures, board: Board, lens: Lens | None = None, masks: Path | None = None, segmenter: str | None = None,
    params: ScanParams | None = None, tick: Tick = silent,
) -> Scan:  # fmt: skip
    """The capture of all that was pictured."""
    p = params or ScanParams()
    by_others = segmenters.load(segmenter) if segmenter else None  # a wrong name costs no time
    placed = place_cameras(pictures, board, lens, masks, p, lambda done, total: tick(60 * done // max(total, 1), 100))
    tick(70, 100)
    calibration = placed.calibration
    numbers, views, small = undistorted(pictures, calibration, p.size)
    cut, by = masked(pictures, numbers, views, small, placed.floor, masks, by_others, segmenter)
    tick(99, 100)
    refuse_discord(cut, by, pictures.place)
    unfit = misfits(cut)
    unread = pictures.unread if isinstance(pictures, Photos) else {}
    faults = unread | placed.bad | calibration.dropped | {numbers[k]: why for k, why in unfit.items()}
    dropped = {pictures.name(n): why for n, why in sorted(faults.items())}
    kept = [k for k in range(len(numbers)) if k not in unfit]
    if len(kept) < LEAST_IMAGES:
        first = next(iter(unfit.values()))
        raise UserError(f"only {len(kept)} usable masks", pictures.place, f"most often: {first}; give masks by --masks")
    views = Views(views.images[kept], views.K, [views.poses[k] for k in kept])
    numbers = [numbers[k] for k in kept]
    names = [pictures.name(n) for n in numbers]
    tick(100, 100)
    found = Scan(numbers, names, views, cut.masks[kept], cut.agreement[kept], by, placed, dropped)
    return found if placed.metric else resized(found, (p.diameter_mm or NOMINAL_MM) / size_of(found, (cut.low + cut.high) / 2))


def size_of(found: Scan, middle: Array) -> float:
    """How large the object about a point is by its masks, in the scan's unit."""
    depths = np.array([T.apply(middle)[2] for T in found.views.poses])
    return size_of_object(np.array([extent_of(m) for m in found.masks]), depths, np.full(len(depths), found.views.K[0, 0]))


def resized(found: Scan, factor: float) -> Scan:
    """All lengths of a scan by COLMAP times a factor."""
    placed, floor = found.cameras, found.cameras.floor
    motion = transformed(Motion(placed.calibration, placed.places), Rigid.identity(), factor)
    if isinstance(floor, Floor):
        floor = Floor(factor * floor.size_mm, factor * floor.places)
    views = replace(found.views, poses=[T.scaled(factor) for T in found.views.poses])
    return replace(found, views=views, cameras=replace(placed, calibration=motion.calibration, places=motion.points, floor=floor))


def undistorted(pictures: Pictures, calibration: Calibration, most: int) -> tuple[list[int], Views, Lens]:
    """The chosen images as a pinhole would show them, and the lens they had at that size."""
    import cv2

    lens = calibration.lens.resized(fitted(calibration.lens.size, most))
    K, images = lens.flat(), {}
    for n, image in pictures.read(set(calibration.poses)):
        images[n] = lens.undistorted(cv2.resize(image, lens.size, interpolation=cv2.INTER_AREA), K)
    numbers = sorted(images)
    return numbers, Views(np.stack([images[n] for n in numbers]), K, [calibration.poses[n] for n in numbers]), lens


def masked(
    pictures: Pictures, numbers: list[int], views: Views, lens: Lens, floor: Board | Floor | None, folder: Path | None,
    segmenter: segmenters.Segmenter | None, name: str | None,
) -> tuple[Cut, str]:  # fmt: skip
    """Masks by what is at hand: a folder, transparency, or the ground; and by whom."""
    given, by = given_masks(pictures, numbers, lens, folder)
    if given is not None:
        masks = np.stack([lens.undistorted(m.astype(np.float32), views.K) > 0.5 for m in given])
        return agreeing(views, masks, floor), by
    if floor is None:
        mend = "a flat textured table under the object is one; or give masks by --masks"
        raise UserError("no plane that the object stands on", pictures.place, mend)
    ground = "board" if isinstance(floor, Board) else "table"
    try:
        cut = cut_out(views, floor)
    except NoObject as error:
        mend = f"it must rest in the middle of the {ground} and differ from it; or give masks by --masks"
        raise UserError(f"no object found on the {ground}", pictures.place, mend) from error
    if segmenter is None or name is None:
        return cut, f"the {ground}"
    pairs = zip(views.images, cut.masks, strict=True)
    return agreeing(views, np.stack([segmenters.asked(segmenter, i, m, name) for i, m in pairs]), floor), name


def refuse_discord(cut: Cut, by: str, place: Path) -> None:
    """Masks that have little in common show something else than one object at rest."""
    usual = float(np.median(cut.agreement))
    if usual < DISCORD:
        mend = "the object must rest in the middle, not move, and differ from what it lies on; or give masks by --masks"
        raise UserError(f"the masks by {by} overlap what they have in common by {usual:.2f} only", place, mend)


def misfits(cut: Cut) -> dict[int, str]:
    """Images whose mask is cut off, or disagrees with what the others have in common."""
    out, usual = {}, float(np.median(cut.agreement))
    for k, mask in enumerate(cut.masks):
        rim = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        if rim or not mask.any():
            out[k] = "the object is cut off by the image's border" if rim else "the object is not in it"
        elif cut.agreement[k] < usual - UNFIT:
            out[k] = (
                f"its mask overlaps the others' common outline by {cut.agreement[k]:.2f} only, usual is {usual:.2f}"
            )
    return out
