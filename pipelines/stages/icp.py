"""icp: the best hypothesis, polished."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import HalfModel
from registration.verify.decide import refine
from registration.verify.params import IcpParams
from registration.verify.record import Registration, Verdict


def run(
    ctx: Context, params: IcpParams, verify: Verdict, clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf,
    capture_up: Capture, capture_down: Capture,
) -> Registration:  # fmt: skip
    """The transform between the captures."""
    up, down = HalfModel(capture_up, nerf_up, clouds.up), HalfModel(capture_down, nerf_down, clouds.down)
    return refine(up, down, verify, clouds.diameter_mm, params, ctx.rng)
