"""Rigid motions, named by their two frames: ``T_a_from_b`` maps points of b into a."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rigid:
    """A turn and a shift in millimetres, checked at birth."""

    R: Array  # (3, 3)
    t: Array  # (3,)

    def __post_init__(self) -> None:
        R, t = np.asarray(self.R, float), np.asarray(self.t, float).reshape(-1)
        if R.shape != (3, 3) or t.shape != (3,):
            raise ValueError(f"a rigid motion needs (3, 3) and (3,), not {R.shape} and {t.shape}")
        if not (np.isfinite(R).all() and np.isfinite(t).all()):
            raise ValueError("a number is not finite")
        if np.abs(R @ R.T - np.eye(3)).max() > 1e-4 or np.linalg.det(R) < 0:
            raise ValueError(f"not a rotation (determinant {np.linalg.det(R):+.3f}): a mirror, a scale or a shear")
        object.__setattr__(self, "R", R)
        object.__setattr__(self, "t", t)

    @classmethod
    def identity(cls) -> Rigid:
        """Leave every point where it is."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> Rigid:  # (4, 4) or (3, 4)
        """From a homogeneous matrix; its last row must be 0 0 0 1 when it is there."""
        M = np.asarray(matrix, float)
        if M.shape not in ((4, 4), (3, 4)) or (M.shape == (4, 4) and not np.allclose(M[3], (0, 0, 0, 1))):
            raise ValueError(f"not a rigid 4x4 matrix (shape {M.shape})")
        return cls(M[:3, :3], M[:3, 3])

    @classmethod
    def from_similarity(cls, matrix: ArrayLike) -> Rigid:  # (4, 4)
        """The motion of a matrix that may first multiply all lengths."""
        M = np.array(matrix, float)
        if M.shape != (4, 4) or not np.linalg.det(M[:3, :3]) > 0:
            raise ValueError(f"not a similarity (shape {M.shape}), or a mirror")
        M[:3, :3] /= np.cbrt(np.linalg.det(M[:3, :3]))
        return cls.from_matrix(M)

    @classmethod
    def exp(cls, twist: ArrayLike) -> Rigid:  # (6,): rotation vector in radians, then shift
        """A small motion: turn by the first three, then shift by the last three."""
        w = np.asarray(twist, float)
        return cls(Rotation.from_rotvec(w[:3]).as_matrix(), w[3:])

    def as_matrix(self) -> Array:  # (4, 4)
        """The homogeneous matrix."""
        M = np.eye(4)
        M[:3, :3], M[:3, 3] = self.R, self.t
        return M

    def after_scale(self, scale: float) -> Array:  # (4, 4)
        """The matrix that first multiplies all lengths, then moves."""
        return self.as_matrix() @ np.diag([scale, scale, scale, 1.0])

    def scaled(self, factor: float) -> Rigid:
        """The same motion where all lengths are so many times as large."""
        return Rigid(self.R, factor * self.t)

    def apply(self, points: Array) -> Array:  # (..., 3)
        """Move points."""
        return points @ self.R.T + self.t

    def turn(self, directions: Array) -> Array:  # (..., 3)
        """Turn directions (normals), without the shift."""
        return directions @ self.R.T

    def inverse(self) -> Rigid:
        """The motion back."""
        return Rigid(self.R.T, -self.R.T @ self.t)

    def __matmul__(self, other: Rigid) -> Rigid:
        R = self.R @ other.R
        u, _, vt = np.linalg.svd(R)  # keeps long chains of products orthonormal
        return Rigid(u @ vt, self.R @ other.t + self.t)

    def angle_deg(self, other: Rigid | None = None) -> float:
        """Angle of the turn, or of the turn between two motions."""
        R = self.R if other is None else self.R.T @ other.R
        return float(np.degrees(Rotation.from_matrix(R).magnitude()))
