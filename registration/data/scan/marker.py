"""The size of a scene by one ArUco marker of known size that lies in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from registration.data.fit import middle_of
from registration.data.scan.calibrate import Calibration
from registration.data.scan.frames import Image
from registration.errors import UserError
from registration.geometry.rigid import Array

DICTIONARIES = ("DICT_4X4_250", "DICT_5X5_250", "DICT_6X6_250", "DICT_7X7_250", "DICT_ARUCO_ORIGINAL", "DICT_APRILTAG_36h11")
GAMMA = 2.2
LEAST_SEEN = 4
SKEW = 0.03
"""Sides of one marker differ by no larger share."""


def sightings_of(images: Mapping[int, Image]) -> dict[tuple[str, int], dict[int, Array]]:
    """Marker -> image -> its four corners, (4, 2) pixels."""
    import cv2
    from cv2 import aruco

    options, out = aruco.DetectorParameters(), defaultdict(dict)
    linear = (255 * (np.arange(256) / 255) ** GAMMA).round().astype(np.uint8)  # else blur makes white larger and black smaller
    options.cornerRefinementMethod = aruco.CORNER_REFINE_APRILTAG  # along the sides: the others lie a third of a pixel inside
    pictures = {n: linear[np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)] for n, image in images.items()}
    for name in DICTIONARIES:
        detector = aruco.ArucoDetector(aruco.getPredefinedDictionary(getattr(aruco, name)), options)
        for number, picture in pictures.items():
            corners, ids, _ = detector.detectMarkers(picture)
            for corner, id in zip(corners, [] if ids is None else np.ravel(ids), strict=True):
                out[name, int(id)][number] = np.asarray(corner, float).reshape(4, 2)
    return out


def unit_mm(images: Mapping[int, Image], c: Calibration, side_mm: float, place: Path) -> float:
    """Millimetres in one unit of the poses, by the marker that most images show."""
    seen = sightings_of({n: images[n] for n in c.poses})
    best = max(seen.values(), key=len, default={})
    if len(best) < LEAST_SEEN:
        mend = f"an ArUco or AprilTag marker must be seen in {LEAST_SEEN} images; without --marker-size the capture has no unit"
        raise UserError(f"no marker in enough images: at most {len(best)}", place, mend)
    R, t = (np.stack([getattr(c.poses[n], part) for n in best]) for part in ("R", "t"))
    flat = np.stack([c.lens.directions(corners) for corners in best.values()])  # (n, 4, 2)
    pinholes = np.tile(np.eye(3), (len(best), 1, 1))
    corners = np.stack([middle_of(pinholes, R, t, flat[:, k]) for k in range(4)])
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    if np.ptp(sides) > SKEW * sides.mean():
        raise UserError(f"the marker's sides differ by {100 * np.ptp(sides) / sides.mean():.0f} %", place, "lay one marker flat, and let it be")
    return side_mm / float(sides.mean())
