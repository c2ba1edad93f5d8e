"""verify: one geometry judges the guesses of the sources it asks, the cheap ones first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import Hypotheses, halves_of
from registration.sources.catalogue import in_order
from registration.verify.decide import Trial
from registration.verify.params import VerifyParams
from registration.verify.record import Verdict


def cheap(ctx: Context, params: VerifyParams, **inputs: Any) -> Verdict:
    """The same of one pair of many captures: the dear sources are only asked if the pair is needed to connect them."""
    return run(ctx, replace(params, sources=("cheap",)) if params.sources == ("auto",) else params, **inputs)


def run(
    ctx: Context, params: VerifyParams, clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf, capture_up: Capture,
    capture_down: Capture, ask: dict[str, Callable[[], Hypotheses]],
) -> Verdict:  # fmt: skip
    """Ask sources until one model is accepted; rank all that they guessed."""
    up, down = halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down)
    trial = Trial.of(up, down, clouds.diameter_mm, params, ctx.rng)
    cheap, dear = in_order(params.sources, list(ask))
    patient = params.sources != ("auto",)
    verdict, skipped = None, []
    for tier in ([*cheap], *([name] for name in dear)):
        if verdict is not None and verdict.accepted and not patient:
            skipped += tier
            continue
        guesses = [ask[name]() for name in tier]
        if sum(map(len, guesses)):
            verdict = trial.heard(guesses, ctx.tick)
    if verdict is None:
        raise UserError(
            "no source had a guess", ", ".join([*cheap, *dear]), "--set verify.sources=all asks all there are"
        )
    for name in skipped:
        ctx.log.info("poses-%s: skipped, the verdict is accepted without it", name)
    return verdict
