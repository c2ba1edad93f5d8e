"""nerf-full: one field of all captures, from its last checkpoint where there is one; or what was fused of the halves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.fuse.merge import Placed
from registration.fuse.record import Fused, Model
from registration.geometry.rigid import Rigid
from registration.nerf.params import FullParams
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import halves_of
from registration.verify.record import Registration


def run(
    ctx: Context, params: FullParams, icp: Registration, fuse: Fused, clouds: Clouds, nerf_up: NerfHalf,
    nerf_down: NerfHalf, capture_up: Capture, capture_down: Capture,
) -> Model:  # fmt: skip
    """The final model of two captures."""
    up, down = halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down, icp.scale)
    return final(ctx, params, [(up, Rigid.identity()), (down, icp.T_up_from_down)], (1.0, icp.scale), icp.metric, fuse)


def final(
    ctx: Context, params: FullParams, parts: Sequence[Placed], scales: Sequence[float], metric: bool, fused: Fused
) -> Model:
    """The final model of captures that have a place; ``metric`` if their unit is known."""
    from registration.fuse.whole import passed_on, whole_of
    from registration.nerf.device import device_of

    _, scale, *others = scales
    known_mm = 0.0 if metric else params.diameter_mm
    if not params.steps:
        return replace(passed_on(fused, parts, ()), scale=scale, other_scales=tuple(others), known_mm=known_mm)
    seed, file = int(ctx.rng.integers(2**31)), ctx.scratch / "checkpoint.pt"
    model = whole_of(parts, fused, params, seed, device_of(ctx.device), file, ctx.tick)
    for note in model.notes:
        ctx.log.log(logging.INFO if model.joint else logging.WARNING, "%s: %s", parts[0][0].capture.name, note)
    for (half, _), psnr, iou, old in zip(parts, model.psnr, model.mask_iou, model.fused_iou, strict=False):
        told = "%s: held-out PSNR %.1f dB, silhouettes agree by %.3f (fused halves: %.3f)"
        ctx.log.info(told, half.capture.name, psnr, iou, old)
    return replace(model, scale=scale, other_scales=tuple(others), known_mm=known_mm)
