"""Training of one half: hull, fog, coarse surface, finer ones; from a checkpoint where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.hull import Box, hull_box, hull_depth, shown
from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rigid import Array
from registration.nerf import checkpoint
from registration.nerf.border import Border, sharpened
from registration.nerf.carve import LAYERS, carved
from registration.nerf.checkpoint import Progress
from registration.nerf.draw import Draw, some
from registration.nerf.field import tint_at
from registration.nerf.fog import (
    PRUNED_AT,
    STILL,
    THICKEN,
    Fog,
    cut,
    density,
    fog_loss,
    make_fog,
    opened,
    prune,
    thickness_at,
)
from registration.nerf.hollow import filled
from registration.nerf.lamp import GREY, LIFT, light_on
from registration.nerf.level import ADAM, FINER_BAND, Level, as_coarse, finer, make_level
from registration.nerf.light import Light
from registration.nerf.loss import loss_of
from registration.nerf.params import NerfParams
from registration.nerf.rays import Rays, mask_distances, rays_of
from registration.nerf.screen import odd_views
from registration.progress import Tick

Told = Callable[[int], None]
Stepped = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float, float], float]
"""One step: rays drawn, their jitter, voxels held to their neighbours, softness, share of the steps done; the colour error."""

FOG_RIM_PX = 3.0
"""The fog looks at rays this far outside the masks."""
RIM = 1.0
"""Voxels around the hull that belong to it; what no mask can deny because hardly one shows it is taken out so far."""
HELD_EVERY, LEAST_VIEWS = 15, 12
LOOK_EVERY = 25
"""Steps between two looks at where the surface is."""
BETWEEN = 9, 12
"""Sixteenths of the fine grid's voxels that the levels between the coarse and the fine one have."""
LIDS_AFTER, LAYERS_AGAIN = (1,), 2
"""Levels of the surface after which lids are looked for once more, and how many voxels deep: what the fog left is plainer
then, but there is less of it, and what is dug too deep does not close again."""
DARK = 0.02
"""The light is fitted to a surface of this colour at least."""
SMOOTH_AT = 10_000
"""Voxels per step that are held to their neighbours."""


def hull_start(capture: Capture, distances: NDArray[np.float32], params: NerfParams) -> tuple[Box, NDArray[np.float32]]:
    """The hull's box and its signed distances in coarse voxels; where there is depth, what lies before it is cut out."""
    low, high = hull_box(capture.cameras, distances, capture.mask, params.tolerated_views)
    box = Box.around(low, high, params.coarse_grid)
    depth = hull_depth(capture.cameras, distances, box.points(), params.tolerated_views)
    hull = (-depth / box.step).reshape(box.shape).astype(np.float32)
    body = hull < RIM
    hull[body & ~shown(capture.cameras, capture.mask, box, body)] = RIM
    if capture.depth is not None:
        hull = cut(hull, seen_through(capture, box, params.tolerated_views) & (hull < 0))
    return box, hull


def seen_through(capture: Capture, box: Box, tolerated: int) -> NDArray[np.bool_]:  # box.shape
    """Voxels that lie clearly in front of the measured depth, in more views than are tolerated to be wrong."""
    assert capture.depth is not None
    points, votes = box.points(), np.zeros(int(np.prod(box.shape)), int)
    limit = np.array([capture.cameras.width - 1, capture.cameras.height - 1])
    for i, depth in enumerate(capture.depth):
        uv, z = capture.cameras.project(i, points)
        x, y = np.clip(np.rint(uv), 0, limit).astype(int).T
        votes += (z > 0) & capture.mask[i, y, x] & (depth[y, x] > 0) & (z < depth[y, x] - box.step)
    return (votes > tolerated).reshape(box.shape)


def held_out(views: int) -> NDArray[np.int64]:
    """The views that judge: one in fifteen, one at least, none of fewer than twelve."""
    return np.arange(HELD_EVERY // 2, views, HELD_EVERY) if views >= LEAST_VIEWS else np.zeros(0, np.int64)


def train(
    capture: Capture, params: NerfParams, seed: int, device: str, file: Path, tick: Tick
) -> tuple[Level, list[list[float]]]:
    """Fog, coarse, the grids between, fine without the views that do not fit; the finished level and its curve of (step, colour error)."""
    border = Border.of(capture, mask_distances(capture))
    rays = rays_of(capture, border.distances, device)
    plan = levels_of(params)
    steps = (params.fog_steps, *(count for count, _, _ in plan))
    found = checkpoint.read(file, device)
    at, body = found or (Progress(dice=torch.Generator(device="cpu").manual_seed(seed)), None)
    level = None if body is None or at.phase == 0 else checkpoint.restore_level(body, params)

    def told(done: int) -> None:
        tick(sum(steps[: at.phase]) + done, sum(steps))

    if level is None:
        box, hull = hull_start(capture, border.distances, params)
        fog = make_fog(box, hull, capture.cameras, device)
        train_fog(fog, rays, params, at, body, file, told)
        start = opened(hull, density(fog, THICKEN), box, capture.cameras)
        at.lights = fog.light.detach().cpu()
        start = filled(unlidded(start, box, capture, border, at.lights), box, [capture])
        mesh = iso_surface(start, box.low, box.step)
        light = light_on(capture, mesh, GREY, LIFT * box.step)
        level = make_level(box, start, None, light, torch.from_numpy(border.slack(mesh, capture)), params, device)
        level.coarse = as_coarse(level, start)
        at.phase, at.step = 1, 0
    while at.phase <= len(plan):
        count, soft, _ = plan[at.phase - 1]
        last = at.phase == len(plan)
        if last and border.blur and params.blur_noise:
            rays = rays_of(replace(capture, rgb=sharpened(capture, border.blur, params.blur_noise)), border.distances, device)
        train_level(level, rays.without(at.dropped), capture, border, params, soft, count, last, at, file, told)
        if not last:
            level, mesh = moved_on(level, capture, border, params, plan[at.phase][2], at.lights if at.phase in LIDS_AFTER else None)
            at.dropped = odd_views(mesh, capture).tolist() if at.phase == len(plan) - 1 else []
        at.phase, at.step = at.phase + 1, 0
    return level, at.curve


def levels_of(params: NerfParams) -> list[tuple[int, float, int]]:
    """Of each level its steps, how soft its surface is at the start, and its voxels along the longest side."""
    between = [params.fine_grid * k // 16 for k in BETWEEN if params.middle_steps and params.fine_grid * k // 16 > params.coarse_grid]
    return [
        (params.rough_steps, params.soft_coarse, params.coarse_grid),
        (params.coarse_steps, params.soft_coarse, params.coarse_grid),
        *((params.middle_steps, params.soft_fine, voxels) for voxels in between),
        (params.fine_steps, params.soft_fine, params.fine_grid),
    ]


def unlidded(
    sdf: NDArray[np.float32], box: Box, capture: Capture, border: Border, lights: torch.Tensor, layers: int = LAYERS
) -> NDArray[np.float32]:
    """Signed distances (voxels) with the lids taken off that show no one place, in so many layers at most."""
    return cut(sdf, carved(sdf, box, capture, border.distances, lights.numpy(), layers))


def moved_on(
    level: Level, capture: Capture, border: Border, params: NerfParams, voxels: int, lights: torch.Tensor | None
) -> tuple[Level, TriMesh]:
    """The same field on another grid, its hollows filled, lids taken off by the lights if they are given, light and masks' slack found anew; and its surface."""
    box = level.field.box
    sdf = filled(level.field.dense(), box, [capture])
    if lights is not None:
        sdf = unlidded(sdf, box, capture, border, lights, LAYERS_AGAIN)
    mesh = iso_surface(sdf, box.low, box.step)
    light = relit(level, mesh, capture, None)
    slack = torch.from_numpy(border.slack(mesh, capture))
    fine, distances, colour = finer(level, sdf, voxels)
    band = FINER_BAND * box.step / fine.step
    moved = make_level(fine, distances, colour, light, slack, params, str(level.slack.device), band)
    moved.coarse = as_coarse(level, sdf)
    return moved, mesh


def relit(level: Level, mesh: TriMesh, capture: Capture, known: tuple[int, Array] | None) -> Light:
    """The light that explains the images best on the level's surface, all of its usual colour."""
    grey = max(float(np.median(tint_at(level.field, mesh.vertices))) / 255, DARK)
    return light_on(capture, mesh, grey, LIFT * level.field.box.step, known)


def is_time(step: int, params: NerfParams) -> bool:
    """Whether to look where the surface is before a step: now and then, and at every checkpoint, so that one who goes on there looks, too."""
    return step % LOOK_EVERY == 0 or step % params.checkpoint_every == 0


def note(at: Progress, errors: list[float]) -> None:
    """One more entry of the curve: the error since the last."""
    if errors:
        at.curve.append([(at.curve[-1][0] if at.curve else 0) + len(errors), float(np.mean(errors))])
        errors.clear()


def train_fog(
    fog: Fog, rays: Rays, params: NerfParams, at: Progress, body: dict | None, file: Path, told: Told
) -> None:
    """Let the fog clear where the cameras look through, and thicken where they do not."""
    rates = {"raw": params.fog_rate, "tint": params.colour_rate, "light": params.light_rate}
    groups = [{"params": [table], "lr": rates[name]} for name, table in fog.tables().items()]
    optimiser = torch.optim.Adam(groups, betas=ADAM, eps=STILL, fused=True)
    if body is not None:
        checkpoint.restore_fog(fog, optimiser, body)
    close = torch.nonzero(rays.edge > -FOG_RIM_PX)[:, 0]
    prunings = {round(share * params.fog_steps) for share in PRUNED_AT}
    errors: list[float] = []
    for step in range(at.step, params.fog_steps):
        share = step / params.fog_steps
        if step > at.step and is_time(step, params):
            note(at, errors)
        if step > at.step and step % params.checkpoint_every == 0:
            at.step = step
            checkpoint.write(file, at, checkpoint.fog_body(fog, optimiser))
        drawn = close[some(len(close), params.fog_rays, at.dice).to(close.device)]
        jitter = torch.rand(params.fog_rays, generator=at.dice).to(close.device)
        even_at = 1 + some(len(fog.raw) - 1, SMOOTH_AT, at.dice).to(close.device)
        for group, rate in zip(optimiser.param_groups, rates.values(), strict=True):
            group["lr"] = rate * min(1.0, 1.5 - share)
        loss, error = fog_loss(fog, rays, drawn, jitter, even_at, share, params)
        optimiser.zero_grad(set_to_none=False)
        loss.backward()
        optimiser.step()
        if step in prunings:
            prune(fog, thickness_at(share))
        errors.append(error)
        told(step + 1)
    note(at, errors)


def train_level(
    level: Level, rays: Rays, capture: Capture, border: Border, params: NerfParams, soft_start: float, steps: int,
    last: bool, at: Progress, file: Path, told: Told,
) -> None:  # fmt: skip
    """All steps of one level of a half; when half of them are done the light and the masks' slack are found anew."""

    def stepped(drawn: torch.Tensor, jitter: torch.Tensor, smooth_at: torch.Tensor, soft: float, share: float) -> float:
        if round(share * steps) == steps // 2:
            box = level.field.box
            mesh = iso_surface(level.field.dense(), box.low, box.step)
            level.light = relit(level, mesh, capture, level.light.lamp()).to(level.own.device)
            level.slack = torch.from_numpy(border.slack(mesh, capture)).to(level.own.device)
        loss, error = loss_of(level, rays, drawn, jitter, smooth_at, soft, params)
        level.optimiser.zero_grad(set_to_none=False)
        loss.backward()
        level.optimiser.step()
        return error

    def save() -> None:
        checkpoint.write(file, at, checkpoint.level_body(level))

    pace = partial(settling, params.fine_pace) if last else falling
    run_level(level, Draw.over(rays, level.coarse), params, soft_start, pace, steps, at, stepped, save, told)


def falling(share: float) -> float:
    """The pace of a level: smaller steps in its second half."""
    return min(1.0, 1 - 1.9 * (share - 0.5))


def settling(start: float, share: float) -> float:
    """The pace of the last level: from a start to next to nothing."""
    return start * (1 - 0.99 * share)


def run_level(
    level: Level, draw: Draw, params: NerfParams, soft_start: float, pace: Callable[[float], float], steps: int,
    at: Progress, stepped: Stepped, save: Callable[[], None], told: Told,
) -> None:  # fmt: skip
    """Draw rays, and step; now and then look where the surface is and write a checkpoint."""
    errors: list[float] = []
    device, start = level.own.device, at.step
    for step in range(start, steps):
        share = step / steps
        soft = soft_start * params.sharpening**share
        if step == start or is_time(step, params):
            level.settle()
            level.mark(soft)
            note(at, errors)
        if step > start and step % params.checkpoint_every == 0:
            at.step = step
            save()
        drawn = draw.some(params.rays, at.dice).to(device)
        jitter = torch.rand(params.rays, generator=at.dice).to(device)
        smooth_at = 1 + some(len(level.own) - 1, SMOOTH_AT, at.dice).to(device)
        level.slow(pace(share))
        level.settle()
        errors.append(stepped(drawn, jitter, smooth_at, soft, share))
        told(step + 1)
    note(at, errors)
    with torch.no_grad():
        level.settle()
