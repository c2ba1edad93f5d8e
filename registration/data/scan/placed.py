"""Where the images were taken from, and through what lens: by the board or, without one, by COLMAP."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from registration.data.scan import motion
from registration.data.scan.board import Board
from registration.data.scan.calibrate import LEAST_IMAGES, Calibration, calibrate, guess
from registration.data.scan.detect import Finder
from registration.data.scan.floor import Floor, settled, transformed
from registration.data.scan.frames import Image, Look, Photos, Pictures, choose, fit, look_through, spaced
from registration.data.scan.given import given_masks
from registration.data.scan.lens import Lens
from registration.data.scan.marker import unit_mm
from registration.errors import UserError
from registration.geometry.rigid import Array, Rigid
from registration.progress import Tick, silent

NARROW_DEG = 25.0
"""Directions that all lie within so small an angle show one side only."""
WITHOUT = "pip install 'regpipe[colmap]' and --cameras colmap"


@dataclass(frozen=True)
class ScanParams:
    """How a capture is made."""

    frames: int = 60
    """Images that are taken."""
    size: int = 960
    """Longest side of the images that are written, pixels."""
    cameras: Literal["auto", "board", "colmap"] = "auto"
    """What they are found by; auto: the board if enough images show it, else COLMAP where it is installed."""
    turntable: bool = False
    """COLMAP: the camera stood and the object turned, so that only what masks cover counts."""
    marker_mm: float = 0.0
    """COLMAP: side of a marker that lies in the scene; 0: there is none."""
    diameter_mm: float = 0.0
    """COLMAP without a marker: about how large the object is; 0: nobody knows."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Cameras in a frame that lies on the ground, if there is one."""

    by: Literal["board", "colmap"]
    calibration: Calibration
    places: Array  # (m, 3) of the corners or points that it counts
    floor: Board | Floor | None
    """What the object stands on; None: nothing that is known."""
    metric: bool
    read: int
    bad: dict[int, str]
    """Images that cannot take part -> why."""
    spare: int
    """Good images that were not needed."""


def place_cameras(
    pictures: Pictures, board: Board, lens: Lens | None, masks: Path | None, params: ScanParams, tick: Tick = silent
) -> Placed:
    """The cameras of the images that are taken."""
    finder = Finder(board) if params.cameras != "colmap" else None
    looks, read, last = look_through(pictures, finder, params.frames, tick)
    good, bad = fit(looks, finder is not None)
    if finder and (len(good) >= LEAST_IMAGES or params.cameras == "board" or not motion.available()):
        refuse(pictures, looks, bad, good, finder, last)
        size = next(iter(good.values())).size
        start = start_lens(pictures, lens, size)
        chosen = choose(good, board, start, params.frames)
        calibration = calibrate({n: good[n].sighting for n in chosen}, board, start, lens is not None)
        refuse_one_side(calibration.poses, np.zeros(3), pictures.place)
        return Placed("board", calibration, board.corners(), board, True, read, bad, len(good) - len(chosen))
    good, bad = fit(looks, False)
    return by_colmap(pictures, good, bad, read, lens, masks, params)


def by_colmap(
    pictures: Pictures, good: dict[int, Look], bad: dict[int, str], read: int, lens: Lens | None, masks: Path | None,
    params: ScanParams,
) -> Placed:  # fmt: skip
    """Without a board: what the images themselves show."""
    chosen = spaced(good, params.frames)
    images = dict(pictures.read(set(chosen)))
    start = start_lens(pictures, lens, good[chosen[0]].size)
    only = None
    if params.turntable:
        only = given_masks(pictures, chosen, start, masks)[0]
        if only is None:
            raise UserError("no masks", "--turntable", "the camera stood: give masks of the object by --masks, or use the board")
        only = dict(zip(chosen, only, strict=True))
    found = motion.reconstruct(images, pictures.place, start, lens is not None, only)
    if params.marker_mm:
        found = transformed(found, Rigid.identity(), unit_mm(images, found.calibration, params.marker_mm, pictures.place))
    found, floor, aim = settled(found, not params.turntable, bool(params.marker_mm))
    refuse_one_side(found.calibration.poses, aim, pictures.place)
    metric, spare = bool(params.marker_mm), len(good) - len(chosen)
    return Placed("colmap", found.calibration, found.points, floor, metric, read, bad, spare)


def start_lens(pictures: Pictures, lens: Lens | None, size: tuple[int, int]) -> Lens:
    """The lens that is given, or what can be guessed."""
    if lens:
        return fitting(lens, size)
    return guess(size, pictures.focal() if isinstance(pictures, Photos) else None)


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
        mend = f"{seen}; print it with: regpipe capture board --to board.pdf, and keep it in view; or go without: {WITHOUT}"
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


def refuse_one_side(poses: dict[int, Rigid], aim: Array, place: Path) -> None:
    """A camera that never moved shows one side of what it looks at."""
    eyes = np.array([T.inverse().t for T in poses.values()]) - aim
    directions = eyes / np.linalg.norm(eyes, axis=1, keepdims=True)
    apart = float(np.degrees(np.arccos(np.clip((directions @ directions.T).min(), -1, 1))))
    if apart < NARROW_DEG:
        raise UserError(f"all images look from within {apart:.0f} degrees", place, "go all around the object")
