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


NOTHING = Sighting(np.zeros(0, np.int64), np.zeros((0, 2)), 0)


class Finder:
    """Looks for one board."""

    def __init__(self, board: Board) -> None:
        from cv2 import aruco

        pattern = board.pattern()
        places = [np.asarray(p, float)[:, :2] for p in pattern.getObjPoints()]  # (4, 2) each, OpenCV's frame
        self.markers = dict(zip(np.ravel(pattern.getIds()).tolist(), places, strict=True))
        self.board, self.detector = board, aruco.ArucoDetector(board.markers())

    def find(self, grey: NDArray[np.uint8]) -> Sighting:  # (h, w)
        """Markers tell about where all corners of the squares must be; those that are there count, to a fraction of a pixel."""
        import cv2

        found, numbers, _ = self.detector.detectMarkers(grey)
        if numbers is None:
            return NOTHING
        known = [k for k, n in enumerate(np.ravel(numbers)) if int(n) in self.markers]
        if len(known) < 2:
            return NOTHING
        places = np.concatenate([self.markers[int(np.ravel(numbers)[k])] for k in known])
        pixels = np.concatenate([np.asarray(found[k], float).reshape(4, 2) for k in known])
        H, good = cv2.findHomography(places, pixels, cv2.RANSAC, 5.0)
        if H is None or good.sum() < 8:
            return NOTHING
        corners, pixels = refined(grey, np.asarray(H, float), self.board)
        return Sighting(corners, pixels, int(good.sum()) // 4)

    def other_boards(self, grey: NDArray[np.uint8]) -> str:
        """The dictionary most of whose markers are in an image that does not show this board; nothing if none is."""
        from cv2 import aruco

        best, most = "", 3
        for name in ("DICT_4X4_250", "DICT_5X5_250", "DICT_6X6_250", "DICT_7X7_250", "DICT_APRILTAG_36h11"):
            markers = aruco.ArucoDetector(aruco.getPredefinedDictionary(getattr(aruco, name))).detectMarkers(grey)[1]
            if markers is not None and len(markers) > most:
                best, most = name, len(markers)
        return best


def refined(grey: NDArray[np.uint8], H: Array, board: Board) -> tuple[NDArray[np.int64], Array]:
    """Corners of squares near where H (OpenCV's frame of the board to pixels) has them: their numbers, and where they are."""
    import cv2

    s, (h, w) = board.square_mm, grey.shape
    flat = board.corners()[:, :2] * (1, -1) + board.size_mm / 2  # OpenCV counts from the upper left corner, down
    seen = lambda p: cv2.perspectiveTransform(p.reshape(1, -1, 2), H)[0]  # noqa: E731
    start = seen(flat)
    arms = np.stack([seen(flat + s * np.array(a)) - start for a in ((0.5, 0), (0, 0.5))], 1)  # (n, 2, 2) half a square
    across = np.abs(np.cross(*np.moveaxis(np.concatenate([arms, np.zeros((len(arms), 2, 1))], 2), 1, 0))[:, 2])
    narrow = across / np.linalg.norm(arms, axis=2).max(1)  # of half a square, pixels
    reach = np.clip(0.9 * (1 - board.marker) * narrow, 2, 9).astype(int)  # as far as the nearest marker's edge
    inside = ((start > 12) & (start < (w - 13, h - 13))).all(1) & (narrow > 3)
    numbers, out = np.flatnonzero(inside), start[inside].astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 30, 0.005)
    for k, n in enumerate(numbers):
        side = (int(reach[n]),) * 2
        out[k] = cv2.cornerSubPix(grey, out[k].reshape(1, 1, 2), side, (-1, -1), stop).reshape(2)
    near = np.linalg.norm(out - start[numbers], axis=1) < 0.5 * narrow[numbers] + 1
    good = near & crossing(grey, out, arms[numbers])
    return numbers[good], out[good].astype(float)


def crossing(
    grey: NDArray[np.uint8], pixels: NDArray[np.float32], arms: Array
) -> NDArray[np.bool_]:  # (n, 2), (n, 2, 2)
    """Whether two squares of one brightness meet two of another there, along the given directions, as they should."""
    import cv2

    soft = cv2.GaussianBlur(grey, (3, 3), 0).astype(np.float32)
    ways = [(x * arms[:, 0] + y * arms[:, 1]) * 0.22 for x, y in ((1, 1), (-1, -1), (1, -1), (-1, 1))]
    at = [(pixels + way).astype(np.float32) for way in ways]
    a, b, c, d = (cv2.remap(soft, p[:, :1], p[:, 1:], cv2.INTER_LINEAR).ravel() for p in at)
    contrast = np.abs(a + b - c - d) / 2
    return (contrast > 20) & (np.abs(a - b) < 0.4 * contrast) & (np.abs(c - d) < 0.4 * contrast)


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
        T = Rigid(np.asarray(cv2.Rodrigues(turn)[0], float), np.asarray(shift, float).ravel())
        seen = T.apply(places)
        off = (
            np.linalg.norm(lens.pixels(seen) - sighting.pixels, axis=1)
            if (seen[:, 2] > 0).all()
            else np.full(len(flat), np.inf)
        )
        if best is None or np.median(off) < np.median(best[1]):
            best = T, off
    assert best is not None
    return best
