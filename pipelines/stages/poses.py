"""poses-NAME: what one source guesses."""

from __future__ import annotations

from pipelines.pairs import plain
from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import Hypotheses, halves_of
from registration.sources.catalogue import load
from registration.sources.params import PosesParams


def run(
    ctx: Context, params: PosesParams, clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf, capture_up: Capture,
    capture_down: Capture,
) -> Hypotheses:  # fmt: skip
    """Ask the source that the stage is named after; it may have nothing to say."""
    up, down = halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down)
    found = load(plain(ctx.stage).removeprefix("poses-")).fit(up, params, ctx.rng, ctx.tick).propose(down, ctx.rng, ctx.tick)
    ctx.log.info("%s: %d hypotheses", ctx.stage, len(found))
    return Hypotheses.of(found)
