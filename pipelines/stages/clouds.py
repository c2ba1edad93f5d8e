"""clouds: the points of both halves that their captures really saw."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.nerf.params import CloudParams
from registration.nerf.record import Clouds, NerfHalf


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
    return clouds
