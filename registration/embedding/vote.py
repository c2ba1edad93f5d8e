"""Every image guesses the same transform: guesses that agree are pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from registration.geometry.rigid import Array, Rigid
from registration.geometry.rotation import angles_between_deg

AGREE_DEG, AGREE_SHARE = 15.0, 0.15
"""Guesses that differ by less than this (of a turn, and of the diameter) are one."""
SAME_SIDE = (30.0, 90.0, -1.0)
"""Degrees between the sides that were looked at: below the first a guess loses this much, above the second nothing."""
LEAST_SUPPORT = 1e-3
"""What all images together lead nowhere near is no less likely."""
CLOSE = 0.5
"""A pool's middle is taken over those within this share of the above."""


@dataclass(frozen=True, eq=False)
class Votes:
    """What single images guess, as arrays."""

    R: Array  # (n, 3, 3)
    t: Array  # (n, 3)
    weight: Array  # (n,) not negative

    @classmethod
    def of(cls, guesses: Sequence[Rigid], weight: Array) -> Votes:
        """From transforms."""
        return cls(
            np.array([T.R for T in guesses]).reshape(-1, 3, 3), np.array([T.t for T in guesses]).reshape(-1, 3), weight
        )

    def apart(self, other: Votes, size: float) -> Array:  # (n, m)
        """How far guesses lie from others; from 1 on they do not agree."""
        turn = angles_between_deg(self.R, other.R) / AGREE_DEG
        return np.maximum(turn, np.linalg.norm(self.t[:, None] - other.t[None], axis=2) / (AGREE_SHARE * size))


def weights(scores: Array) -> Array:  # (n,)
    """What a guess of such a score counts: twice as much for every half a unit."""
    return np.exp2(2 * np.clip(scores, -3, 5))


def turned_over(T: Rigid, up: Array, down: Array) -> float:  # (3,), (3,)
    """Log-prior of a T_up_from_down: less if both captures would have looked at the same side.

    ``up`` and ``down`` point from each half to where its cameras stood, in its own frame.
    """
    angle = np.degrees(np.arccos(np.clip(T.turn(down) @ up, -1, 1)))
    return SAME_SIDE[2] * float(np.clip((SAME_SIDE[1] - angle) / (SAME_SIDE[1] - SAME_SIDE[0]), 0, 1))


def pooled(votes: Votes, size: float, most: int) -> list[tuple[Rigid, float]]:
    """Transforms with their share of all votes, the strongest first."""
    if not len(votes.weight) or votes.weight.sum() <= 0:
        return []
    apart = votes.apart(votes, size)
    near = np.clip(1 - apart, 0, 1)
    left = np.ones(len(apart), bool)
    out: list[tuple[Rigid, float]] = []
    while len(out) < most and left.any():
        strength = (near * left[None]) @ votes.weight
        k = int(np.argmax(np.where(left, strength, -1)))
        if strength[k] <= 0:
            break
        out.append((middle(votes, left & (apart[k] < CLOSE)), float(strength[k] / votes.weight.sum())))
        left &= apart[k] >= 1
    return out


def support(guesses: Votes, agreed: Votes | None, size: float) -> Array:  # (n,)
    """Log of how likely what lies near each guess is by all images together, against the likeliest."""
    if agreed is None or not len(guesses.weight):
        return np.zeros(len(guesses.weight))
    strength = np.clip(1 - guesses.apart(agreed, size), 0, 1) @ agreed.weight
    return np.log(np.maximum(strength / max(float(strength.max()), 1e-9), LEAST_SUPPORT))


def middle(votes: Votes, members: NDArray[np.bool_]) -> Rigid:
    """The mean of some guesses that lie near each other."""
    w = votes.weight[members]
    R = Rotation.from_matrix(votes.R[members]).mean(w).as_matrix()
    return Rigid(R, np.average(votes.t[members], axis=0, weights=w))
