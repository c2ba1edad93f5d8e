"""What the board and the table look like without the object: seen from above, learned from all images at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from registration.data.scan.board import Board
from registration.data.scan.floor import Floor
from registration.geometry.rigid import Array, Rigid

MOST_TEXELS = 700  # along the longer side
BEYOND = 0.85  # how far past the pattern's rim the table is looked at, by the pattern's width
SEEN_NEAR = 0.03  # of a floor's width: so near to a point of it there is floor
STEADY = 0.10  # a place beside the board whose brightness varies by more between images is not flat, or does not rest
SMOOTH_MM, NEAR_MM = 25.0, 4.0  # light changes over the board no faster; what lies so near is covered alike
LEAST_SEEN = 4
COLOURFUL, DIM = 0.5, 0.4  # of the brightest channel; brightness in the deepest shadow
Stack = NDArray[np.uint8]  # (n, h, w, 3) images, RGB


@dataclass(frozen=True, eq=False)
class Grid:
    """Places on the board's plane: column and row from the lower left corner, mm."""

    low: Array  # (2,)
    step: float
    shape: tuple[int, int]  # (h, w)

    @classmethod
    def about(cls, floor: Board | Floor) -> Grid:
        """Where the object stands and what lies around it."""
        size = floor.size_mm + 2 * BEYOND * floor.size_mm[0]
        step = float(size.max() / MOST_TEXELS)
        return cls(-size / 2, step, (int(size[1] / step), int(size[0] / step)))

    def homography(self, K: Array, pose: Rigid) -> Array:  # (3, 3)
        """Texels to pixels; the third number is the depth."""
        place = np.array([[self.step, 0, self.low[0]], [0, self.step, self.low[1]], [0, 0, 1]])
        return K @ np.stack([pose.R[:, 0], pose.R[:, 1], pose.t], 1) @ place

    def from_above(self, image: NDArray, K: Array, pose: Rigid) -> tuple[NDArray, NDArray[np.bool_]]:
        """An image rolled out on the plane, and where it shows any of it."""
        import cv2

        H, (h, w) = self.homography(K, pose), self.shape
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        out = cv2.warpPerspective(image, H, (w, h), flags=flags)
        u, v, depth = H @ np.stack([*np.meshgrid(np.arange(w), np.arange(h)), np.ones((h, w))]).reshape(3, -1)
        height, width = image.shape[:2]
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = (depth > 0) & (u > 0) & (v > 0) & (u < depth * (width - 1)) & (v < depth * (height - 1))
        return out, inside.reshape(h, w)

    def into(self, picture: NDArray, K: Array, pose: Rigid, size: tuple[int, int]) -> tuple[NDArray, NDArray[np.bool_]]:
        """A picture of the plane as a camera sees it, and in which pixels it is seen at all."""
        import cv2

        H, (w, h) = self.homography(K, pose), size
        out = cv2.warpPerspective(picture, H, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        ahead = np.linalg.inv(H)[2] @ np.stack([*np.meshgrid(np.arange(w), np.arange(h)), np.ones((h, w))]).reshape(
            3, -1
        )
        return out, ahead.reshape(h, w) > 0

    def bare(self, floor: Board | Floor) -> NDArray[np.bool_]:  # (h, w)
        """Where there is surely ground: on the pattern, or near places of the floor that were seen."""
        import cv2

        if isinstance(floor, Board):
            return self.printed(floor)[1]
        at, (h, w) = np.rint((floor.places - self.low) / self.step).astype(int), self.shape
        at = at[((at >= 0) & (at < (w, h))).all(1)]
        free = np.ones((h, w), np.uint8)
        free[at[:, 1], at[:, 0]] = 0
        near = cv2.distanceTransform(free, cv2.DIST_L2, 5)
        return np.asarray(near) * self.step < SEEN_NEAR * floor.size_mm[0]

    def printed(self, board: Board) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """How dark the print is, and where the pattern lies."""
        import cv2

        ink, (left, top) = board.ink(self.step / 2)
        move = np.array([[2, 0, (self.low[0] - left) * 2 / self.step], [0, -2, (top - self.low[1]) * 2 / self.step]])
        h, w = self.shape
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        ones = cv2.warpAffine(np.ones_like(ink), move, (w, h), flags=flags)
        drawn = cv2.warpAffine(cv2.GaussianBlur(ink, (3, 3), 0), move, (w, h), flags=flags)
        return np.asarray(drawn, np.float32), np.asarray(ones) > 0.99


@dataclass(frozen=True, eq=False)
class Ground:
    """The plane without the object."""

    grid: Grid
    colour: NDArray[np.float32]  # (h, w, 3) 0..1
    known: NDArray[np.bool_]  # (h, w)
    gains: Array  # (n, 3) by which each image is brighter


def shadowless(image: NDArray, expected: NDArray, dimmest: float, brightest: float) -> NDArray[np.float32]:
    """How far colours (..., 3) are from the expected ones, dimmed or brightened as light may.

    What is colourful may lie in any shadow, it stays colourful; grey that is dimmed is another grey.
    """
    s = (image * expected).sum(-1) / np.maximum((expected * expected).sum(-1), 1e-4)
    colourful = expected.max(-1) - expected.min(-1) > COLOURFUL * expected.max(-1)
    s = np.clip(s, np.where(colourful, min(DIM, dimmest), dimmest), brightest)[..., None]
    return np.sqrt(((image - s * expected) ** 2).sum(-1))


def contrast(picture: NDArray[np.float32]) -> NDArray[np.float32]:  # (h, w, 3) -> (h, w)
    """How far apart the colours next to each pixel are."""
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    return np.sqrt(((cv2.dilate(picture, kernel) - cv2.erode(picture, kernel)) ** 2).sum(-1))


def learn_ground(
    images: Stack, K: Array, poses: list[Rigid], floor: Board | Floor, masks: NDArray[np.bool_] | None = None
) -> Ground:
    """From undistorted images; with ``masks`` (n, h, w) what they cover does not count.

    A board is known under the object too. Of a floor without a print only what was seen is, and before there are masks not what looks
    steady where no point of it was seen: the object may stand there.
    """
    grid = Grid.about(floor)
    rolled, seen = [], []
    for n, (image, pose) in enumerate(zip(images, poses, strict=True)):
        above, inside = grid.from_above(image, K, pose)
        if masks is not None:
            inside &= ~(grid.from_above(masks[n].astype(np.uint8) * 255, K, pose)[0] > 20)
        rolled.append(above)
        seen.append(inside)
    stack, there = np.stack(rolled), np.stack(seen)
    on = grid.bare(floor)
    gains = exposures(stack, there & on)
    colour, spread, count = middle_of(stack, there, gains)
    seen = count >= LEAST_SEEN
    steady = seen & (spread < STEADY)
    if isinstance(floor, Floor):
        return Ground(grid, colour, steady if masks is not None else steady & on, gains)
    colour[on] = as_printed(colour, grid.printed(floor)[0], on & seen, grid.step)[on]
    return Ground(grid, colour, on | steady, gains)


def exposures(stack: Stack, there: NDArray[np.bool_]) -> Array:  # (n, h, w, 3), (n, h, w) -> (n, 3)
    """How much brighter each image shows the board than most do."""
    few, use_ = stack[:, ::3, ::3].astype(np.float32) / 255, there[:, ::3, ::3]
    usual = middle_of(stack[:, ::3, ::3], use_, np.ones((len(stack), 3)))[0]
    gains = np.ones((len(stack), 3))
    for n, image in enumerate(few):
        use = use_[n] & (usual.min(-1) > 0.02)
        if use.sum() > 50:
            gains[n] = np.median(image[use] / usual[use], axis=0)
    return gains


def middle_of(stack: Stack, there: NDArray[np.bool_], gains: Array) -> tuple[NDArray[np.float32], NDArray, NDArray]:
    """Median colour of each texel, how far apart its middle half lies, and how many images show it."""
    n, h, w, _ = stack.shape
    colour, spread = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.float32)
    count = there.sum(0)
    for row in range(0, h, 64):
        part = stack[:, row : row + 64].astype(np.float32) / (255 * gains[:, None, None].astype(np.float32))
        part[~there[:, row : row + 64]] = np.inf
        part.sort(axis=0)
        number = count[row : row + 64]
        at = lambda q, p=part, k=number: np.take_along_axis(  # noqa: E731
            p, np.minimum((q * k).astype(int), n - 1)[None, ..., None], 0
        )[0]
        colour[row : row + 64] = np.where(number[..., None] > 0, at(0.5), 0)
        with np.errstate(invalid="ignore"):
            spread[row : row + 64] = np.where(number > 0, np.nan_to_num(at(0.75) - at(0.25), posinf=1).max(-1), 1)
    return colour, spread, count


def as_printed(colour: NDArray[np.float32], ink: NDArray, there: NDArray[np.bool_], step: float) -> NDArray[np.float32]:
    """The median where it looks like the print; the print in the light around it where the object lies in most images."""
    inks = {"light": (ink < 0.02) & there, "dark": (ink > 0.98) & there}
    usual = {k: np.median(colour[use], axis=0) for k, use in inks.items()}
    model = {}
    for k, use in inks.items():
        good = use & (shadowless(colour, usual[k], 0.4, 1.6) < 0.12)
        weight = gaussian_filter(good.astype(np.float32), SMOOTH_MM / step) + 1e-3
        ratio = np.where(good[..., None], colour / np.maximum(usual[k], 1e-3), 0)
        local = (gaussian_filter(ratio, (SMOOTH_MM / step,) * 2 + (0,)) + 1e-3) / weight[..., None]
        model[k] = usual[k] * local
    expected = (model["light"] + ink[..., None] * (model["dark"] - model["light"])).astype(np.float32)
    even = (contrast(expected) < 0.1) & there
    good = even & (shadowless(colour, expected, 0.4, 1.3) < 0.08)
    seen = [gaussian_filter(part.astype(np.float32), NEAR_MM / step) for part in (good, even)]
    bare = (seen[0] > 0.8 * seen[1]) & there & (good | ~even)
    return np.where(bare[..., None], colour, expected)
