"""nerf-up, nerf-down: the field of one half, from its last checkpoint where there is one."""

from __future__ import annotations

import numpy as np

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.nerf.params import NerfParams
from registration.nerf.record import NerfHalf

POOR = 0.85
"""Overlap of silhouettes and masks that a warning is given below."""
NAMED = 8
"""Images named in a message, at most."""


def run(ctx: Context, params: NerfParams, capture: Capture) -> NerfHalf:
    """Train and read off."""
    from registration.nerf.device import device_of
    from registration.nerf.extract import half_of
    from registration.nerf.screen import TOLERATED
    from registration.nerf.train import held_out, train

    device = device_of(ctx.device)
    seed = int(ctx.rng.integers(2**31))
    held = held_out(len(capture))
    kept = capture.only(np.setdiff1d(np.arange(len(capture)), held))
    try:
        level, curve = train(kept, params, seed, device, ctx.scratch / "checkpoint.pt", ctx.tick)
        half = half_of(capture, level, curve, held)
    except ValueError as error:
        raise UserError(
            f"no object could be learned, {error}", capture.name, "check the masks and the poses"
        ) from error
    ctx.log.info("%s: held-out PSNR %.1f dB, silhouettes agree by %.3f", capture.name, half.psnr, half.mask_iou)
    if len(half.odd):
        named = ", ".join(str(i) for i in capture.ids[half.odd][:NAMED]) + (", ..." if len(half.odd) > NAMED else "")
        told = f"{len(half.odd)} of {len(capture)} images do not fit the others ({named})"
        if len(half.odd) > TOLERATED * len(capture):
            raise UserError(told, capture.name, "their poses or masks are wrong: mend them or take them out")
        ctx.log.warning("%s: %s: their poses or masks are wrong", capture.name, told)
    if half.mask_iou < POOR:
        what = "the model's silhouettes agree with the masks by only"
        ctx.log.warning("%s: %s %.2f: masks or poses are poor", capture.name, what, half.mask_iou)
    return half
