"""join, and what follows it: the last stages of more than two captures."""

from __future__ import annotations

import logging
from typing import Any

from pipelines.pairs import argument, captures_in, pairs_of, stage_of
from pipelines.report.cad import CadCheck
from pipelines.report.many import report_of_many
from pipelines.report.record import Report
from pipelines.stages.context import Context
from pipelines.stages.full import final
from registration.fuse.labels import labels_of
from registration.fuse.merge import Placed
from registration.fuse.merge import fuse as fused_of
from registration.fuse.params import FuseParams, LabelsParams, ReportParams
from registration.fuse.record import Fused, Labels, Model
from registration.nerf.params import FullParams
from registration.nerf.record import Cloud
from registration.sources.base import HalfModel
from registration.verify.params import VerifyParams
from registration.verify.record import Joined
from registration.verify.together import joined


def cloud_in(inputs: dict[str, Any], name: str) -> Cloud:
    """A capture's cloud in its own unit, from the first pair it belongs to."""
    pair = next(p for p in pairs_of(captures_in(inputs)) if name in p)
    clouds = inputs[argument(stage_of("clouds", pair))]
    return clouds.up if name == pair[0] else clouds.down


def half_in(inputs: dict[str, Any], name: str) -> HalfModel:
    """A capture with its field and its cloud, in its own frame and unit."""
    return HalfModel(inputs[f"capture_{name}"], inputs[f"nerf_{name}"], cloud_in(inputs, name))


def placed_in(inputs: dict[str, Any], join: Joined) -> list[Placed]:
    """The captures that have a place, in the unit of the first of them."""
    names = captures_in(inputs)
    there = zip(join.placed, join.places, join.scales, strict=True)
    return [(half_in(inputs, names[n]).scaled(scale), T) for n, T, scale in there]


def join(ctx: Context, params: VerifyParams, **inputs: Any) -> Joined:
    """Where every capture lies."""
    names = captures_in(inputs)
    found = {
        (names.index(a), names.index(b)): inputs[argument(stage_of("icp", (a, b)))] for a, b in pairs_of(names)
    }
    answer = joined([half_in(inputs, name) for name in names], found, names, params, ctx.rng)
    for pair in answer.pairs:
        level = logging.WARNING if pair["state"] == "rejected" else logging.INFO
        told = "%s and %s: %s, confidence %.3f"
        ctx.log.log(level, told, names[pair["a"]], names[pair["b"]], pair["state"], pair["confidence"])
    if len(answer.placed) < len(names):
        left = ", ".join(inputs[f"capture_{name}"].name for n, name in enumerate(names) if n not in answer.placed)
        ctx.log.warning("%s: no pair connects it with the others; it takes no part in the model", left)
    return answer


def fuse(ctx: Context, params: FuseParams, join: Joined, **inputs: Any) -> Fused:
    """Merge all fields in the frame of the first capture."""
    return fused_of(placed_in(inputs, join), params, ctx.rng)


def full(ctx: Context, params: FullParams, join: Joined, fuse: Fused, **inputs: Any) -> Model:
    """The final model."""
    return final(ctx, params, placed_in(inputs, join), join.scales, fuse)


def labels(ctx: Context, params: LabelsParams, join: Joined, model: Model, **inputs: Any) -> Labels:
    """BOP label files of every capture that has a place."""
    names, places = captures_in(inputs), zip(join.placed, model.places, model.scales, strict=True)
    captures = {names[n]: (inputs[f"capture_{names[n]}"].scaled(scale), T) for n, T, scale in places}
    objid = inputs["capture_up"].notes.get("objid") or 1
    return labels_of(captures, model.fused, int(objid), join.symmetries)


def report(ctx: Context, params: ReportParams, join: Joined, model: Model, labels: Labels, **inputs: Any) -> Report:
    """One self-contained page."""
    return page(params, join, model, inputs)


def page(params: ReportParams, join: Joined, model: Model, inputs: dict[str, Any], cad: CadCheck | None = None) -> Report:
    """The same, perhaps with a CAD model beside it."""
    halves = [half for half, _ in placed_in(inputs, join)]
    return report_of_many(params, join, model, halves, captures_in(inputs), cad)
