"""From evidence to a verdict: ranking, rivals, confidence."""

from __future__ import annotations

import numpy as np

from registration.geometry.distance import chamfer_parts
from registration.geometry.icp import align
from registration.geometry.rigid import Array, Rigid
from registration.progress import Tick
from registration.sources.base import HalfModel, Hypotheses
from registration.verify.params import IcpParams, VerifyParams
from registration.verify.record import Registration, Verdict
from registration.verify.score import Evidence, Witness, judge


def total_of(e: Evidence, p: VerifyParams) -> float:
    """What hypotheses are ranked by: lower is better."""
    return p.mask_weight * e.mask + p.free_weight * e.free + p.apart_weight * e.apart


def moved_off(model: Array, T: Rigid, other: Rigid, diameter: float) -> float:
    """How far a model moves when one transform is taken for the other: 95 % of the surface, share of the diameter."""
    a = other.inverse().apply(T.apply(model))
    one, two = chamfer_parts(a, model)
    return float(max(np.quantile(one, 0.95), np.quantile(two, 0.95))) / diameter


def whole_model(up: HalfModel, down: HalfModel, T: Rigid, most: int, rng: np.random.Generator) -> Array:
    """Both clouds in the down frame, thinned."""
    points = np.concatenate([T.inverse().apply(up.cloud.points), down.cloud.points])
    return points[rng.permutation(len(points))[:most]]


def verify(
    up: HalfModel,
    down: HalfModel,
    guesses: Hypotheses,
    diameter: float,
    params: VerifyParams,
    rng: np.random.Generator,
    tick: Tick,
) -> Verdict:
    """Pull every guess into contact, judge it, rank all."""
    a, b = Witness.of(up, params.points, rng), Witness.of(down, params.points, rng)
    judged: list[tuple[Rigid, Evidence, str]] = []
    for n, (matrix, source) in enumerate(zip(guesses.T_up_from_down, guesses.source, strict=True)):
        reaches = (0.02 * diameter, params.reach * diameter)
        T = align(a.side, b.side, Rigid.from_matrix(matrix), reaches).T_up_from_down
        if all(T.angle_deg(k) > 1.0 or np.linalg.norm(T.t - k.t) > 0.01 * diameter for k, _, _ in judged):
            judged.append((T, judge(a, b, T, params.reach * diameter), source))
        tick(n + 1, len(guesses))
    judged.sort(key=lambda row: total_of(row[1], params))
    best = judged[0][0]
    model = whole_model(up, down, best, 6000, rng)
    same = np.array([0.0] + [moved_off(model, best, T, diameter) for T, _, _ in judged[1:]])
    totals = np.array([total_of(e, params) for _, e, _ in judged])
    confidence, reasons = confidence_of(judged[0][1], totals, same, params)
    column = lambda name: np.array([getattr(e, name) for _, e, _ in judged])  # noqa: E731
    return Verdict(
        T_up_from_down=np.array([T.as_matrix() for T, _, _ in judged]), mask=column("mask"), free=column("free"), apart=column("apart"),
        overlap=column("overlap"), chamfer_mm=column("chamfer_mm"), total=totals, same=same,
        tied=(totals - totals[0] < params.tie) & (np.arange(len(totals)) > 0), same_model=same <= params.same,
        source=tuple(s for _, _, s in judged), candidates=len(guesses), confidence=confidence, reasons=reasons,
    )  # fmt: skip


def confidence_of(best: Evidence, totals: Array, same: Array, params: VerifyParams) -> tuple[float, tuple[str, ...]]:
    """A first, simple confidence: is the best one good in itself, and whether a rival that gives another model comes near."""

    def falling(x: float, half: float, width: float) -> float:
        return float(1 / (1 + np.exp(np.clip((x - half) / width, -50, 50))))

    fits = falling(best.mask, 0.02, 0.003) * falling(best.free, 0.12, 0.015)
    meets = 1 - falling(best.overlap, 0.15, 0.03)
    rivals = np.flatnonzero(same > params.same)
    gap = float(totals[rivals].min() - totals[0]) if len(rivals) else float("inf")
    clear = 1 - falling(gap, params.tie, params.tie / 4)
    reasons = (
        f"{100 * best.mask:.1f} % of the points outside the other capture's masks, beyond the masks' own noise",
        f"{100 * best.free:.1f} % stand in space the other capture looked through",
        f"{100 * best.overlap:.0f} % of the points meet the other half's surface",
        "no rival gives another model"
        if not len(rivals)
        else f"the nearest rival with another model is {gap:.4f} worse ({params.tie:g} counts as a tie)",
    )
    return fits * meets * clear, reasons


def refine(
    up: HalfModel, down: HalfModel, verdict: Verdict, diameter: float, params: IcpParams, rng: np.random.Generator
) -> Registration:
    """Polish the best hypothesis; leave it as it was if the ICP does not settle."""
    start = Rigid.from_matrix(verdict.T_up_from_down[0])
    a, b = up.side().thinned(params.points, rng), down.side().thinned(params.points, rng)
    reaches = (params.reach_coarse * diameter, params.reach_fine * diameter)
    result = align(a, b, start, reaches, params.max_iterations)
    wandered = result.T_up_from_down.angle_deg(start) > 5
    T = start if wandered or not np.isfinite(result.rms_mm) else result.T_up_from_down
    close = np.flatnonzero(verdict.tied)[:8]
    alternatives = tuple(
        {
            "T_up_from_down": verdict.T_up_from_down[n].tolist(),
            "confidence": round(verdict.confidence, 4),
            "same_model": bool(verdict.same_model[n]),
        }
        for n in close
    )
    ahead, home = b.points, a.points
    gaps = np.abs(np.concatenate([a.solid.at(T.apply(ahead)), b.solid.at(T.inverse().apply(home))]))
    near = gaps < 2 * params.reach_coarse * diameter
    return Registration(
        T_up_from_down=T, confidence=verdict.confidence, accepted=verdict.confidence >= params.accept, alternatives=alternatives,
        source=verdict.source[0], candidates=verdict.candidates, chamfer_mm=float(gaps[near].mean()) if near.any() else float("inf"),
        overlap=float(near.mean()), diameter_mm=diameter, rms_mm=result.rms_mm, converged=result.converged and not wandered,
        start=start.as_matrix(), reasons=verdict.reasons,
    )  # fmt: skip
