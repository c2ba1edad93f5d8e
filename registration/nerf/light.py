"""The light of a capture: one for all views, fixed to the room, and each view's exposure and small remainder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.camera import Cameras
from registration.geometry.hull import Box
from registration.geometry.mesh import iso_surface
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array

TERMS = 9
GREY = 0.5
"""Colour that a surface has before it is learned."""
GAINS = (0.2, 5.0)
EVERY = 7
"""Every so many pixels serve to guess the light."""


def harmonics(n: torch.Tensor) -> torch.Tensor:  # (m, 3) -> (m, 9)
    """Second-order polynomial of a normal: what distant light on a matt surface looks like."""
    x, y, z = n.unbind(1)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1)


def turned(R: Array) -> Array:  # (n, 3, 3) -> (n, 9, 9)
    """Matrices W with ``harmonics(R n) = harmonics(n) W``."""
    n = np.random.default_rng(0).normal(size=(64, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    here = harmonics(torch.from_numpy(n)).numpy()
    there = harmonics(torch.from_numpy((n @ R.transpose(0, 2, 1)).reshape(-1, 3))).numpy()
    return np.linalg.pinv(here) @ there.reshape(len(R), len(n), TERMS)


def upright(cameras: Cameras) -> Array:  # (3,)
    """The axis that the cameras stand upright to."""
    up: Array = np.asarray(-cameras.R[:, 1].mean(0), float)
    return up / max(float(np.linalg.norm(up)), 1e-9)


def azimuth_frames(cameras: Cameras, up: Array) -> Array:  # (n, 3, 3)
    """Rotations into the frame that turns with the camera about an axis."""
    ahead = cameras.R[:, 2] - (cameras.R[:, 2] @ up)[:, None] * up
    flat = np.linalg.norm(ahead, axis=1) < 0.05  # looking along the axis: ahead is what is up in the image
    ahead[flat] = -cameras.R[flat, 1] + (cameras.R[flat, 1] @ up)[:, None] * up
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    side: Array = np.asarray(np.cross(up, ahead), float)
    return np.stack([side, np.broadcast_to(up, side.shape), ahead], 1)


def light_bases(cameras: Cameras, up: Array) -> NDArray[np.float32]:  # (n, 9, 27)
    """From the shared light (fixed to the camera's azimuth, to the camera, to the object) to each view's, in the object's frame."""
    fixed = np.broadcast_to(np.eye(TERMS), (len(cameras), TERMS, TERMS))
    return np.concatenate([turned(azimuth_frames(cameras, up)), turned(cameras.R), fixed], 2).astype(np.float32)


@dataclass
class Light:
    """Parameters of all views' light."""

    bases: torch.Tensor  # (views, 9, 27) fixed
    shared: torch.Tensor  # (27,)
    gain: torch.Tensor  # (views,) exposure
    rest: torch.Tensor  # (views, 9) what the shared light leaves over

    def each(self) -> torch.Tensor:  # (views, 9)
        """Every view's own light."""
        return self.gain[:, None] * (self.bases @ self.shared) + self.rest

    def tables(self) -> dict[str, torch.Tensor]:
        """What is learned."""
        return {"shared": self.shared, "gain": self.gain, "rest": self.rest}


def first_light(capture: Capture, box: Box, sdf: NDArray[np.float32]) -> Light:
    """The light that explains the images best on a first guess of the surface, all of it of one colour."""
    mesh = iso_surface(sdf, box.low, box.step)
    caster, vertex_normals = Caster(mesh.vertices, mesh.faces), mesh.vertex_normals()
    normals, brightness = [], []
    for i in range(len(capture)):
        face = depth_image(caster, capture.cameras, i)[1]
        seen = (face >= 0) & capture.mask[i]
        n = vertex_normals[mesh.faces[face[seen][::EVERY]]].mean(1)
        normals.append(n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9))
        brightness.append(capture.rgb[i][seen][::EVERY].mean(1) / 255)
    bases = light_bases(capture.cameras, upright(capture.cameras))
    shared, gain = fitted(bases, normals, brightness)
    to = lambda a: torch.from_numpy(np.asarray(a, np.float32))  # noqa: E731
    return Light(to(bases), to(shared / GREY), to(gain), torch.zeros(len(capture), TERMS))


def fitted(
    bases: NDArray[np.float32], normals: list[Array], brightness: list[Array], rounds: int = 8
) -> tuple[Array, Array]:
    """Shared light (27,) and gains (views,) of grey values on one colour, by least squares that trust what fits.

    Shadow and gloss are outliers of a light, and must not be averaged into it.
    """
    start = np.array([float(np.median(b)) if len(b) else np.nan for b in brightness])
    gain = np.nan_to_num(start / np.nanmean(start), nan=1.0).clip(*GAINS)
    terms = [harmonics(torch.from_numpy(n)).numpy() @ b for n, b in zip(normals, bases, strict=True)]
    view = np.repeat(np.arange(len(terms)), [len(b) for b in brightness])
    M, y = np.concatenate(terms), np.concatenate(brightness)
    shared = solve(M * gain[view, None], y, np.ones(len(y)))
    for _ in range(rounds):
        off = gain[view] * (M @ shared) - y
        spread = max(2.5 * 1.4826 * float(np.median(np.abs(off))), 0.01)
        trust = np.exp(-((off / spread) ** 2))
        shared = solve(M * gain[view, None], y, trust)
        shade = M @ shared
        top, bottom = (np.bincount(view, trust * shade * v, len(gain)) for v in (y, shade))
        gain = np.where(bottom > 0, top / np.maximum(bottom, 1e-12), gain).clip(*GAINS)
        gain /= gain.mean()
    return shared, gain


def solve(M: Array, y: Array, trust: Array, ridge: float = 3e-3) -> Array:
    """Weighted least squares; all but the even parts of the light are held towards none."""
    A = (M.T * trust) @ M
    penalty = np.full(len(A), ridge * np.trace(A) / len(A) + 1e-12)
    penalty[::TERMS] *= 1e-2
    return np.asarray(np.linalg.solve(A + np.diag(penalty), M.T @ (trust * y)), float)
