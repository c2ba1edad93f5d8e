"""What a field is trained to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import binary_cross_entropy

from registration.nerf.params import NerfParams
from registration.nerf.render import find_samples, harmonics, look, pick

if TYPE_CHECKING:
    from registration.nerf.train import Level, Rays

SURE_PX = 1.5
"""Colour counts only this far inside a mask: the border is where masks are wrong."""


def loss_of(
    level: Level,
    rays: Rays,
    drawn: torch.Tensor,
    jitter: torch.Tensor,
    smooth_at: torch.Tensor,
    soft: float,
    params: NerfParams,
) -> tuple[torch.Tensor, float]:
    """Colour inside the masks, opacity everywhere, a smooth true distance; and the mean colour error."""
    o, d = rays.origins[drawn], rays.directions[drawn]
    step = 0.5 * level.field.box.step
    owner, t = find_samples(level.marks, o, d, step, jitter)
    seen = look(level.field, owner, t, o, d, step, soft)
    edge = rays.edge[drawn]
    shade = (harmonics(seen.normal) * pick(level.light, rays.view[drawn])).sum(1)
    sure = (edge > SURE_PX).float()
    error = ((seen.colour * shade[:, None] - rays.colour[drawn]).abs().mean(1) * sure).sum() / sure.sum().clamp_min(1)
    opacity = binary_cross_entropy(seen.opacity.clamp(1e-4, 1 - 1e-4), (0.5 + 0.5 * edge).clamp(0, 1))
    smooth = smoothness(level, smooth_at, params)
    return error + params.opacity_weight * opacity + smooth, float(error.detach())


def smoothness(level: Level, at: torch.Tensor, params: NerfParams) -> torch.Tensor:
    """Little bending, a gradient of length one, and colours like the neighbours'."""
    rows = level.neighbours[at]
    whole = (rows > 0).all(1)
    rows, at = rows[whole], at[whole]
    sdf, colour = level.field.sdf[:, 0], level.field.colour
    near = pick(sdf, rows)  # (m, 6)
    bend = ((near.mean(1) - pick(sdf, at)) ** 2).mean()
    gradient = (near[:, 1::2] - near[:, ::2]) / 2
    stretch = ((gradient.norm(dim=1) - 1) ** 2).mean()
    blotch = (pick(colour, rows).mean(1) - pick(colour, at)).abs().mean()
    return params.smooth_weight * bend + params.distance_weight * stretch + params.even_weight * blotch
