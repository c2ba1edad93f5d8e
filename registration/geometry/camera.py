"""Pinhole cameras, OpenCV axes (x right, y down, z forward), pixel centres at whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registration.geometry.rigid import Array, Rigid


@dataclass(frozen=True, eq=False)
class Cameras:
    """The cameras of one capture: ``x_cam = R x + t`` in millimetres, all images of one size."""

    K: Array  # (n, 3, 3)
    R: Array  # (n, 3, 3)
    t: Array  # (n, 3)
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.K)

    def pose(self, i: int) -> Rigid:
        """T_cam_from_capture of image i."""
        return Rigid(self.R[i], self.t[i])

    def only(self, i: int) -> Cameras:
        """One of them."""
        return Cameras(self.K[i : i + 1], self.R[i : i + 1], self.t[i : i + 1], self.width, self.height)

    def finer(self, times: int) -> Cameras:
        """The same cameras with each pixel divided into ``times`` by ``times``."""
        K = self.K.copy()
        K[:, :2] *= times
        K[:, :2, 2] += (times - 1) / 2
        return Cameras(K, self.R, self.t, self.width * times, self.height * times)

    def centres(self) -> Array:  # (n, 3)
        """Where the cameras stand, in the capture's frame."""
        return -np.einsum("nji,nj->ni", self.R, self.t)

    def project(self, i: int, points: Array) -> tuple[Array, Array]:  # (m, 3) -> (m, 2), (m,)
        """Pixels and depths of points in image i; behind the camera the depth is <= 0."""
        p = points @ self.R[i].T + self.t[i]
        z = p[:, 2]
        q = p @ self.K[i].T
        return q[:, :2] / np.where(np.abs(q[:, 2:]) < 1e-9, 1e-9, q[:, 2:]), z

    def places(self, i: int, pixels: Array, depth: Array) -> Array:  # (m, 2), (m,) -> (m, 3)
        """What pixels of image i see, in the capture's frame, from its depths along the optical axis."""
        local = np.concatenate([pixels, np.ones((len(pixels), 1))], 1) @ np.linalg.inv(self.K[i]).T * depth[:, None]
        return (local - self.t[i]) @ self.R[i]

    def rays(self, i: int, pixels: Array) -> tuple[Array, Array]:  # (m, 2) -> (3,), (m, 3)
        """Centre of image i and unit directions through pixels, in the capture's frame."""
        ones = np.ones((len(pixels), 1))
        d = np.concatenate([pixels, ones], 1) @ np.linalg.inv(self.K[i]).T @ self.R[i]
        return -self.R[i].T @ self.t[i], d / np.linalg.norm(d, axis=1, keepdims=True)

    def moved(self, T_here_from_there: Rigid) -> Cameras:
        """The same cameras, for points given in another frame: T maps those into the capture's frame."""
        return Cameras(
            self.K, self.R @ T_here_from_there.R, self.R @ T_here_from_there.t + self.t, self.width, self.height
        )


def pixel_grid(width: int, height: int) -> Array:  # (height * width, 2)
    """Every pixel (x, y), row by row."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x.ravel(), y.ravel()], 1).astype(float)
