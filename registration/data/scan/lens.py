"""A lens with distortion, and images as a camera without would take them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registration.data.lens import Lens as Bend
from registration.errors import UserError
from registration.geometry.rigid import Array


@dataclass(frozen=True, eq=False)
class Lens:
    """One camera at one zoom: OpenCV's model, pixel centres at whole numbers."""

    f: float  # pixels; pixels are square
    centre: Array  # (2,)
    distortion: Array  # (4,): k1 k2 p1 p2
    size: tuple[int, int]  # (width, height)

    @property
    def K(self) -> Array:  # (3, 3)
        """The pinhole part."""
        return np.array([[self.f, 0, self.centre[0]], [0, self.f, self.centre[1]], [0, 0, 1.0]])

    def bent(self, flat: Array) -> Array:  # (n, 2) -> (n, 2): x / z, y / z
        """What distortion makes of directions."""
        x, y = flat.T
        k1, k2, p1, p2 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + k2 * r2)
        u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return np.stack([u, v], 1)

    def pixels(self, points: Array) -> Array:  # (n, 3) in the camera's frame -> (n, 2)
        """Where points are seen."""
        return self.f * self.bent(points[:, :2] / points[:, 2:]) + self.centre

    def directions(self, pixels: Array) -> Array:  # (n, 2) -> (n, 2): x / z, y / z
        """What pixels look at."""
        bent = (pixels - self.centre) / self.f
        flat = bent.copy()
        for _ in range(15):
            flat += bent - self.bent(flat)
        return flat

    def resized(self, size: tuple[int, int]) -> Lens:
        """The same lens for images of another size and the same shape."""
        s = size[0] / self.size[0]
        return Lens(self.f * s, (self.centre + 0.5) * s - 0.5, self.distortion, size)

    def flat(self) -> Array:  # (3, 3)
        """The pinhole of undistorted images that show nothing from beyond the distorted ones."""
        import cv2

        return np.asarray(cv2.getOptimalNewCameraMatrix(self.K, self.distortion, self.size, 0)[0], float)

    def undistorted(self, image: NDArray, K: Array) -> NDArray:
        """An image as the pinhole K would show it."""
        return Bend("brown", (*self.distortion, 0.0, 0.0, 0.0, 0.0)).straight(image, self.K, K)


def fitted(size: tuple[int, int], most: int) -> tuple[int, int]:
    """The size of an image shrunk until no side is longer than ``most``."""
    s = min(1.0, most / max(size))
    return max(1, round(size[0] * s)), max(1, round(size[1] * s))


def write_lens(file: Path, lens: Lens) -> None:
    """The file that ``--intrinsics`` reads."""
    body = {
        "width": lens.size[0], "height": lens.size[1], "f": lens.f, "cx": lens.centre[0], "cy": lens.centre[1],
        "distortion": lens.distortion.tolist(),
    }  # fmt: skip
    file.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def read_lens(file: Path) -> Lens:
    """A lens from a file, checked."""
    mend = "expected width, height, f, cx, cy in pixels and distortion k1 k2 p1 p2, as in intrinsics.json of a capture"
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        numbers = np.array([body[k] for k in ("width", "height", "f", "cx", "cy")], float)
        distortion = np.array(body["distortion"], float)
        if distortion.shape != (4,) or not np.isfinite([*numbers, *distortion]).all() or (numbers[:3] <= 0).any():
            raise ValueError("numbers that cannot be a lens")
        return Lens(numbers[2], numbers[3:], distortion, (int(numbers[0]), int(numbers[1])))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UserError(f"not readable as a lens ({error})", file, mend) from error
