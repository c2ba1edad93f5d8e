"""Motions between frames that may count lengths differently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registration.geometry.rigid import Array, Rigid


@dataclass(frozen=True, eq=False)
class Similar:
    """First all lengths times a scale, then a motion; named by its frames as motions are."""

    motion: Rigid
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"a scale of {self.scale}")

    @classmethod
    def identity(cls) -> Similar:
        """Leave every point where it is."""
        return cls(Rigid.identity())

    def as_matrix(self) -> Array:  # (4, 4)
        """The homogeneous matrix."""
        return self.motion.after_scale(self.scale)

    def apply(self, points: Array) -> Array:  # (..., 3)
        """Move points."""
        return self.motion.apply(self.scale * points)

    def inverse(self) -> Similar:
        """The way back."""
        back = self.motion.inverse()
        return Similar(Rigid(back.R, back.t / self.scale), 1 / self.scale)

    def __matmul__(self, other: Similar) -> Similar:
        step = Rigid(other.motion.R, self.scale * other.motion.t)
        return Similar(self.motion @ step, self.scale * other.scale)
