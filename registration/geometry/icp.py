"""Registration of two solids that each know their own surface and free space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registration.geometry.distance import Solid
from registration.geometry.paint import FAINT, LEAST_MET, Tone, unlit
from registration.geometry.rigid import Array, Rigid

PRINT_WEIGHT = 2.0
"""What the print counts against the distances."""
MOST_GROWTH = 0.1
"""Of a single step, as a logarithm."""


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

    def scaled(self, factor: float) -> Side:
        """The same half in another size, about the origin of its frame; without its print."""
        return replace(self, points=self.points * factor, solid=self.solid.scaled(factor), bright=None, tone=None)


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
    scale: float = 1.0
    """What lengths of down were multiplied by before the motion; 1 unless the size was free."""


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


def unseen(T_up_from_down: Rigid) -> None:
    """Nobody watches the alignment."""


def align(
    up: Side, down: Side, start: Rigid, reaches: tuple[float, ...], iterations: int = 15,
    seen: Callable[[Rigid], None] = unseen, sized: bool = False,
) -> IcpResult:  # fmt: skip
    """Gauss-Newton with damping on both halves' distances at once, coarse to fine reaches (mm); ``seen`` is told every step.

    With ``sized`` the size of down is free, too; its print does not count then.
    """
    T, scale, grown, total, converged = start, 1.0, down, 0, False
    for reach in reaches:
        damping, last = 1e-3, np.inf
        converged = False
        for _ in range(iterations):
            A, b, cost = normal_equations(up, grown, T, reach, sized)
            if cost > last * (1 + 1e-9):
                damping *= 10
            else:
                damping = max(damping / 3, 1e-6)
            last = cost
            damped = A + damping * np.diag(np.diag(A)) + 1e-9 * np.eye(len(A))
            step: Array = np.asarray(np.linalg.solve(damped, -b), float)
            if sized:
                factor, middle = float(np.exp(np.clip(step[6], -MOST_GROWTH, MOST_GROWTH))), up.points.mean(0)
                T, scale = Rigid(T.R, middle + factor * (T.t - middle)), scale * factor
                grown = down.scaled(scale)
            T = about(up, step[:6]) @ T
            seen(T)
            total += 1
            still = np.linalg.norm(step[:3]) < 1e-5 and np.linalg.norm(step[3:6]) < 1e-4 * reach
            if still and np.abs(step[6:]).max(initial=0) < 1e-5:
                converged = True
                break
    return replace(finish(up, grown, T, reaches[-1], total, converged), scale=scale)


def about(up: Side, step: Array) -> Rigid:
    """A small motion about the middle of the upper half, where turn and shift hardly mix."""
    middle = up.points.mean(0)
    turn = Rigid.exp(np.concatenate([step[:3], np.zeros(3)]))
    return Rigid(turn.R, middle - turn.R @ middle + step[3:])


def normal_equations(up: Side, down: Side, T: Rigid, reach: float, sized: bool = False) -> tuple[Array, Array, float]:
    """J'WJ (6, 6), J'Wr (6,) and the robust cost, for a small motion applied after T; a seventh unknown is the growth of down."""
    n = 7 if sized else 6
    middle, A, b, cost = up.points.mean(0), np.zeros((n, n)), np.zeros(n), 0.0
    for home, host, X in ((down, up, T), (up, down, T.inverse())):
        moved = X.apply(home.points)
        r, g, w = residuals(moved, X.turn(home.normals), host.solid, reach)
        w = w * home.trust / max(float(home.trust.sum()), 1e-9)  # each half has the same say
        cost += robust_cost(r, reach) / 2
        rows = [(g, r, w)]
        if home.bright is not None and host.tone is not None:
            slope, off, weight = print_terms(moved, g, home.bright, host.tone, w * (np.abs(r) < 2 * reach), reach)
            cost += float(weight @ off**2) / reach**2
            rows.append((slope, off, weight))
        arm = (moved if host is up else home.points) - middle
        for slope, off, weight in rows:
            slope = slope if host is up else -T.turn(slope)  # the up points move the other way when T moves
            J = np.concatenate([np.cross(arm, slope), slope], 1)
            if sized:  # about the middle; the lower solid's own distances grow with it
                J = np.column_stack([J, (arm * slope).sum(1) + (off if host is down else 0)])
            A, b = A + (J * weight[:, None]).T @ J, b + (J * weight[:, None]).T @ off
    return A, b, cost


def print_terms(
    points: Array, normals: Array, bright: Array, tone: Tone, weight: Array, reach: float
) -> tuple[Array, Array, Array]:
    """Slopes along the surface (n, 3), residuals (n,) of brightness, as lengths in mm, and weights (n,): none where nothing meets."""
    there, slope = tone.around(points)
    slope, off, met = slope - (slope * normals).sum(1, keepdims=True) * normals, there - bright, weight > 0
    if met.sum() < LEAST_MET:
        return slope, off, np.zeros(len(off))
    off[met] = unlit(off[met, None], normals[met])[:, 0]
    varied = float((unlit(bright[met, None], normals[met]) ** 2).mean())
    scale = reach / np.sqrt(varied + FAINT**2)  # a print's own spread counts as one reach
    robust = 1 / (1 + (off * scale / (2 * reach)) ** 2)
    return slope * scale, off * scale, PRINT_WEIGHT * weight * met * robust * varied / (varied + FAINT**2)


def robust_cost(r: Array, reach: float) -> float:
    """Mean of how far points stand out of the other solid, each limited to one."""
    s = np.clip(r, 0, None) / reach
    return float((s**2 / (1 + s**2)).mean())


def finish(up: Side, down: Side, T: Rigid, reach: float, iterations: int, converged: bool) -> IcpResult:
    """The record of a finished alignment."""
    back = T.inverse()
    r1, _, w1 = residuals(T.apply(down.points), T.turn(down.normals), up.solid, reach)
    r2, _, w2 = residuals(back.apply(up.points), back.turn(up.normals), down.solid, reach)
    r, w = np.concatenate([r1, r2]), np.concatenate([w1, w2])
    near = (np.abs(r) < 2 * reach) & (w > 0.1)
    rms = float(np.sqrt((r[near] ** 2).mean())) if near.any() else float("inf")
    cost = (robust_cost(r1, reach) + robust_cost(r2, reach)) / 2
    return IcpResult(T, cost, rms, float(near.mean()), iterations, converged and bool(near.any()))
