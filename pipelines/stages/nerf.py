"""nerf-up, nerf-down: the field of one half, from its last checkpoint where there is one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.nerf.params import NerfParams
from registration.nerf.record import NerfHalf

if TYPE_CHECKING:
    from registration.nerf.level import Level

POOR = 0.85
"""Overlap of silhouettes and masks that a warning is given below."""
NAMED = 8
"""Images named in a message, at most."""


def learned(
    ctx: Context, params: NerfParams, capture: Capture, seed: int, device: str
) -> tuple[Level, list[list[float]], dict[str, str]]:
    """The field by the back-end that is wanted, its curve of errors, and who else had a hand in it."""
    if params.backend == "nerfstudio":
        from registration.nerf.studio import train_studio

        level, notes = train_studio(capture, params, seed, device, ctx.scratch, ctx.tick)
        ctx.log.info("%s: learned by %s", capture.name, ", ".join(f"{k} {v}" for k, v in sorted(notes.items())))
        return level, [], notes
    from registration.nerf.train import train

    level, curve = train(capture, params, seed, device, ctx.scratch / "checkpoint.pt", ctx.tick)
    return level, curve, {}


def run(ctx: Context, params: NerfParams, capture: Capture) -> NerfHalf:
    """Train and read off."""
    from registration.nerf.device import device_of
    from registration.nerf.extract import half_of
    from registration.nerf.screen import TOLERATED
    from registration.nerf.train import held_out

    device = device_of(ctx.device)
    seed = int(ctx.rng.integers(2**31))
    held = held_out(len(capture))
    kept = capture.only(np.setdiff1d(np.arange(len(capture)), held))
    try:
        level, curve, notes = learned(ctx, params, kept, seed, device)
        half = replace(half_of(capture, level, curve, held), notes=notes)
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
