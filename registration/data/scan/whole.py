"""From a film or a folder of photographs to a capture, step by step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registration.data.bop import SUFFIXES
from registration.data.images import BadFrame, read_mask, size_of
from registration.data.scan import segmenters
from registration.data.scan.board import Board
from registration.data.scan.calibrate import LEAST_IMAGES, Calibration, calibrate, guess
from registration.data.scan.detect import Finder
from registration.data.scan.frames import Image, Look, Photos, Pictures, choose, fit, look_through
from registration.data.scan.lens import Lens, fitted
from registration.data.scan.masks import Cut, Masks, NoObject, Views, agreeing, cut_out
from registration.errors import UserError
from registration.progress import Tick, silent

UNFIT = 0.12
"""A mask whose overlap with the common outline is less than the median by so much is left out."""
DISCORD = 0.8
"""Masks that agree by less are refused altogether."""
NARROW_DEG = 25.0
"""Directions that all lie within so small an angle show one side only."""


@dataclass(frozen=True)
class ScanParams:
    """How a capture is made."""

    frames: int = 60
    """Images that are taken."""
    size: int = 960
    """Longest side of the images that are written, pixels."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A capture, with all that a check of it needs."""

    numbers: list[int]  # (n,) of the images, ascending: BOP's image ids
    names: list[str]
    views: Views  # (n,) undistorted
    masks: Masks
    agreement: NDArray[np.float64]  # (n,)
    masks_by: str
    calibration: Calibration
    board: Board
    read: int
    dropped: dict[str, str]
    """Name of an image -> why it takes no part; those that were merely not needed are not named."""
    spare: int
    """Good images that were not needed."""


def scan(
    pictures: Pictures, board: Board, lens: Lens | None = None, masks: Path | None = None, segmenter: str | None = None,
    params: ScanParams | None = None, tick: Tick = silent,
) -> Scan:  # fmt: skip
    """The capture of all that was pictured."""
    p = params or ScanParams()
    by_others = segmenters.load(segmenter) if segmenter else None  # a wrong name costs no time
    finder = Finder(board)
    looks, read, last = look_through(
        pictures, finder, p.frames, lambda done, total: tick(60 * done // max(total, 1), 100)
    )
    good, bad = fit(looks)
    refuse(pictures, looks, bad, good, finder, last)
    size = next(iter(good.values())).size
    start = fitting(lens, size) if lens else guess(size, pictures.focal() if isinstance(pictures, Photos) else None)
    chosen = choose(good, board, start, p.frames)
    calibration = calibrate({n: good[n].sighting for n in chosen}, board, start, lens is not None)
    tick(70, 100)
    refuse_one_side(calibration, pictures.place)
    numbers, views, small = undistorted(pictures, calibration, p.size)
    cut, by = masked(pictures, numbers, views, small, board, masks, by_others, segmenter)
    tick(99, 100)
    refuse_discord(cut, by, pictures.place)
    unfit = misfits(cut)
    unread = pictures.unread if isinstance(pictures, Photos) else {}
    faults = unread | bad | calibration.dropped | {numbers[k]: why for k, why in unfit.items()}
    dropped = {pictures.name(n): why for n, why in sorted(faults.items())}
    kept = [k for k in range(len(numbers)) if k not in unfit]
    if len(kept) < LEAST_IMAGES:
        first = next(iter(unfit.values()))
        raise UserError(f"only {len(kept)} usable masks", pictures.place, f"most often: {first}; give masks by --masks")
    views = Views(views.images[kept], views.K, [views.poses[k] for k in kept])
    numbers = [numbers[k] for k in kept]
    names = [pictures.name(n) for n in numbers]
    tick(100, 100)
    return Scan(numbers, names, views, cut.masks[kept], cut.agreement[kept], by, calibration, board, read, dropped,
                len(good) - len(chosen))  # fmt: skip


def refuse(
    pictures: Pictures, looks: dict[int, Look], bad: dict[int, str], good: dict[int, Look], finder: Finder, last: Image
) -> None:
    """Too few images that show the board: say what was seen instead."""
    import cv2

    if len(good) >= LEAST_IMAGES:
        return
    markers = max(look.sighting.markers for look in looks.values())
    if not markers:
        other = finder.other_boards(np.asarray(cv2.cvtColor(last, cv2.COLOR_RGB2GRAY), np.uint8))
        seen = (
            f"markers of {other} are there, this board has {finder.board.dictionary}" if other else "no markers at all"
        )
        mend = f"{seen}; print it with: regpipe capture board --to board.pdf, and keep it in view"
        raise UserError(f"no board in {len(looks)} images", pictures.place, mend)
    kinds = Counter(why.split(":")[0] for why in bad.values())
    told = ", ".join(f"{why} {count}" for why, count in kinds.most_common())
    what = f"only {len(good)} of {len(looks)} images show enough of the board"
    raise UserError(
        what, pictures.place, f"{told}; at most {markers} markers were read at once; {LEAST_IMAGES} images are needed"
    )


def fitting(lens: Lens, size: tuple[int, int]) -> Lens:
    """The given lens for images of this size."""
    if abs(lens.size[0] * size[1] - lens.size[1] * size[0]) > 0.01 * lens.size[0] * size[1]:
        what = f"a lens for {lens.size[0]} x {lens.size[1]} images, these are {size[0]} x {size[1]}"
        raise UserError(what, "--intrinsics", "give one of the same shape, or none: the board calibrates")
    return lens.resized(size)


def refuse_one_side(calibration: Calibration, place: Path) -> None:
    """A camera that never moved shows one side."""
    eyes = np.array([T.inverse().t for T in calibration.poses.values()])
    directions = eyes / np.linalg.norm(eyes, axis=1, keepdims=True)
    apart = float(np.degrees(np.arccos(np.clip((directions @ directions.T).min(), -1, 1))))
    if apart < NARROW_DEG:
        raise UserError(f"all images look from within {apart:.0f} degrees", place, "go all around the object")


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
    pictures: Pictures, numbers: list[int], views: Views, lens: Lens, board: Board, folder: Path | None,
    segmenter: segmenters.Segmenter | None, name: str | None,
) -> tuple[Cut, str]:  # fmt: skip
    """Masks by what is at hand: a folder, transparency, or the board; and by whom."""
    given, by = given_masks(pictures, numbers, lens, folder)
    if given is not None:
        masks = np.stack([lens.undistorted(m.astype(np.float32), views.K) > 0.5 for m in given])
        return agreeing(views, masks, board), by
    try:
        cut = cut_out(views, board)
    except NoObject as error:
        mend = "it must rest in the middle of the board and differ from it; or give masks by --masks"
        raise UserError("no object found on the board", pictures.place, mend) from error
    if segmenter is None or name is None:
        return cut, "the board"
    pairs = zip(views.images, cut.masks, strict=True)
    return agreeing(views, np.stack([segmenters.asked(segmenter, i, m, name) for i, m in pairs]), board), name


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


def refuse_discord(cut: Cut, by: str, place: Path) -> None:
    """Masks that have little in common show something else than one object at rest."""
    usual = float(np.median(cut.agreement))
    if usual < DISCORD:
        mend = "the object must rest in the middle of the board, not move, and differ from the board; or give masks by --masks"
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
