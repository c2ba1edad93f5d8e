"""poses: what the sources guess."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import HalfModel, Hypotheses, Hypothesis
from registration.sources.catalogue import load
from registration.sources.params import PosesParams


def run(
    ctx: Context,
    params: PosesParams,
    clouds: Clouds,
    nerf_up: NerfHalf,
    nerf_down: NerfHalf,
    capture_up: Capture,
    capture_down: Capture,
) -> Hypotheses:
    """Ask every source named in the parameters."""
    if not params.sources:
        raise UserError("no source to ask", "poses.sources", "name at least one, such as shape")
    up, down = HalfModel(capture_up, nerf_up, clouds.up), HalfModel(capture_down, nerf_down, clouds.down)
    guesses: list[Hypothesis] = []
    for name in params.sources:
        proposer = load(name).fit(up, params, ctx.rng, ctx.tick)
        found = proposer.propose(down, ctx.rng, ctx.tick)
        ctx.log.info("source %s: %d hypotheses", name, len(found))
        guesses += found
    if not guesses:
        raise UserError("no source had a guess", ", ".join(params.sources), "ask more sources: --set poses.sources=...")
    return Hypotheses.of(guesses)
