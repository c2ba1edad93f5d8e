"""What a field is trained to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import binary_cross_entropy

from registration.nerf import quick
from registration.nerf.field import gathered
from registration.nerf.light import TERMS
from registration.nerf.params import NerfParams
from registration.nerf.rays import RIM_PX, SURE_PX, Rays
from registration.nerf.render import Marks, Seen, find_samples, lit, look, pick

if TYPE_CHECKING:
    from registration.nerf.level import Level

STRIDE = 0.5
"""Voxels between two samples of a ray."""
CERTAIN = 0.9
"""A ray this opaque, or this clear, is right: to push it further would push the surface outwards."""
FAR_VOXELS = 4.0
"""A measured depth that is off by more than this is wrong, and pulls nothing."""
BORDER_STEEPNESS = 3.0
"""Of what a mask says around its border, per pixel."""


def loss_of(
    level: Level,
    rays: Rays,
    drawn: torch.Tensor,
    jitter: torch.Tensor,
    smooth_at: torch.Tensor,
    soft: float,
    params: NerfParams,
) -> tuple[torch.Tensor, float]:
    """Colour inside the masks, silhouettes, a smooth true distance; and the mean colour error."""
    o, d, view = rays.origins[drawn], rays.directions[drawn], rays.view[drawn]
    step = STRIDE * level.field.box.step
    owner, t = find_samples(level.marks, o, d, step, jitter)
    light = pick(level.light.each(), view)
    seen = look(level.field, owner, t, o, d, step, soft, light)
    edge = rays.edge[drawn]
    off = (
        (bright(seen, o, d, light, level.marks) / seen.opacity.clamp_min(0.05)[:, None] - rays.colour[drawn])
        .abs()
        .mean(1)
    )
    weight = (edge > SURE_PX).float() * seen.opacity.detach()
    bounded = params.trusted_error * (1 - torch.exp(-off / params.trusted_error))
    error = (bounded * weight).sum() / weight.sum().clamp_min(1)
    loss = error + params.opacity_weight * silhouette(seen, edge, pick(level.slack, view)) + smoothness(level, smooth_at, params)
    loss = loss + params.depth_weight * misplaced(seen, rays, drawn, level.field.box.step)
    return loss, float(((off * weight).sum() / weight.sum().clamp_min(1)).detach())


def bright(seen: Seen, o: torch.Tensor, d: torch.Tensor, light: torch.Tensor, marks: Marks) -> torch.Tensor:
    """Colour of rays (rays, 3) under even light and a lamp, but for where the lamp is shadowed."""
    toward = torch.nn.functional.normalize(light[:, TERMS:], dim=1, eps=1e-9)
    facing = torch.nonzero((seen.lamp.detach().sum(1) > 0) & (seen.opacity.detach() > 0.1))[:, 0]
    place = o[facing] + seen.depth.detach()[facing, None] * d[facing]
    free = torch.zeros_like(seen.opacity).index_copy(0, facing, lit(marks, place, toward[facing]))
    return seen.colour + free[:, None] * seen.lamp


def silhouette(seen: Seen, edge: torch.Tensor, slack: torch.Tensor) -> torch.Tensor:
    """Opacity against the mask: evenly on both sides of its border, and no holes further in.

    ``slack`` (rays,) moves each view's border, pixels: masks are often too large or too small all around.
    """
    wanted = torch.sigmoid(BORDER_STEEPNESS * (edge + slack))
    border = binary_cross_entropy(seen.opacity.clamp(1 - CERTAIN, CERTAIN), wanted, reduction="none")
    hole = torch.relu(0.5 - seen.opacity)
    return torch.where(edge > RIM_PX, hole, border).mean()


def misplaced(seen: Seen, rays: Rays, drawn: torch.Tensor, voxel: float) -> torch.Tensor:
    """How far from the measured depth the surface is, voxels, limited; nothing where nothing was measured."""
    reach = rays.range[drawn]
    known = ((reach > 0) & (rays.edge[drawn] > SURE_PX)).float() * seen.opacity.detach()
    off = ((seen.depth - reach).abs() / voxel).clamp_max(FAR_VOXELS)
    return (off * known).sum() / known.sum().clamp_min(1)


def smoothness(level: Level, at: torch.Tensor, params: NerfParams) -> torch.Tensor:
    """Little bending near the surface, a gradient of length one, and colours like the neighbours'."""
    if at.device.type == "cpu":
        weights = params.smooth_weight, params.distance_weight, params.even_weight
        return quick.bends(at, level.neighbours, level.field.sdf[:, 0], level.own, level.field.colour, weights)
    return smoothness_by_torch(level, at, params)


def smoothness_by_torch(level: Level, at: torch.Tensor, params: NerfParams) -> torch.Tensor:
    """The same on any device."""
    rows = level.neighbours[at]
    whole = (rows > 0).all(1)
    rows, at = rows[whole], at[whole]
    sdf, colour = level.held(), level.field.colour
    near, own = pick(sdf, rows), pick(sdf, at)  # (m, 6), (m,)
    bend = (torch.exp(-((own.detach() / 3) ** 2)) * (near.mean(1) - own) ** 2).mean()
    gradient = (near[:, 1::2] - near[:, ::2]) / 2
    stretch = ((gradient.norm(dim=1) - 1) ** 2).mean()
    sixth = torch.full((6, len(at)), 1 / 6, device=at.device)
    blotch = (gathered(colour, rows.t(), sixth) - pick(colour, at).t()).abs().mean()
    return params.smooth_weight * bend + params.distance_weight * stretch + params.even_weight * blotch
