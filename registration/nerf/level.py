"""One resolution of the training: field, light, optimiser, and where to sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from registration.geometry.hull import Box
from registration.nerf.field import Field, dense_colour, make_field
from registration.nerf.light import Light
from registration.nerf.params import NerfParams
from registration.nerf.record import Coarse
from registration.nerf.render import Marks

LIFTS = (2, 4, 8)
"""Coarser grids, by so many voxels, that the surface is moved by as well, each over the next: a whole face shifts in one step."""
KEPT_BAND = 7.5
"""Voxels within this many of the surface are kept."""
FINER_BAND = 3.5
"""The same on a finer grid, in voxels of the one before: less than FAR, where that one puts all that it did not keep."""
ADAM = (0.9, 0.99)
STILL = 2e-6
"""A gradient much smaller than this hardly moves a voxel. Else Adam moves what few rays reach as fast as what all see, wherever
its neighbours pull it: deep floors sink."""


@dataclass
class Level:
    """The learned tables and what is derived from them."""

    field: Field
    own: torch.Tensor  # (v, 1) signed distances but for the lifts
    lifts: list[torch.Tensor]  # each (1, 1, x, y, z), voxels
    light: Light
    slack: torch.Tensor  # (views,) pixels by which each mask is too small; found, never learned
    marks: Marks
    neighbours: torch.Tensor  # (v, 6)
    optimiser: torch.optim.Optimizer
    rates: list[float]
    coarse: Coarse | None = None
    """The surface it starts from: what the level before it ended with."""

    def tables(self) -> dict[str, torch.Tensor]:
        """What is learned, in the optimiser's order."""
        lifts = {f"lift{n}": grid for n, grid in enumerate(self.lifts)}
        return {"own": self.own, "colour": self.field.colour, **lifts}

    def settle(self) -> None:
        """Bring the field's distances up to date with the tables."""
        total = self.lifts[-1][0, 0]
        for grid in reversed(self.lifts[:-1]):
            x, y, z = grid.shape[2:]
            total = grid[0, 0] + stretched(total, (x, y, z))
        dense = stretched(total, self.field.box.shape).reshape(-1)
        self.field.sdf = Lifted.apply(self.own, dense, self.field.voxels)

    def held(self) -> torch.Tensor:  # (v,)
        """The distances, as what holds them to their neighbours may move them: voxel by voxel, no whole faces."""
        return (self.own + (self.field.sdf - self.own).detach())[:, 0]

    def mark(self, soft: float) -> None:
        """Look where the surface is."""
        dense = torch.from_numpy(self.field.dense()).to(self.own.device)
        self.marks = Marks.of(self.field.box, dense, max(2.0, 3 * soft))

    def slow(self, pace: float) -> None:
        """Steps of so large a share of the usual."""
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * pace


class Lifted(torch.autograd.Function):
    """A table with what a grid has at its voxels added. No voxel is kept twice, so the gradient need not be summed."""

    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, dense: torch.Tensor, voxels: torch.Tensor) -> torch.Tensor:
        """(v, 1), (x * y * z,), (v,) whose entry 0 is unused -> (v, 1)."""
        ctx.save_for_backward(voxels)
        ctx.size = len(dense)
        return own + dense.index_select(0, voxels)[:, None]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        """The gradient of both."""
        (grad,), (voxels,) = grads, ctx.saved_tensors
        dense = torch.zeros(ctx.size, dtype=grad.dtype, device=grad.device)
        return grad, dense.index_copy_(0, voxels[1:], grad[1:, 0]), None


def stretched(grid: torch.Tensor, shape: tuple[int, int, int]) -> torch.Tensor:  # (x, y, z) -> shape
    """Trilinear, corner on corner; as three products of matrices, which is several times as fast as torch's own."""
    a, b, c = (between(n, m, grid.device) for n, m in zip(shape, grid.shape, strict=True))
    along = b @ (grid @ c.t())
    return (a @ along.reshape(len(grid), -1)).reshape(shape)


@cache
def between(count: int, knots: int, device: torch.device) -> torch.Tensor:  # (count, knots)
    """What each of the knots counts at places spread evenly from the first to the last."""
    at = torch.linspace(0, knots - 1, count, device=device)
    return (1 - (at[:, None] - torch.arange(knots, device=device)).abs()).clamp_min(0)


def assemble(field: Field, lifts: list[torch.Tensor], light: Light, slack: torch.Tensor, params: NerfParams) -> Level:
    """A level around its tables."""
    marks = Marks.of(field.box, torch.zeros(field.box.shape, device=slack.device), 1)
    level = Level(field, field.sdf, lifts, light, slack, marks, field.neighbours(), torch.optim.SGD([field.sdf]), [])
    for name, table in level.tables().items():
        table.requires_grad_(True)
        level.rates.append(params.colour_rate if name == "colour" else params.shape_rate)
    groups = [{"params": [t], "lr": r} for t, r in zip(level.tables().values(), level.rates, strict=True)]
    level.optimiser = torch.optim.Adam(groups, betas=ADAM, eps=STILL, fused=True)
    level.settle()
    return level


def make_level(
    box: Box, sdf: NDArray[np.float32], colour: NDArray[np.float32] | None, light: Light, slack: torch.Tensor,
    params: NerfParams, device: str, band: float = KEPT_BAND,
) -> Level:  # fmt: skip
    """Start a level from signed distances in its own voxels; those within the band are kept."""
    field = make_field(box, sdf, band, colour, device)
    lifts = [torch.zeros(1, 1, *(max(2, -(-n // k) + 1) for n in box.shape), device=device) for k in LIFTS]
    return assemble(field, lifts, light.to(device), slack.clone().to(device), params)


def as_coarse(level: Level, sdf: NDArray[np.float32]) -> Coarse:
    """The level's surface, its distances as given, to be kept."""
    return Coarse(level.field.box.low, level.field.box.step, sdf)


def finer(level: Level, sdf: NDArray[np.float32], voxels: int) -> tuple[Box, NDArray[np.float32], NDArray[np.float32]]:
    """The level's field, its distances as given, read on a finer grid."""
    old = level.field.box
    box = Box.around(old.low, old.high, voxels)
    at = ((box.points() - old.low) / old.step).T

    def read(grid: NDArray[np.float32]) -> NDArray[np.float32]:
        return map_coordinates(grid, at, order=1, mode="nearest").reshape(box.shape).astype(np.float32)

    colour = dense_colour(level.field)
    return (
        box,
        read(sdf) * np.float32(old.step / box.step),
        np.stack([read(colour[..., k]) for k in range(3)], -1),
    )
