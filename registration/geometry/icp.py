"""Registration of two solids that each know their own surface and free space."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registration.geometry.distance import Solid
from registration.geometry.paint import FAINT, LEAST_MET, Tone, unlit
from registration.geometry.rigid import Array, Rigid

PRINT_WEIGHT = 2.0
"""What the print counts against the distances."""


@dataclass(frozen=True, eq=False)
class Side:
    """One half: seen surface points with outward normals, and the solid that no point of the object leaves."""

    points: Array  # (n, 3)
    normals: Array  # (n, 3)
    solid: Solid
    trust: Array  # (n,) 0..1 weight of each point
    bright: Array | None = None  # (n,) 0..1 brightness of each point, if the print is to be matched too
    tone: Tone | None = None
    """The brightness between the points."""

    def thinned(self, n: int, rng: np.random.Generator) -> Side:
        """At most n of the points."""
        return self if len(self.points) <= n else self.picked(rng.permutation(len(self.points))[:n])

    def picked(self, index: NDArray[np.int64]) -> Side:
        """Some of the points."""
        bright = None if self.bright is None else self.bright[index]
        return replace(
            self, points=self.points[index], normals=self.normals[index], trust=self.trust[index], bright=bright
        )


@dataclass(frozen=True)
class IcpResult:
    """Where it ended, and how sure that is."""

    T_up_from_down: Rigid
    cost: float
    """Mean robust cost of all points, 0 (perfect) to 1."""
    rms_mm: float
    """Of the points that found the other surface."""
    overlap: float
    """Share of points that found the other surface, 0..1."""
    iterations: int
    converged: bool


def residuals(points: Array, normals: Array, solid: Solid, reach: float) -> tuple[Array, Array, Array]:
    """Signed distances (n,), slopes (n, 3) and weights (n,) of points moved into a solid's frame.

    A point in front of the surface is in known free space: it always counts, up to a limit. A point beneath it
    may belong to a part the other half never saw: it counts only near the surface and where the normals agree.
    """
    distance, slope = solid.around(points)
    agree = np.clip((slope * normals).sum(1), 0, 1)
    scaled = np.abs(distance) / reach
    robust = 1 / (1 + scaled**2) ** 2
    weight = np.where(distance > 0, np.maximum(robust, 0.05), robust * (scaled < 2)) * np.where(
        distance > 0, 1.0, agree
    )
    return distance, slope, weight


def align(up: Side, down: Side, start: Rigid, reaches: tuple[float, ...], iterations: int = 15) -> IcpResult:
    """Gauss-Newton with damping on both halves' distances at once, coarse to fine reaches (mm)."""
    T, total, converged = start, 0, False
    for reach in reaches:
        damping, last = 1e-3, np.inf
        converged = False
        for _ in range(iterations):
            A, b, cost = normal_equations(up, down, T, reach)
            if cost > last * (1 + 1e-9):
                damping *= 10
            else:
                damping = max(damping / 3, 1e-6)
            last = cost
            step: Array = np.asarray(np.linalg.solve(A + damping * np.diag(np.diag(A)) + 1e-9 * np.eye(6), -b), float)
            T = about(up, step) @ T
            total += 1
            if np.linalg.norm(step[:3]) < 1e-5 and np.linalg.norm(step[3:]) < 1e-4 * reach:
                converged = True
                break
    return finish(up, down, T, reaches[-1], total, converged)


def about(up: Side, step: Array) -> Rigid:
    """A small motion about the middle of the upper half, where turn and shift hardly mix."""
    middle = up.points.mean(0)
    turn = Rigid.exp(np.concatenate([step[:3], np.zeros(3)]))
    return Rigid(turn.R, middle - turn.R @ middle + step[3:])


def normal_equations(up: Side, down: Side, T: Rigid, reach: float) -> tuple[Array, Array, float]:
    """J'WJ (6, 6), J'Wr (6,) and the robust cost, for a small motion applied after T."""
    middle = up.points.mean(0)
    moved = T.apply(down.points)
    r1, g1, w1 = residuals(moved, T.turn(down.normals), up.solid, reach)
    J1 = np.concatenate([np.cross(moved - middle, g1), g1], 1)
    back = T.inverse()
    r2, g2, w2 = residuals(back.apply(up.points), back.turn(up.normals), down.solid, reach)
    g2 = T.turn(g2)  # the up points move the other way when T moves
    J2 = -np.concatenate([np.cross(up.points - middle, g2), g2], 1)
    a, b = down.trust, up.trust
    w1, w2 = w1 * a / max(a.sum(), 1e-9), w2 * b / max(b.sum(), 1e-9)  # each half has the same say
    parts = [(J1, r1, w1), (J2, r2, w2)]
    if up.tone and down.tone and up.bright is not None and down.bright is not None:
        flat = lambda g, n: g - (g * n).sum(1, keepdims=True) * n  # noqa: E731
        r, w, g = print_terms(moved, g1, down.bright, up.tone, w1, np.abs(r1) < 2 * reach, reach)
        g = flat(g, g1)
        parts.append((np.concatenate([np.cross(moved - middle, g), g], 1), r, w))
        r, w, g = print_terms(back.apply(up.points), g2, up.bright, down.tone, w2, np.abs(r2) < 2 * reach, reach)
        g = flat(T.turn(g), g2)
        parts.append((-np.concatenate([np.cross(up.points - middle, g), g], 1), r, w))
    A, b = np.zeros((6, 6)), np.zeros(6)
    for J, r, w in parts:
        A, b = A + (J * w[:, None]).T @ J, b + (J * w[:, None]).T @ r
    return A, b, robust_cost(r1, r2, reach) + sum(float((w * r**2).sum()) / reach**2 for _, r, w in parts[2:])


def print_terms(
    points: Array, normals: Array, bright: Array, tone: Tone, weight: Array, met: NDArray[np.bool_], reach: float
) -> tuple[Array, Array, Array]:
    """Residuals (n,) and weights (n,) of brightness, as lengths in mm, and their slopes (n, 3): none where surfaces do not meet."""
    there, slope = tone.around(points)
    off = there - bright
    if met.sum() < LEAST_MET:
        return off, np.zeros(len(off)), slope
    off[met] = unlit(off[met, None], normals[met])[:, 0]
    varied = float((unlit(bright[met, None], normals[met]) ** 2).mean())
    scale = reach / np.sqrt(varied + FAINT**2)  # a print's own spread counts as one reach
    robust = 1 / (1 + (off * scale / (2 * reach)) ** 2)
    return off * scale, PRINT_WEIGHT * weight * met * robust * varied / (varied + FAINT**2), slope * scale


def robust_cost(r1: Array, r2: Array, reach: float) -> float:
    """Mean over both halves of how far points stand out of the other solid, each limited to one."""
    out = [np.clip(r, 0, None) / reach for r in (r1, r2)]
    return float(np.mean([(s**2 / (1 + s**2)).mean() for s in out]))


def finish(up: Side, down: Side, T: Rigid, reach: float, iterations: int, converged: bool) -> IcpResult:
    """The record of a finished alignment."""
    back = T.inverse()
    r1, _, w1 = residuals(T.apply(down.points), T.turn(down.normals), up.solid, reach)
    r2, _, w2 = residuals(back.apply(up.points), back.turn(up.normals), down.solid, reach)
    r, w = np.concatenate([r1, r2]), np.concatenate([w1, w2])
    near = (np.abs(r) < 2 * reach) & (w > 0.1)
    rms = float(np.sqrt((r[near] ** 2).mean())) if near.any() else float("inf")
    return IcpResult(T, robust_cost(r1, r2, reach), rms, float(near.mean()), iterations, converged and bool(near.any()))
