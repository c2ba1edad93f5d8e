"""nerf-up, nerf-down: the field of one half, from its last checkpoint where there is one."""

from __future__ import annotations

import numpy as np

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.nerf.params import NerfParams
from registration.nerf.record import NerfHalf


def run(ctx: Context, params: NerfParams, capture: Capture) -> NerfHalf:
    """Train and read off."""
    from registration.nerf.device import device_of
    from registration.nerf.extract import half_of
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
    ctx.log.info("%s: PSNR %.1f dB, silhouettes agree by %.3f", capture.name, half.psnr, half.mask_iou)
    if half.mask_iou < 0.85:
        ctx.log.warning(
            "%s: the model's silhouettes agree with the masks by only %.2f: masks or poses are poor",
            capture.name,
            half.mask_iou,
        )
    return half
