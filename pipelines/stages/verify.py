"""verify: one geometry judges the guesses of all sources."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import HalfModel, Hypotheses
from registration.verify.decide import verify
from registration.verify.params import VerifyParams
from registration.verify.record import Verdict


def run(
    ctx: Context, params: VerifyParams, poses: Hypotheses, clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf,
    capture_up: Capture, capture_down: Capture,
) -> Verdict:  # fmt: skip
    """Rank all hypotheses, best first."""
    up, down = HalfModel(capture_up, nerf_up, clouds.up), HalfModel(capture_down, nerf_down, clouds.down)
    return verify(up, down, poses, clouds.diameter_mm, params, ctx.rng, ctx.tick)
