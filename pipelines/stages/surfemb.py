"""poses-surfemb: every image is placed on the other half, both ways, and all of them vote."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.embedding.record import Features
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import ByImage, halves_of
from registration.sources.params import PosesParams


def run(
    ctx: Context, params: PosesParams, clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf, capture_up: Capture,
    capture_down: Capture, features_up: Features, features_down: Features,
) -> ByImage:  # fmt: skip
    """Place, and pool."""
    from registration.nerf.device import device_of
    from registration.sources.surfemb import guess

    up, down = halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down)
    features = features_up.sized(1.0), features_down.sized(clouds.scale)
    found = guess(up, down, features, params, ctx.rng, device_of(ctx.device), ctx.tick)
    placed = len(set(zip(found.images.half, found.images.image.tolist(), strict=True)))
    total = len(capture_up) + len(capture_down)
    ctx.log.info("%s: %d of %d images placed, %d hypotheses", ctx.stage, placed, total, len(found))
    return found
