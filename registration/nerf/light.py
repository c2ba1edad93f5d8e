"""The light of a capture: even light and a lamp, one for all views, and each view's exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from registration.geometry.camera import Cameras
from registration.geometry.rigid import Array

TERMS = 9
GAINS = (0.2, 5.0)


def harmonics(n: torch.Tensor, dim: int = 1) -> torch.Tensor:  # (m, 3) -> (m, 9), or with dim 0: (3, m) -> (9, m)
    """Second-order polynomial of a normal: what distant light on a matt surface looks like."""
    x, y, z = n.unbind(dim)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], dim)


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


def light_bases(cameras: Cameras, up: Array) -> NDArray[np.float32]:  # (n, 12, 36)
    """From the shared light (fixed to the camera's azimuth, to the camera, to the object) to each view's, in the object's frame.

    The first 9 of 12 and 27 of 36 are the even light; the others a lamp: its direction times its strength.
    """
    fixed = np.broadcast_to(np.eye(TERMS), (len(cameras), TERMS, TERMS))
    out = np.zeros((len(cameras), TERMS + 3, 3 * (TERMS + 3)), np.float32)
    out[:, :TERMS, : 3 * TERMS] = np.concatenate([turned(azimuth_frames(cameras, up)), turned(cameras.R), fixed], 2)
    out[:, TERMS:, 3 * TERMS :] = np.concatenate([f.transpose(0, 2, 1) for f in lamp_frames(cameras, up)], 2)
    return out


def lamp_frames(cameras: Cameras, up: Array) -> list[Array]:  # each (n, 3, 3)
    """The frames that a lamp may be fixed to, in the order of the bases."""
    return [azimuth_frames(cameras, up), cameras.R, np.broadcast_to(np.eye(3), (len(cameras), 3, 3))]


def shade(
    n: Array, light: Array | NDArray[np.float32], lit: NDArray[np.bool_] | None = None
) -> Array:  # (m, 3) -> (m,)
    """Brightness of a white surface under one view's light (9 even terms, or 12 with a lamp where it is ``lit``)."""
    even: Array = np.asarray(harmonics(torch.from_numpy(n)).numpy() @ light[:TERMS], float)
    if lit is None or len(light) == TERMS:
        return even
    return even + lit * np.maximum(n @ light[TERMS:], 0)


@dataclass
class Light:
    """All views' light. It is found by least squares on the surface as it is, never learned along with it.

    Learned, it drifts: shadows that are still wrong pull every view's exposure, and the colours follow.
    """

    bases: torch.Tensor  # (views, 12, 36) fixed
    shared: torch.Tensor  # (36,)
    gain: torch.Tensor  # (views,) exposure

    def each(self) -> torch.Tensor:  # (views, 12)
        """Every view's own light."""
        return self.gain[:, None] * (self.bases @ self.shared)

    def lamp(self) -> tuple[int, Array] | None:
        """The frame that the lamp is fixed to, and its direction (3,) there; None if there is none."""
        lamps = self.shared[3 * TERMS : 3 * TERMS + 9].reshape(3, 3).cpu().numpy().astype(float)
        strength = np.linalg.norm(lamps, axis=1)
        k = int(strength.argmax())
        return (k, lamps[k] / strength[k]) if strength[k] > 0 else None

    def to(self, device: str | torch.device) -> Light:
        """A copy on a device."""
        return Light(*(t.detach().clone().to(device) for t in (self.bases, self.shared, self.gain)))


def fitted(terms: list[Array], brightness: list[Array], rounds: int = 8) -> tuple[Array, Array, Array]:
    """Weights of terms (m, k) a view, gains (views,), and what is left over (all pixels), by least squares that trust what fits.

    Gloss, and shadow where no lamp is known, are outliers of a light, and must not be averaged into it.
    """
    start = np.array([float(np.median(b)) if len(b) else np.nan for b in brightness])
    gain = np.nan_to_num(start / np.nanmean(start), nan=1.0).clip(*GAINS)
    view = np.repeat(np.arange(len(terms)), [len(b) for b in brightness])
    M, y = np.concatenate(terms), np.concatenate(brightness)
    shared = solve(M * gain[view, None], y, np.ones(len(y)))
    for _ in range(rounds):
        off = gain[view] * (M @ shared) - y
        spread = max(2.5 * 1.4826 * float(np.median(np.abs(off))), 0.01)
        trust = np.exp(-((off / spread) ** 2))
        shared = solve(M * gain[view, None], y, trust)
        bright = M @ shared
        top, bottom = (np.bincount(view, trust * bright * v, len(gain)) for v in (y, bright))
        gain = np.where(bottom > 0, top / np.maximum(bottom, 1e-12), gain).clip(*GAINS)
        gain /= gain.mean()
    return shared, gain, gain[view] * (M @ shared) - y


def solve(M: Array, y: Array, trust: Array, ridge: float = 3e-3) -> Array:
    """Weighted least squares; all but the even parts of the light are held towards none."""
    A = (M.T * trust) @ M
    penalty = np.full(len(A), ridge * np.trace(A) / len(A) + 1e-12)
    penalty[::TERMS] *= 1e-2
    return np.asarray(np.linalg.solve(A + np.diag(penalty), M.T @ (trust * y)), float)
