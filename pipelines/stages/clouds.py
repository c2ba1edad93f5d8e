"""clouds: the points of both halves that their captures really saw."""

from __future__ import annotations

from dataclasses import replace

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.geometry.mesh import diameter
from registration.nerf.params import CloudParams
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import halves_of
from registration.sources.size import size_of

OTHER_UNIT = 1.5
"""Halves whose sizes differ by more than this factor are in different units, or of different objects."""


def run(
    ctx: Context,
    params: CloudParams,
    nerf_up: NerfHalf,
    nerf_down: NerfHalf,
    capture_up: Capture,
    capture_down: Capture,
) -> Clouds:
    """Read off both fields."""
    from registration.nerf.cloud import clouds_of

    clouds = clouds_of((nerf_up, nerf_down), (capture_up, capture_down), params, ctx.rng)
    for capture, cloud in ((capture_up, clouds.up), (capture_down, clouds.down)):
        if len(cloud) < 200:
            raise UserError(
                f"only {len(cloud)} surface points were seen", capture.name, "more views, or better masks, are needed"
            )
    large = diameter(nerf_up.vertices), diameter(nerf_down.vertices)
    if capture_up.metric and capture_down.metric:
        if max(large) > OTHER_UNIT * min(large):
            told = "%s is %.3g mm large, %s %.3g: are both in millimetres?"
            ctx.log.warning(told, capture_up.name, large[0], capture_down.name, large[1])
        return clouds
    size = size_of(*halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down), ctx.rng)
    told = "a length of %s is %.4f of %s; turns that fit differ by %.2f %%"
    ctx.log.info(told, capture_down.name, size.factor, capture_up.name, 100 * size.spread)
    return replace(clouds, scale=size.factor, diameter_mm=max(large[0], size.factor * large[1]))
