"""poses-surfemb: every image is placed on the other half, both ways, and all of them vote."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.embedding.record import Features
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import ByImage, HalfModel
from registration.sources.params import PosesParams


def run(
    ctx: Context, params: PosesParams, clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf, capture_up: Capture,
    capture_down: Capture, features_up: Features, features_down: Features,
) -> ByImage:  # fmt: skip
    """Place, and pool."""
    from registration.nerf.device import device_of
    from registration.sources.surfemb import asked, voted

    device, total = device_of(ctx.device), len(capture_up) + len(capture_down)
    up, down = HalfModel(capture_up, nerf_up, clouds.up), HalfModel(capture_down, nerf_down, clouds.down)
    before = len(capture_down)
    one = asked(features_up, down, "down", params, ctx.rng, device, lambda n, _: ctx.tick(n, total))
    two = asked(features_down, up, "up", params, ctx.rng, device, lambda n, _: ctx.tick(before + n, total))
    found = voted(up, down, [one, two], clouds.diameter_mm, params.keep)
    share = 100 * found.score[0] if len(found) else 0
    ctx.log.info("%s: %d guesses of %d images, the strongest pool has %.0f %%", ctx.stage, len(found.images), total, share)
    return found
