"""fuse: one surface and one cloud of the whole object."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.fuse.merge import fuse
from registration.fuse.params import FuseParams
from registration.fuse.record import Fused
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import halves_of
from registration.verify.record import Registration


def run(
    ctx: Context, params: FuseParams, icp: Registration, clouds: Clouds, nerf_up: NerfHalf, nerf_down: NerfHalf,
    capture_up: Capture, capture_down: Capture,
) -> Fused:  # fmt: skip
    """Merge both fields in the up frame."""
    up, down = halves_of(clouds, nerf_up, nerf_down, capture_up, capture_down, icp.scale)
    return fuse([(up, Rigid.identity()), (down, icp.T_up_from_down)], params, ctx.rng)
