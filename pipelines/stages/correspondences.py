"""correspondences-up, correspondences-down: what every pixel of a look at the half shows, from anywhere."""

from __future__ import annotations

from dataclasses import replace

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.embedding.params import CorrespondenceParams
from registration.embedding.record import Correspondences
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import HalfModel


def run(
    ctx: Context, params: CorrespondenceParams, capture: Capture, nerf: NerfHalf, clouds: Clouds
) -> Correspondences:
    """Render."""
    from registration.sources.surfemb import bank_of

    up = ctx.stage.endswith("-up")
    scale = 1.0 if up else clouds.scale
    half = HalfModel(capture, nerf, clouds.up if up else clouds.down).scaled(scale)
    bank = bank_of(half, clouds.diameter_mm, params, ctx.rng, ctx.tick)
    ctx.log.info("%s: %d looks, %d of them where the cameras stood", ctx.stage, len(bank.looks), bank.own.sum())
    return replace(bank, scale=scale)
