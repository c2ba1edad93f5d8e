"""The field: signed distance and colour on the voxels near the surface, read trilinearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, map_coordinates

from registration.geometry.hull import Box
from registration.geometry.rigid import Array

FAR = 4.0
"""Signed distance, in voxels, said of places no voxel is kept for."""


def corner_rows(
    rows: torch.Tensor, shape: tuple[int, int, int], g: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows (m, 8), trilinear weights (m, 8) and their slopes (m, 8, 3) around places (m, 3) given in voxels."""
    last = torch.tensor(shape, device=g.device) - 1.001
    g = torch.minimum(g.clamp_min(0), last.to(g.dtype))
    base = g.long()
    x, y, z = (g - base).unbind(1)
    sy, sx = shape[2], shape[1] * shape[2]
    flat = base[:, 0] * sx + base[:, 1] * sy + base[:, 2]
    offsets = torch.tensor([0, 1, sy, sy + 1, sx, sx + 1, sx + sy, sx + sy + 1], device=g.device)
    X, Y, Z = (torch.stack([1 - f, f], 1) for f in (x, y, z))
    D = torch.tensor([[-1.0, 1.0]], device=g.device).expand(len(g), 2)

    def outer(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return (a[:, :, None, None] * b[:, None, :, None] * c[:, None, None, :]).reshape(-1, 8)

    return (
        rows[flat[:, None] + offsets],
        outer(X, Y, Z),
        torch.stack([outer(D, Y, Z), outer(X, D, Z), outer(X, Y, D)], 2),
    )


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

    def corners(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # (m, 3) mm
        """Rows (m, 8), trilinear weights (m, 8) and their slopes per voxel (m, 8, 3) around points inside the box."""
        low = torch.as_tensor(self.box.low, dtype=points.dtype, device=points.device)
        return corner_rows(self.rows, self.box.shape, (points - low) / self.box.step)

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
        out = np.full(len(self.rows), np.nan, np.float32)
        out[self.voxels[1:].cpu().numpy()] = self.sdf[1:, 0].detach().cpu().numpy()
        grid = out.reshape(self.box.shape)
        missing = np.isnan(grid)
        if missing.any():
            nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
            grid = np.where(missing, np.sign(grid[tuple(np.asarray(nearest))]) * FAR, grid)
        return grid.astype(np.float32)


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
    values = np.concatenate([[FAR], np.clip(sdf.ravel()[flat], -3 * FAR, 3 * FAR)]).astype(np.float32)[:, None]
    tint = np.full((len(flat) + 1, 3), 0.5, np.float32)
    if colour is not None:
        tint[1:] = colour.reshape(-1, 3)[flat]
    to = lambda a: torch.from_numpy(a).to(device)  # noqa: E731
    return Field(box, to(rows), to(np.concatenate([[0], flat])), to(values), to(tint))
