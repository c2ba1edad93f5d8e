"""The printed board: a ChArUco pattern whose corners are known to the millimetre."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registration.errors import UserError
from registration.geometry.rigid import Array

COLUMNS, ROWS, MARKER = 13, 9, 0.75
"""Squares, and a marker's side as a share of a square's."""
RIM = (3, 2)
"""Columns and rows along each side that bear markers; in the middle, where the object lies, large plain squares tell best
what is not the board."""
DARK, LIGHT = (0.08, 0.25, 0.72), (1.0, 0.86, 0.10)
"""Blue and yellow: far apart in brightness, for the corners, and each far from grey, in shadow too, for the masks."""


@dataclass(frozen=True)
class Board:
    """Geometry of a board; its frame has its origin in the middle, x to the right, y up the page, z towards the viewer."""

    name: str
    page_mm: tuple[float, float]  # width, height
    square_mm: float
    columns: int = COLUMNS
    rows: int = ROWS
    marker: float = MARKER
    dictionary: str = "DICT_4X4_100"

    def __post_init__(self) -> None:
        from cv2 import aruco

        sizes = (*self.page_mm, self.square_mm)
        if not (all(0 < size < 1e4 for size in sizes) and 3 <= self.columns <= 100 and 3 <= self.rows <= 100):
            raise ValueError("page and squares are in millimetres, 3 to 100 squares along each side")
        if not (0.3 <= self.marker <= 0.95 and self.dictionary.startswith("DICT_") and hasattr(aruco, self.dictionary)):
            raise ValueError("marker is a share of a square, dictionary one of OpenCV's names")
        if self.columns * self.rows // 2 > len(self.markers().bytesList):
            raise ValueError(f"{self.dictionary} has too few markers for {self.columns} x {self.rows} squares")

    @property
    def size_mm(self) -> Array:  # (2,)
        """Width and height of the pattern."""
        return np.array([self.square_mm * self.columns, self.square_mm * self.rows], float)

    def scaled(self, factor: float) -> Board:
        """The board as a printer left it that enlarges or shrinks."""
        width, height = self.page_mm
        return replace(self, page_mm=(width * factor, height * factor), square_mm=self.square_mm * factor)

    def markers(self) -> Any:
        """OpenCV's dictionary of markers."""
        from cv2 import aruco

        return aruco.getPredefinedDictionary(getattr(aruco, self.dictionary))

    def pattern(self) -> Any:
        """The board as OpenCV knows it."""
        from cv2 import aruco

        s = self.square_mm
        return aruco.CharucoBoard((self.columns, self.rows), s, self.marker * s, self.markers())

    def corners(self) -> Array:  # ((columns - 1) * (rows - 1), 3)
        """Inner corners of the squares, by their number, in the board's frame."""
        column, row = np.meshgrid(np.arange(1, self.columns), np.arange(1, self.rows))
        places = np.stack([column - self.columns / 2, self.rows / 2 - row, 0 * row], -1)
        return np.asarray(self.square_mm * places.reshape(-1, 3), np.float64)

    def dark(self) -> Array:  # (n, 4): x, y of the lower left corner, width, height, mm in the board's frame
        """Rectangles of dark ink: half of the squares, and the dark cells of the markers in the others."""
        s, out, number = self.square_mm, [], 0
        for row in range(self.rows):
            for column in range(self.columns):
                x, y = s * (column - self.columns / 2), s * (self.rows / 2 - row)
                if (row + column) % 2 == 0:
                    out.append((x, y - s, s, s))
                    continue
                out += [] if self.plain(column, row) else self.marker_cells(number, x, y)
                number += 1
        return np.array(out)

    def plain(self, column: int, row: int) -> bool:
        """Whether a square lies in the middle and bears no marker."""
        return RIM[0] <= column < self.columns - RIM[0] and RIM[1] <= row < self.rows - RIM[1]

    def marker_cells(self, number: int, x: float, y: float) -> list[tuple[float, float, float, float]]:
        """Dark cells of a marker in the square whose upper left corner is (x, y), runs of cells in one piece."""
        markers = self.markers()
        cells = markers.markerSize + 2
        dark = np.pad(markers.generateImageMarker(number, cells) == 0, ((0, 0), (1, 1))).astype(int)
        side, rim = self.marker * self.square_mm / cells, (1 - self.marker) / 2 * self.square_mm
        out = []
        for row, line in enumerate(np.diff(dark, axis=1)):
            for a, b in zip(np.flatnonzero(line > 0), np.flatnonzero(line < 0), strict=True):
                out.append((x + rim + a * side, y - rim - (row + 1) * side, (b - a) * side, side))
        return out

    def ink(self, step: float) -> tuple[NDArray[np.float32], Array]:
        """How much of each small square of ``step`` mm is dark, top row first, over the pattern; and its upper left corner."""
        import cv2

        fine = 4
        w, h = np.ceil(self.size_mm / step).astype(int)
        left, top = -step * w / 2, step * h / 2
        drawn = np.zeros((h * fine, w * fine), np.float32)
        for x, y, width, height in self.dark() * fine / step:
            c, r = x - left * fine / step, top * fine / step - y - height
            drawn[round(r) : round(r + height), round(c) : round(c + width)] = 1
        shrunk = cv2.resize(drawn, (int(w), int(h)), interpolation=cv2.INTER_AREA)
        return np.asarray(shrunk, np.float32), np.array([left, top])


BOARDS = {
    "a4": Board("a4", (297.0, 210.0), 20.0),
    "a3": Board("a3", (420.0, 297.0), 28.0),
    "letter": Board("letter", (279.4, 215.9), 20.0),
}


def write_board(file: Path, board: Board) -> None:
    """The description that ``read_board`` reads."""
    file.write_text(json.dumps({"kind": "charuco", **asdict(board)}, indent=1) + "\n", encoding="utf-8")


def read_board(name: str) -> Board:
    """A board by its name, or by the JSON file that was written with it."""
    if name in BOARDS:
        return BOARDS[name]
    mend = f"name one of {', '.join(BOARDS)}, or the JSON file that regpipe capture board wrote"
    if not Path(name).is_file():
        raise UserError("no such board", name, mend)
    try:
        body = json.loads(Path(name).read_text(encoding="utf-8"))
        if body.pop("kind") != "charuco":
            raise ValueError("not a ChArUco board")
        width, height = map(float, body.pop("page_mm"))
        return Board(page_mm=(width, height), **body)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"not a board's description ({error})", name, mend) from error
