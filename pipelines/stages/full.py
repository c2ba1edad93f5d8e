"""nerf-full: one field of both captures, from its last checkpoint where there is one; or what was fused of the halves."""

from __future__ import annotations

import logging
from dataclasses import replace

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.fuse.record import Fused, Model
from registration.nerf.params import FullParams
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import halves_of
from registration.verify.record import Registration


def run(
    ctx: Context, params: FullParams, icp: Registration, fuse: Fused, clouds: Clouds, nerf_up: NerfHalf,
    nerf_down: NerfHalf, capture_up: Capture, capture_down: Capture,
) -> Model:  # fmt: skip
    """The final model."""
    from registration.fuse.whole import passed_on, whole_of
    from registration.nerf.device import device_of

    T, known_mm = icp.T_up_from_down, 0.0 if icp.metric else params.diameter_mm
    if not params.steps:
        return replace(passed_on(fuse, T, ()), scale=icp.scale, known_mm=known_mm)
    up, down = halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down, icp.scale)
    seed, file = int(ctx.rng.integers(2**31)), ctx.scratch / "checkpoint.pt"
    model = whole_of(up, down, T, fuse, params, seed, device_of(ctx.device), file, ctx.tick)
    model = replace(model, scale=icp.scale, known_mm=known_mm)
    for note in model.notes:
        ctx.log.log(logging.INFO if model.joint else logging.WARNING, "%s: %s", capture_up.name, note)
    for capture, psnr, iou, old in zip(
        (capture_up, capture_down), model.psnr, model.mask_iou, model.fused_iou, strict=False
    ):
        told = "%s: held-out PSNR %.1f dB, silhouettes agree by %.3f (fused halves: %.3f)"
        ctx.log.info(told, capture.name, psnr, iou, old)
    return model
