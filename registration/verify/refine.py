"""From the verdict to the registration: the best hypothesis polished, and what else the evidence leaves open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from registration.geometry.icp import IcpResult, Side, align, unseen
from registration.geometry.rigid import Array, Rigid
from registration.sources.base import HalfModel
from registration.verify.decide import NEAR_DEG, NEAR_SHARE, TOLD
from registration.verify.params import IcpParams
from registration.verify.record import Registration, Verdict
from registration.verify.symmetry import turn_about

MOST_TOLD = 8


def polished(
    up: HalfModel, down: HalfModel, start: Rigid, diameter: float, params: IcpParams, rng: np.random.Generator,
    seen: Callable[[Rigid], None] = unseen,
) -> tuple[Side, Side, IcpResult]:  # fmt: skip
    """Both halves as the ICP sees them, and where it ends; ``seen`` is told every step."""
    a, b = (h.side(h.has_print()).thinned(params.points, rng) for h in (up, down))
    reaches = (params.reach_coarse * diameter, params.reach_fine * diameter)
    return a, b, align(a, b, start, reaches, params.max_iterations, seen)


def gaps_between(up: Side, down: Side, T_up_from_down: Rigid) -> Array:  # (n + m,)
    """How far each half's points lie from the other half's surface, mm."""
    T, back = T_up_from_down, T_up_from_down.inverse()
    return np.abs(np.concatenate([up.solid.at(T.apply(down.points)), down.solid.at(back.apply(up.points))]))


def started_at(verdict: Verdict, T: Rigid, diameter: float, words: str) -> Verdict:
    """A verdict with a start that somebody asked for in the first place; only what agrees with the judges keeps its confidence."""
    near = [n for n, M in enumerate(verdict.T_up_from_down) if meets(Rigid.from_matrix(M), T, diameter)]
    group = int(verdict.group[near[0]]) if near else -1
    chance = np.array([verdict.probability[group] if near else 0.0])
    first = np.concatenate([T.as_matrix()[None], verdict.T_up_from_down])
    return replace(
        verdict, T_up_from_down=first, probability=np.concatenate([chance, verdict.probability]),
        group=np.concatenate([[0], verdict.group + 1]), cost=np.concatenate([[np.nan], verdict.cost]),
        source=(f"surfemb, {words}", *verdict.source), accepted=verdict.accepted and group == 0,
        reasons=(f"started from {words}, as it was asked for", *verdict.reasons),
    )  # fmt: skip


def meets(a: Rigid, b: Rigid, diameter: float) -> bool:
    """Whether an alignment may be expected to bring both to the same place."""
    return a.angle_deg(b) < 5 * NEAR_DEG and bool(np.linalg.norm(a.t - b.t) < 3 * NEAR_SHARE * diameter)


def resized(
    up: HalfModel, down: HalfModel, start: Rigid, diameter: float, params: IcpParams, rng: np.random.Generator
) -> tuple[Rigid, float]:
    """What the lower half must grow by to fit best where it lies, and the motion that belongs to it then."""
    a, b = (h.side().thinned(params.points, rng) for h in (up, down))
    reaches = (params.reach_coarse * diameter, params.reach_fine * diameter)
    result = align(a, b, start, reaches, params.max_iterations, sized=True)
    return result.T_up_from_down, result.scale


def refine(
    up: HalfModel, down: HalfModel, verdict: Verdict, diameter: float, params: IcpParams, rng: np.random.Generator
) -> Registration:
    """Polish the best hypothesis; leave it as it was if the ICP does not settle."""
    start = Rigid.from_matrix(verdict.T_up_from_down[0])
    a, b, result = polished(up, down, start, diameter, params, rng)
    wandered = result.T_up_from_down.angle_deg(start) > 5
    T = start if wandered or not np.isfinite(result.rms_mm) else untwisted(result.T_up_from_down, start, verdict.held)
    gaps = gaps_between(a, b, T)
    near = gaps < 2 * params.reach_coarse * diameter
    return Registration(
        T_up_from_down=T, confidence=float(verdict.probability[0]), accepted=verdict.accepted, alternatives=alternatives_of(verdict),
        source=verdict.source[0], candidates=verdict.candidates, chamfer_mm=float(gaps[near].mean()) if near.any() else float("inf"),
        overlap=float(near.mean()), diameter_mm=diameter, rms_mm=result.rms_mm, converged=result.converged and not wandered,
        start=start.as_matrix(), reasons=verdict.reasons, symmetries=verdict.symmetries,
    )  # fmt: skip


def untwisted(T: Rigid, start: Rigid, held: Array) -> Rigid:  # (2, 3) or (0, 3)
    """A refined transform without what it turned about an axis that is to be held."""
    if not len(held):
        return T
    axis, middle = held
    quaternion = Rotation.from_matrix((T @ start.inverse()).R).as_quat()  # (x, y, z, w)
    twist = 2 * np.degrees(np.arctan2(quaternion[:3] @ axis, quaternion[3]))
    return turn_about(axis, middle, -float(twist)) @ T


def alternatives_of(verdict: Verdict) -> tuple[dict[str, object], ...]:
    """Transforms that the evidence cannot tell from the best one: of the same model, and of others that are not unlikely."""
    told = [
        n for n in range(1, len(verdict.cost)) if verdict.group[n] == 0 or verdict.probability[verdict.group[n]] >= TOLD
    ]
    return tuple(
        {
            "T_up_from_down": verdict.T_up_from_down[n].tolist(),
            "confidence": round(float(verdict.probability[verdict.group[n]]), 4),
            "same_model": bool(verdict.group[n] == 0),
        }
        for n in told[:MOST_TOLD]
    )
