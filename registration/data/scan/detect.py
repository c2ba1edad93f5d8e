"""The board in an image: its corners, and how sharp it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.data.scan.board import Board
from registration.data.scan.lens import Lens
from registration.geometry.rigid import Array, Rigid

LEAST_CORNERS = 8
"""Fewer corners tell too little about a camera."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """What is seen of the board in one image."""

    corners: NDArray[np.int64]  # (n,) their numbers
    pixels: Array  # (n, 2)
    markers: int

    @property
    def enough(self) -> bool:
        """Whether a pose can be told: many corners, not all in one row or column."""
        if len(self.corners) < LEAST_CORNERS:
            return False
        across = np.linalg.svd(self.pixels - self.pixels.mean(0), compute_uv=False)
        return bool(across[1] > 0.02 * across[0])


class Finder:
    """Looks for one board."""

    def __init__(self, board: Board) -> None:
        from cv2 import aruco

        self.board, self.detector = board, aruco.CharucoDetector(board.pattern())

    def find(self, grey: NDArray[np.uint8]) -> Sighting:  # (h, w)
        """The corners between markers that were read."""
        pixels, corners, _, markers = self.detector.detectBoard(grey)
        none = corners is None or not len(corners)
        corners = np.zeros(0, np.int64) if none else np.asarray(corners, np.int64).ravel()
        pixels = np.zeros((0, 2)) if none else np.asarray(pixels, float).reshape(-1, 2)
        return Sighting(corners, pixels, 0 if markers is None else len(markers))

    def other_boards(self, grey: NDArray[np.uint8]) -> str:
        """The dictionary most of whose markers are in an image that does not show this board; nothing if none is."""
        from cv2 import aruco

        best, most = "", 3
        for name in ("DICT_4X4_250", "DICT_5X5_250", "DICT_6X6_250", "DICT_7X7_250", "DICT_APRILTAG_36h11"):
            markers = aruco.ArucoDetector(aruco.getPredefinedDictionary(getattr(aruco, name))).detectMarkers(grey)[1]
            if markers is not None and len(markers) > most:
                best, most = name, len(markers)
        return best


def sharpness(grey: NDArray[np.uint8]) -> float:
    """Of images of about the same scene the sharpest has the most."""
    import cv2

    return float(cv2.Laplacian(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_32F).var())


def pose_of(sighting: Sighting, board: Board, lens: Lens) -> tuple[Rigid, Array]:
    """T_cam_from_board by one image alone, and how far each corner is from where it puts it, (n,) pixels."""
    import cv2

    places = board.corners()[sighting.corners]
    flat = lens.directions(sighting.pixels)
    _, turns, shifts, _ = cv2.solvePnPGeneric(places, flat, np.eye(3), None, flags=cv2.SOLVEPNP_IPPE)
    best: tuple[Rigid, Array] | None = None
    for turn, shift in zip(turns, shifts, strict=True):
        turn, shift = cv2.solvePnPRefineLM(places, flat, np.eye(3), None, turn, shift)
        T = Rigid(cv2.Rodrigues(turn)[0], np.ravel(shift))
        seen = T.apply(places)
        off = np.linalg.norm(lens.pixels(seen) - sighting.pixels, axis=1) if (seen[:, 2] > 0).all() else np.full(len(flat), np.inf)
        if best is None or np.median(off) < np.median(best[1]):
            best = T, off
    assert best is not None
    return best
