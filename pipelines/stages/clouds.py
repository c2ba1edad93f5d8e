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
from registration.sources.size import OTHER_UNIT, rough_size, size_of


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
    up, down = halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down)
    if capture_up.metric and capture_down.metric:
        rough = rough_size(up, down)
        if not 1 / OTHER_UNIT < rough < OTHER_UNIT:
            ctx.log.warning(
                "%s looks %.3g times as large as %s: are both in millimetres?",
                capture_up.name,
                rough,
                capture_down.name,
            )
        return clouds
    size = size_of(up, down, ctx.rng)
    ctx.log.info(
        "a length of %s is %.4f of %s; turns that fit differ by %.2f %%",
        capture_down.name,
        size.factor,
        capture_up.name,
        100 * size.spread,
    )
    larger = max(diameter(nerf_up.vertices), size.factor * diameter(nerf_down.vertices))
    return replace(clouds, scale=size.factor, diameter_mm=larger)
