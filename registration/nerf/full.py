"""Training of the whole object: one field on the rays of all captures, from the surface that was fused of the halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.mesh import iso_surface
from registration.nerf import checkpoint
from registration.nerf.checkpoint import Progress
from registration.nerf.draw import Draw
from registration.nerf.joint import Drift, drawn_of, joint_light, joint_rays, joint_slack, own_light
from registration.nerf.lamp import LIFT
from registration.nerf.level import ADAM, Level, make_level
from registration.nerf.loss import loss_of
from registration.nerf.params import FullParams
from registration.nerf.rays import Rays
from registration.nerf.train import run_level, settling
from registration.progress import Tick

WARM = 0.3
"""The motions between the captures are learned from this share of the steps on: before, the colours are not yet known."""


@dataclass(frozen=True)
class Start:
    """Where the training begins: the surface and the colours of the fused halves, in the first capture's frame."""

    box: Box
    sdf: NDArray[np.float32]  # box.shape, voxels
    tint: NDArray[np.float32]  # (*box.shape, 3) 0..1


@dataclass
class Whole:
    """A training of all captures: the field, and how each capture after the first moved against that."""

    level: Level
    drifts: list[Drift]
    optimiser: torch.optim.Optimizer
    """Of the drifts."""
    rays: Rays
    params: FullParams
    at: Progress
    file: Path

    def save(self) -> None:
        """Write a checkpoint."""
        twists = torch.stack([drift.twist.detach() for drift in self.drifts])
        own = {"drifts": twists, "drift_optimiser": self.optimiser.state_dict()}
        checkpoint.write(self.file, self.at, checkpoint.level_body(self.level) | own)

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one."""
        found = checkpoint.read(self.file, str(self.rays.edge.device))
        if found is not None:
            self.at, body = found
            self.level = checkpoint.restore_level(body, self.params.field)
            with torch.no_grad():
                for drift, twist in zip(self.drifts, body["drifts"], strict=True):
                    drift.twist.copy_(twist)
            self.optimiser.load_state_dict(body["drift_optimiser"])

    def half(self, views: NDArray[np.int64]) -> Level:
        """The level with the light of some views of one capture alone."""
        return replace(self.level, light=own_light(self.level.light, views))


def train_full(
    captures: Sequence[Capture], start: Start, left_out: list[int], params: FullParams, seed: int, device: str,
    file: Path, tick: Tick,
) -> Whole:  # fmt: skip
    """A field on all views but those left out; the captures share the start's frame, but for what the drifts find."""
    mesh = iso_surface(start.sdf, start.box.low, start.box.step)
    light, slack = joint_light(captures, mesh, LIFT * start.box.step), joint_slack(captures, mesh)
    level = make_level(start.box, start.sdf, start.tint, light, slack, params.field, device)
    ends = np.cumsum([len(c) for c in captures]).tolist()
    drifts = [Drift.none(start.box, first, after, device) for first, after in pairwise(ends)]
    optimiser = torch.optim.Adam([drift.twist for drift in drifts], params.pose_rate, betas=ADAM)
    at = Progress(2, 0, torch.Generator(device="cpu").manual_seed(seed))
    whole = Whole(level, drifts, optimiser, joint_rays(captures, device).without(left_out), params, at, file)
    whole.restore()
    stepped, field = partial(step_of, whole), params.field  # as the fine level of a half is; the drifts are learned along
    run_level(
        whole.level, Draw(len(whole.rays.edge)), field, field.soft_fine, partial(settling, field.fine_pace), params.steps, whole.at, stepped, whole.save,
        lambda done: tick(done, params.steps),
    )  # fmt: skip
    return whole


def step_of(
    whole: Whole, drawn: torch.Tensor, jitter: torch.Tensor, smooth_at: torch.Tensor, soft: float, share: float
) -> float:
    """One step of all tables, and of the drifts once the colours are known; the mean colour error."""
    params, moving = whole.params, whole.params.refine_pose and share >= WARM
    rays = drawn_of(whole.rays, drawn)
    if moving:
        for drift in whole.drifts:
            rays = drift.moved(rays)
    every = torch.arange(len(drawn), device=drawn.device)
    loss, error = loss_of(whole.level, rays, every, jitter, smooth_at, soft, params.field)
    for optimiser in (whole.level.optimiser, whole.optimiser):
        optimiser.zero_grad(set_to_none=False)
    loss.backward()
    whole.level.optimiser.step()
    if moving:
        whole.optimiser.param_groups[0]["lr"] = params.pose_rate * min(1.0, 2 * (1 - share))
        whole.optimiser.step()
    return error
