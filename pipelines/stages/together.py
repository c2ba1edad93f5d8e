"""join, and what follows it: the last stages of more than two captures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import combinations
from typing import Any

from pipelines.pairs import argument, captures_in, stage_of
from pipelines.placed import half_in, placed_in
from pipelines.report.many import page_of
from pipelines.report.record import Report
from pipelines.stages.context import Context
from pipelines.stages.full import final
from registration.fuse.labels import labels_of
from registration.fuse.merge import fuse as fused_of
from registration.fuse.params import FuseParams, LabelsParams, ReportParams
from registration.fuse.record import Fused, Labels, Model
from registration.nerf.params import FullParams
from registration.verify.params import VerifyParams
from registration.verify.record import Joined, Registration
from registration.verify.together import joined, worth_asking


def join(
    ctx: Context, params: VerifyParams, ask: dict[str, Callable[[], Registration]], **inputs: Any
) -> Joined:  # fmt: skip
    """Where every capture lies; pairs are asked to think harder for as long as a capture has no place."""
    names = captures_in(inputs)
    found = {(a, b): inputs[argument(stage_of("icp", (names[a], names[b])))] for a, b in combinations(range(len(names)), 2)}
    asked: set[tuple[int, int]] = set()
    while pair := worth_asking(found, asked):
        ctx.log.info("%s and %s: asked again, no accepted pair connects all captures", *(names[n] for n in pair))
        found[pair] = ask[" ".join(names[n] for n in pair)]()
        asked.add(pair)
    answer = joined([half_in(inputs, name) for name in names], found, names, params, ctx.rng)
    tell(ctx, answer, names, inputs)
    return answer


def tell(ctx: Context, answer: Joined, names: tuple[str, ...], inputs: dict[str, Any]) -> None:
    """What became of every pair."""
    for pair in answer.pairs:
        level = logging.WARNING if pair["state"] == "rejected" else logging.INFO
        told = "%s and %s: %s, confidence %.3f"
        ctx.log.log(level, told, names[pair["a"]], names[pair["b"]], pair["state"], pair["confidence"])
    left = [inputs[f"capture_{name}"].name for n, name in enumerate(names) if n not in answer.placed]
    if left:
        ctx.log.warning("%s: no pair connects it with the others; it takes no part in the model", ", ".join(left))


def fuse(ctx: Context, params: FuseParams, join: Joined, **inputs: Any) -> Fused:
    """Merge all fields in the frame of the first capture."""
    return fused_of(placed_in(inputs, join), params, ctx.rng)


def full(ctx: Context, params: FullParams, join: Joined, fuse: Fused, **inputs: Any) -> Model:
    """The final model."""
    return final(ctx, params, placed_in(inputs, join), join.scales, join.metric, fuse)


def labels(ctx: Context, params: LabelsParams, join: Joined, model: Model, **inputs: Any) -> Labels:
    """BOP label files of every capture that has a place."""
    names, k = captures_in(inputs), model.grown
    model, join = model.scaled(k), join.scaled(k)
    places = zip(join.placed, model.places, model.scales, strict=True)
    captures = {names[n]: (inputs[f"capture_{names[n]}"].scaled(scale * k), T) for n, T, scale in places}
    objid = inputs["capture_up"].notes.get("objid") or 1
    return labels_of(captures, model.fused, int(objid), join.symmetries)


def report(ctx: Context, params: ReportParams, join: Joined, model: Model, labels: Labels, **inputs: Any) -> Report:
    """One self-contained page."""
    return page_of(params, join, model, inputs)
