"""Training of one half: hull, coarse field, fine field; from a checkpoint where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from registration.data.capture import Capture
from registration.geometry.camera import pixel_grid
from registration.geometry.hull import Box, hull_box, hull_depth, signed_mask_distance
from registration.nerf.field import Field, dense_colour, make_field
from registration.nerf.loss import loss_of
from registration.nerf.params import NerfParams
from registration.nerf.render import Marks
from registration.progress import Tick

RIM_PX = 3.0
"""Rays are shot this far outside the masks."""


@dataclass
class Rays:
    """Every pixel worth a ray, of all views."""

    origins: torch.Tensor  # (r, 3) mm
    directions: torch.Tensor  # (r, 3) unit
    colour: torch.Tensor  # (r, 3) 0..1
    edge: torch.Tensor  # (r,) signed pixels to the mask's border, positive inside
    view: torch.Tensor  # (r,)


def rays_of(capture: Capture, distances: NDArray[np.float32], device: str) -> Rays:
    """Rays of the pixels in and around the masks."""
    grid = pixel_grid(capture.mask.shape[2], capture.mask.shape[1])
    parts: list[list[NDArray]] = [[], [], [], [], []]
    for i in range(len(capture)):
        known = np.ones(len(grid), bool) if capture.inside is None else capture.inside[i].ravel()
        use = (distances[i].ravel() > -RIM_PX) & known
        o, d = capture.cameras.rays(i, grid[use])
        rows = (np.broadcast_to(o, d.shape), d, capture.rgb[i].reshape(-1, 3)[use] / 255.0, distances[i].ravel()[use])
        for part, row in zip(parts, (*rows, np.full(len(d), i)), strict=True):
            part.append(row)
    o, d, c, e = (torch.from_numpy(np.concatenate(p).astype(np.float32)).to(device) for p in parts[:4])
    return Rays(o, d, c, e, torch.from_numpy(np.concatenate(parts[4])).to(device))


def mask_distances(capture: Capture) -> NDArray[np.float32]:  # (n, h, w)
    """Signed pixels to each mask's border."""
    inside = [None] * len(capture) if capture.inside is None else list(capture.inside)
    return np.stack([signed_mask_distance(m, k) for m, k in zip(capture.mask, inside, strict=True)])


@dataclass
class Level:
    """One resolution of the training: field, light, optimiser, and where to sample."""

    field: Field
    light: torch.Tensor  # (views, 9)
    marks: Marks
    optimiser: torch.optim.Optimizer
    neighbours: torch.Tensor  # (v, 6)


def hull_start(capture: Capture, distances: NDArray[np.float32], params: NerfParams) -> tuple[Box, NDArray[np.float32]]:
    """The hull's box and its signed distances in coarse voxels."""
    low, high = hull_box(capture.cameras, distances, capture.mask, params.tolerated_views)
    box = Box.around(low, high, params.coarse_grid)
    depth = hull_depth(capture.cameras, distances, box.points(), params.tolerated_views)
    return box, (-depth / box.step).reshape(box.shape).astype(np.float32)


def make_level(
    box: Box,
    sdf: NDArray[np.float32],
    colour: NDArray[np.float32] | None,
    light: torch.Tensor,
    params: NerfParams,
    device: str,
) -> Level:
    """Start a level from signed distances in its own voxels."""
    field = make_field(box, sdf, 3 * params.band, colour, device)
    marks = Marks.of(box, torch.from_numpy(sdf).to(device), params.band)
    light = light.detach().clone()
    for table in (field.sdf, field.colour, light):
        table.requires_grad_(True)
    rates = ((field.sdf, params.shape_rate), (field.colour, params.colour_rate), (light, params.light_rate))
    optimiser = torch.optim.Adam([{"params": [table], "lr": rate} for table, rate in rates], betas=(0.9, 0.99))
    return Level(field, light, marks, optimiser, field.neighbours())


def finer(level: Level, voxels: int) -> tuple[Box, NDArray[np.float32], NDArray[np.float32]]:
    """The level's field read on a finer grid."""
    old = level.field.box
    box = Box.around(old.low, old.high, voxels)
    at = ((box.points() - old.low) / old.step).T

    def read(grid: NDArray[np.float32]) -> NDArray[np.float32]:
        return map_coordinates(grid, at, order=1, mode="nearest").reshape(box.shape).astype(np.float32)

    colour = dense_colour(level.field)
    return (
        box,
        read(level.field.dense()) * np.float32(old.step / box.step),
        np.stack([read(colour[..., k]) for k in range(3)], -1),
    )


def first_light(capture: Capture) -> torch.Tensor:  # (views, 9)
    """Even light of each view's own brightness."""
    light = torch.zeros(len(capture), 9)
    light[:, 0] = torch.tensor([float(capture.rgb[i][capture.mask[i]].mean()) / 127.5 for i in range(len(capture))])
    return light


@dataclass
class Checkpoint:
    """A file that a killed training goes on from."""

    path: Path

    def save(self, level: Level, number: int, step: int, dice: torch.Generator, curve: list[list[float]]) -> None:
        """Write beside, then rename."""
        box = level.field.box
        state = {
            "number": number, "step": step, "dice": dice.get_state(), "curve": curve, "optimiser": level.optimiser.state_dict(),
            "low": box.low.tolist(), "voxel": box.step, "shape": list(box.shape), "light": level.light.detach(),
            "rows": level.field.rows, "voxels": level.field.voxels, "sdf": level.field.sdf.detach(), "colour": level.field.colour.detach(),
        }  # fmt: skip
        beside = self.path.with_suffix(".part")
        torch.save(state, beside)
        beside.replace(self.path)

    def load(self, params: NerfParams, device: str) -> tuple[Level, int, int, torch.Tensor, list[list[float]]] | None:
        """Level, its number, steps done, dice and curve; None if there is nothing to go on from."""
        if not self.path.exists():
            return None
        s = torch.load(self.path, weights_only=True, map_location=device)
        box = Box(np.array(s["low"]), s["voxel"], tuple(s["shape"]))
        field = Field(box, s["rows"], s["voxels"], s["sdf"].requires_grad_(True), s["colour"].requires_grad_(True))
        light = s["light"].requires_grad_(True)
        optimiser = torch.optim.Adam([{"params": [table]} for table in (field.sdf, field.colour, light)])
        optimiser.load_state_dict(s["optimiser"])
        marks = Marks.of(box, torch.from_numpy(field.dense()).to(device), params.band)
        return (
            Level(field, light, marks, optimiser, field.neighbours()),
            s["number"],
            s["step"],
            s["dice"].cpu(),
            s["curve"],
        )


def train(
    capture: Capture, params: NerfParams, seed: int, device: str, checkpoint: Path, tick: Tick
) -> tuple[Level, list[list[float]]]:
    """Train coarse, then fine; the finished level and its curve of (step, colour error)."""
    dice = torch.Generator(device="cpu").manual_seed(seed)
    distances = mask_distances(capture)
    rays = rays_of(capture, distances, device)
    keeper = Checkpoint(checkpoint)
    found = keeper.load(params, device)
    if found:
        level, number, done, state, curve = found
        dice.set_state(state)
    else:
        box, sdf = hull_start(capture, distances, params)
        level, number, done, curve = (
            make_level(box, sdf, None, first_light(capture).to(device), params, device),
            0,
            0,
            [],
        )
    steps = (params.coarse_steps, params.fine_steps)

    def save(step: int) -> None:
        keeper.save(level, number, step, dice, curve)

    while True:
        offset = sum(steps[:number])
        train_level(
            level, rays, params, dice, done, steps[number], curve, save, lambda n, o=offset: tick(o + n, sum(steps))
        )
        if number == 1:
            return level, curve
        level = make_level(*finer(level, params.fine_grid), level.light, params, device)
        number, done = 1, 0


def train_level(
    level: Level, rays: Rays, params: NerfParams, dice: torch.Generator, start: int, steps: int,
    curve: list[list[float]], save: Callable[[int], None], tick: Callable[[int], None],
) -> None:  # fmt: skip
    """Draw rays, loss, step; now and then look where the surface is and write a checkpoint."""
    errors: list[float] = []
    for step in range(start, steps):
        if step % params.checkpoint_every == 0 and step > start:
            level.marks = Marks.of(
                level.field.box, torch.from_numpy(level.field.dense()).to(level.field.device), params.band
            )
            curve.append([(curve[-1][0] if curve else 0) + len(errors), float(np.mean(errors))])
            errors = []
            save(step)
        drawn = torch.randint(len(rays.edge), (params.rays,), generator=dice).to(level.field.device)
        jitter = torch.rand(params.rays, generator=dice).to(level.field.device)
        smooth_at = torch.randint(1, len(level.field.sdf), (20_000,), generator=dice).to(level.field.device)
        soft = params.soft_start + (params.soft_end - params.soft_start) * step / steps
        loss, error = loss_of(level, rays, drawn, jitter, smooth_at, soft, params)
        level.optimiser.zero_grad()
        loss.backward()
        level.optimiser.step()
        errors.append(error)
        tick(step + 1)
    curve.append([(curve[-1][0] if curve else 0) + len(errors), float(np.mean(errors))])
