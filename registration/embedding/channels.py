"""What the network is shown: channels made of looks, and how training varies them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from registration.embedding.looks import Looks
from registration.errors import UserError

LAYOUT = {"normals": 3, "mask": 1, "edges": 1, "rgb": 3, "albedo": 3, "depth": 4}
"""Channels in the order in which the network takes them; those not selected are zero.

``depth``: where the surface lies about the body's middle, in the camera's axes and radii, and how far from the middle.
"""
CHANNELS = sum(LAYOUT.values())
MASK_AT, DEPTH_AT, SEEN = 3, CHANNELS - LAYOUT["depth"], slice(4, 8)
"""Where these channels begin (the normals come first), and those that a camera itself sees."""


@dataclass
class Batch:
    """Looks as tensors, channels first."""

    normal: torch.Tensor  # (b, 3, s, s) camera axes
    place: torch.Tensor  # (b, 3, s, s) camera axes, radii from the middle
    tint: torch.Tensor  # (b, 3, s, s) 0..1
    point: torch.Tensor  # (b, 3, s, s) radii from the middle
    hit: torch.Tensor  # (b, 1, s, s) 0 or 1
    known: torch.Tensor  # (b, 1, s, s) 0 or 1

    def stacked(self) -> torch.Tensor:  # (b, 14, s, s)
        """All in one."""
        return torch.cat([self.normal, self.place, self.tint, self.point, self.hit, self.known], 1)

    @classmethod
    def split(cls, body: torch.Tensor) -> Batch:
        """The reverse of ``stacked``."""
        return cls(*body.split((3, 3, 3, 3, 1, 1), 1))


def batch_of(looks: Looks, index: NDArray[np.int64], device: str = "cpu") -> Batch:
    """Some looks as tensors."""
    point = looks.point[index].astype(np.float32)
    place = np.einsum("nij,nhwj->nhwi", looks.R[index].astype(np.float32), point)
    fields = (
        looks.normal[index] / 127.0, place, looks.tint[index] / 255.0, point, looks.hit[index][..., None],
        looks.known[index][..., None],
    )  # fmt: skip
    body = np.concatenate([f.astype(np.float32) for f in fields], -1)
    return Batch.split(torch.from_numpy(body).permute(0, 3, 1, 2).contiguous().to(device))


def picked(chosen: torch.Tensor) -> torch.Tensor:  # (len(LAYOUT),) or (b, len(LAYOUT)) -> (..., CHANNELS)
    """A switch per channel from a switch per name."""
    return chosen.repeat_interleave(torch.tensor(list(LAYOUT.values()), device=chosen.device), -1)


def switches(names: tuple[str, ...]) -> torch.Tensor:  # (CHANNELS,)
    """Which channels these names select."""
    strange = [name for name in names if name not in LAYOUT]
    if strange or not names:
        raise UserError("no such channel", f"embedding.channels={','.join(names)}", f"choose of {', '.join(LAYOUT)}")
    return picked(torch.tensor([float(name in names) for name in LAYOUT]))


def as_input(
    normal: torch.Tensor, place: torch.Tensor, mask: torch.Tensor, rgb: torch.Tensor, albedo: torch.Tensor,
    chosen: torch.Tensor,
) -> torch.Tensor:  # (b, CHANNELS, s, s)
    """All channels of a picture, about zero, those not chosen switched off.

    Outside the mask all is zero; but without the mask among the chosen, the picture's own rgb and edges stay whole.
    """
    chosen = chosen.reshape(-1, CHANNELS, 1, 1)
    depth = torch.cat([place, place.norm(dim=1, keepdim=True)], 1)
    body = torch.cat([normal, mask, edges_of(rgb), rgb - 0.5, albedo - 0.5, 1.5 * depth], 1)
    whole = torch.zeros(CHANNELS, device=mask.device)
    whole[SEEN] = 1
    outside = (1 - chosen[:, MASK_AT : MASK_AT + 1]) * whole.reshape(1, CHANNELS, 1, 1)
    return body * chosen * torch.maximum(mask, outside)


def edges_of(rgb: torch.Tensor) -> torch.Tensor:  # (b, 3, s, s) -> (b, 1, s, s)
    """How steeply the brightness changes, against what is usual in the picture."""
    grey = F.pad(rgb.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    dx = grey[:, :, 1:-1, 2:] - grey[:, :, 1:-1, :-2]
    dy = grey[:, :, 2:, 1:-1] - grey[:, :, :-2, 1:-1]
    steep = (dx**2 + dy**2 + 1e-8).sqrt()
    return (steep / (4 * steep.mean((1, 2, 3), keepdim=True) + 1e-3)).clamp(0, 1)


def uniform(n: int, low: float, high: float, dice: torch.Generator) -> torch.Tensor:  # (n,)
    """Even numbers between two bounds."""
    return low + (high - low) * torch.rand(n, generator=dice)


def turned(batch: Batch, dice: torch.Generator, zoom: float, shift: float) -> Batch:
    """Each look rolled by any angle, zoomed and shifted a little; normals turn along."""
    n, s = len(batch.normal), batch.normal.shape[-1]
    angle = uniform(n, 0, 2 * math.pi, dice)
    scale = torch.exp(uniform(n, -zoom, zoom, dice))
    c, d = torch.cos(angle), torch.sin(angle)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = c * scale, -d * scale
    theta[:, 1, 0], theta[:, 1, 1] = d * scale, c * scale
    theta[:, :, 2] = uniform(2 * n, -shift, shift, dice).reshape(n, 2)
    body = batch.stacked()
    grid = F.affine_grid(theta, [n, 1, s, s], align_corners=False).to(body.device)
    out = Batch.split(F.grid_sample(body, grid, mode="nearest", align_corners=False))
    c, d = c.to(body.device)[:, None, None], d.to(body.device)[:, None, None]
    for name in ("normal", "place"):
        x, y, z = getattr(out, name).unbind(1)
        setattr(out, name, torch.stack([c * x + d * y, c * y - d * x, z], 1))  # the picture turns the other way round
    return out


def clouds_of_noise(n: int, channels: int, cells: int, size: int, dice: torch.Generator) -> torch.Tensor:
    """Smooth noise, (n, channels, size, size), about zero, one wide."""
    coarse = torch.randn(n, channels, cells, cells, generator=dice)
    return F.interpolate(coarse, size=size, mode="bicubic", align_corners=False)


def roughened(normal: torch.Tensor, strength: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """Normals as a field that was learned from images has them: dented, and soft at the edges."""
    n, s = len(normal), normal.shape[-1]
    dents = 0.7 * clouds_of_noise(n, 3, s // 8, s, dice) + 0.7 * clouds_of_noise(n, 3, s // 3, s, dice)
    bent = normal + strength.reshape(n, 1, 1, 1).to(normal.device) * dents.to(normal.device)
    soft = F.avg_pool2d(bent, 3, 1, 1)
    blur = (torch.rand(n, 1, 1, 1, generator=dice) < 0.6).to(normal.device)
    bent = torch.where(blur, soft, bent)
    return bent / bent.norm(dim=1, keepdim=True).clamp_min(1e-3)


def misplaced(place: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """Places about a middle that is not quite the other capture's, on a surface that is not quite the same."""
    n, s = len(place), place.shape[-1]
    middle = 0.06 * torch.randn(n, 3, 1, 1, generator=dice)
    return place + (middle + 0.015 * clouds_of_noise(n, 3, s // 8, s, dice)).to(place.device)


def holes(n: int, size: int, share: float, dice: torch.Generator) -> torch.Tensor:  # (n, 1, s, s) 1 where kept
    """A blob in front of some of the looks."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    centre = uniform(2 * n, 0.1 * size, 0.9 * size, dice).reshape(n, 2, 1, 1)
    radius = uniform(n, 0.06 * size, 0.22 * size, dice).reshape(n, 1, 1)
    radius = radius * (torch.rand(n, 1, 1, generator=dice) < share)
    return (((x - centre[:, 0]) ** 2 + (y - centre[:, 1]) ** 2) >= radius**2).float()[:, None]


def lit(normal: torch.Tensor, tint: torch.Tensor, dice: torch.Generator) -> torch.Tensor:  # (b, 3, s, s) 0..1
    """Colour under a light drawn anew: even, a lamp, gloss; then exposure, blur and noise of a camera."""
    n = len(normal)
    lamp = torch.randn(n, 3, generator=dice)
    lamp[:, 2] = -lamp[:, 2].abs()  # from the camera's side
    lamp = (lamp / lamp.norm(dim=1, keepdim=True)).reshape(n, 3, 1, 1).to(normal.device)
    part = lambda low, high: uniform(n, low, high, dice).reshape(n, 1, 1, 1).to(normal.device)  # noqa: E731
    facing = (normal * lamp).sum(1, keepdim=True)
    sky = 0.5 - 0.5 * normal[:, 1:2] * part(-1, 1)
    bright = part(0.2, 0.7) * sky + part(0.2, 0.9) * facing.clamp_min(0)
    mirrored = 2 * facing * normal - lamp
    gloss = part(0, 0.6) * (-mirrored[:, 2:]).clamp_min(0) ** part(4, 30)
    image = (tint * bright + gloss) * part(0.6, 1.4)
    soft = F.avg_pool2d(image, 3, 1, 1)
    image = image + part(0, 1) * (soft - image)
    return (image + part(0, 0.04) * torch.randn(image.shape, generator=dice).to(image.device)).clamp(0, 1)
