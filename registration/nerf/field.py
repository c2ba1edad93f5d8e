"""The field: signed distance and colour on the voxels near the surface, read trilinearly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, map_coordinates

from registration.geometry.hull import Box
from registration.geometry.rigid import Array

FAR = 4.0
"""Signed distance, in voxels, said of places no voxel is kept for."""


def corner_rows(rows: torch.Tensor, shape: tuple[int, int, int], g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (8, m), and how far along x, y, z between them (3, m), around places (3, m) given in voxels."""
    last = torch.tensor(shape, device=g.device, dtype=g.dtype)[:, None] - 1.001
    g = torch.minimum(g.clamp_min(0), last)
    base = g.long()
    sy, sx = shape[2], shape[1] * shape[2]
    flat = base[0] * sx + base[1] * sy + base[2]
    offsets = torch.tensor([0, 1, sy, sy + 1, sx, sx + 1, sx + sy, sx + sy + 1], device=g.device)
    return rows.index_select(0, (flat + offsets[:, None]).reshape(-1)).reshape(8, -1), g - base


def corner_weights(share: torch.Tensor) -> torch.Tensor:  # (3, m) -> (8, m)
    """What each corner counts."""
    (x, y, z), rest = share, 1 - share
    sides = torch.stack([rest[1] * rest[2], rest[1] * z, y * rest[2], y * z])
    return torch.cat([sides * rest[0], sides * x])


def blended(near: torch.Tensor, share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What corners (8, m) give in between: (m,), and its slope (3, m) per voxel."""
    x, y, z = share
    a, b = near.reshape(4, 2, -1).unbind(1)
    along_z = b - a
    a, b = (a + z * along_z).reshape(2, 2, -1).unbind(1)
    p, q = along_z.reshape(2, 2, -1).unbind(1)
    along_y, along_z = b - a, p + y * (q - p)
    a, b = (a + y * along_y).unbind(0)
    (p, q), (r, s) = along_y.unbind(0), along_z.unbind(0)
    return a + x * (b - a), torch.stack([b - a, p + x * (q - p), r + x * (s - r)])


class Gather(torch.autograd.Function):
    """Weighted sums of a table's rows. Its gradient is summed in one order, and several times as fast as torch's own."""

    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """(v, k), (c, m), (c, m) -> (k, m); only the table learns."""
        ctx.save_for_backward(rows, weights)
        ctx.size = len(table)
        picked = (column.index_select(0, rows.reshape(-1)).reshape(rows.shape) for column in table.t().contiguous())
        return torch.stack([(column * weights).sum(0) for column in picked])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """The gradient given back to the rows."""
        (grad,), (rows, weights) = grads, ctx.saved_tensors
        flat = rows.reshape(-1)
        out = torch.zeros(len(grad), ctx.size, dtype=grad.dtype, device=grad.device)
        for k, column in enumerate(grad):
            out[k].index_add_(0, flat, (weights * column).reshape(-1))
        return out.t(), None, None


def gathered(table: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted sums of a table's rows: (v, k), (c, m), (c, m) -> (k, m)."""
    return Gather.apply(table, rows, weights)  # type: ignore[no-any-return]


@dataclass
class Field:
    """Tables over the kept voxels; row 0 stands for empty space."""

    box: Box
    rows: torch.Tensor  # (x * y * z,) int64: row of each voxel, 0 where none is kept
    voxels: torch.Tensor  # (v,) int64: flat index of each row's voxel; entry 0 is unused
    sdf: torch.Tensor  # (v, 1) in voxels, negative inside
    colour: torch.Tensor  # (v, 3) 0..1

    @property
    def device(self) -> torch.device:
        """Where the tables live."""
        return self.sdf.device

    def corners(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # (3, m) mm
        """Rows (8, m), and how far between them (3, m), around points inside the box."""
        low = torch.as_tensor(self.box.low, dtype=points.dtype, device=points.device)
        return corner_rows(self.rows, self.box.shape, (points - low[:, None]) / self.box.step)

    def neighbours(self) -> torch.Tensor:  # (v, 6) rows; 0 where a neighbour is not kept
        """The rows of the six voxels beside each."""
        sy, sx = self.box.shape[2], self.box.shape[1] * self.box.shape[2]
        offsets = torch.tensor([-sx, sx, -sy, sy, -1, 1], device=self.device)
        flat = (self.voxels[:, None] + offsets).clamp(0, len(self.rows) - 1)
        rows = self.rows[flat]
        rows[0] = 0
        return rows

    def dense(self) -> NDArray[np.float32]:  # box.shape
        """Signed distances of the whole box, in voxels; kept voxels exact, others by the sign they touch."""
        out = np.empty(len(self.rows), np.float32)
        out[self.voxels[1:].cpu().numpy()] = self.sdf[1:, 0].detach().cpu().numpy()
        missing, nearest = self.missing
        out[missing] = np.sign(out[nearest]) * FAR
        return out.reshape(self.box.shape)

    @cached_property
    def missing(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Flat indices of the voxels that are not kept, and of the kept one nearest to each."""
        lacks = self.rows.cpu().numpy().reshape(self.box.shape) == 0
        if not lacks.any():
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        nearest = np.asarray(distance_transform_edt(lacks, return_distances=False, return_indices=True))
        return np.flatnonzero(lacks), np.asarray(np.ravel_multi_index(tuple(nearest[:, lacks]), self.box.shape), np.int64)


def dense_colour(field: Field) -> NDArray[np.float32]:  # (*box.shape, 3)
    """Colours of the whole box; mid grey where no voxel is kept."""
    out = np.full((len(field.rows), 3), 0.5, np.float32)
    out[field.voxels[1:].cpu().numpy()] = field.colour[1:].detach().cpu().numpy()
    return out.reshape(*field.box.shape, 3)


def channels_at(grid: NDArray, box: Box, points: Array) -> NDArray:  # (x, y, z, k), (m, 3) mm -> (m, k)
    """A grid of colours read between its voxels."""
    at = ((points - box.low) / box.step).T
    return np.stack([map_coordinates(channel, at, order=1, mode="nearest") for channel in np.moveaxis(grid, 3, 0)], 1)


def tint_at(field: Field, points: Array) -> NDArray[np.uint8]:  # (m, 3) mm -> (m, 3)
    """Colours of the surface at places inside the box."""
    return (channels_at(dense_colour(field), field.box, points).clip(0, 1) * 255).round().astype(np.uint8)


def make_field(
    box: Box, sdf: NDArray[np.float32], band: float, colour: NDArray[np.float32] | None, device: str
) -> Field:
    """Keep the voxels whose signed distance (in voxels) is within the band, and those beside them."""
    kept = binary_dilation(np.abs(sdf) <= band, iterations=1)
    kept[[0, -1]] = kept[:, [0, -1]] = kept[:, :, [0, -1]] = True  # a rim, so that corners never leave the box
    flat = np.flatnonzero(kept.ravel())
    rows = np.zeros(sdf.size, np.int64)
    rows[flat] = np.arange(1, len(flat) + 1)
    values = np.concatenate([[FAR], np.clip(sdf.ravel()[flat], -3 * FAR, 3 * FAR)]).astype(np.float32).reshape(-1, 1)
    tint = np.full((len(flat) + 1, 3), 0.5, np.float32)
    if colour is not None:
        tint[1:] = colour.reshape(-1, 3)[flat]
    to = lambda a: torch.from_numpy(a).to(device)  # noqa: E731
    return Field(box, to(rows), to(np.concatenate([[0], flat])), to(values), to(tint))
