"""icp: the best hypothesis, polished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import ByImage, halves_of
from registration.verify.params import IcpParams
from registration.verify.record import Registration, Verdict
from registration.verify.refine import polished, refine, resized, started_at

ROUGH = 0.05
"""Reach of the first alignment of a single image's guess, share of the diameter."""


def run(
    ctx: Context, params: IcpParams, verify: Verdict, clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf,
    capture_up: Capture, capture_down: Capture, ask: dict[str, Callable[[], ByImage]],
) -> Registration:  # fmt: skip
    """The transform between the captures."""
    up, down = halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down)
    if params.image:
        rough = of_image(ask["surfemb"](), params.image)
        wide = replace(params, reach_coarse=ROUGH)
        T = polished(up, down, rough, clouds.diameter_mm, wide, ctx.rng)[2].T_up_from_down
        verify = started_at(verify, T, clouds.diameter_mm, f"image {params.image}")
    scale = clouds.scale
    if not (capture_up.metric and capture_down.metric):
        start = Rigid.from_matrix(verify.T_up_from_down[0])
        T, grown = resized(up, down, start, clouds.diameter_mm, params, ctx.rng.spawn(1)[0])
        down, scale = down.scaled(grown), scale * grown
        verify = replace(verify, T_up_from_down=np.concatenate([T.as_matrix()[None], verify.T_up_from_down[1:]]))
    found = refine(up, down, verify, clouds.diameter_mm, params, ctx.rng)
    return replace(found, scale=scale, metric=capture_up.metric, unit_mm=(capture_up.unit_mm, capture_down.unit_mm))


def of_image(found: ByImage, name: str) -> Rigid:
    """Where the learned source puts an image, as T_up_from_down."""
    half, _, number = name.rpartition(":")
    images = found.images
    at = images.of(half or "down", int(number)) if number.isdigit() else []
    at = [k for k in at if not images.shared[k]] or at
    if not at:
        raise UserError("no image of this id is placed", f"icp.image={name}", "write half:id, such as down:17")
    return Rigid.from_matrix(images.T_up_from_down[at[0]])
