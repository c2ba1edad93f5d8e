"""A density that starts as thin fog inside the hull: what cameras look through clears, so that cavities open.

A surface that starts at the hull has no reason to move into a socket: the lid explains every silhouette. Fog has no lid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter
from torch.nn.functional import binary_cross_entropy, max_pool3d, softplus

from registration.data.crop import pieces_of
from registration.geometry.camera import Cameras
from registration.geometry.hull import Box
from registration.nerf import quick
from registration.nerf.field import corner_rows, corner_weights, gathered
from registration.nerf.params import NerfParams
from registration.nerf.rays import SURE_PX, Rays
from registration.nerf.render import box_span, pick, weigh

THIN = -4.0
"""Density before softplus that the fog starts with."""
CLEARED = 0.02
"""Thinner fog than this, with all that is around it, is looked at no more."""
THICKEN, THICKEN_FROM = 10.0, 0.6
"""The fog becomes so many times denser from this share of the steps on."""
BLOTCH_WEIGHT = 0.1
"""How firmly the fog's tint is held to that of the neighbours."""
WAVES = 2
LIGHTS = 1 + 2 * WAVES
"""Lights that every view's own is mixed of. They are learned: all that is asked is that the same few light every voxel."""
PRUNED_AT = (0.5, 0.7, 0.84)
STILL = 1e-5
"""A gradient much smaller than this hardly moves a voxel of the fog: what no camera looks into does not clear by chance."""
LEAST_SHARE, LEAST_CAMERAS, CLEAR = 0.06, 3, 1.0
"""This share of the cameras, and so many at least, must look into a cavity, through fog of less than this thickness."""
EMPTY, DEEP_VOXELS, MOUTH_VOXELS, LEAST_VOXELS = 1.0, 2.0, 3, 8
"""Density of a cavity; how deep in the hull one begins; how far it reaches back out; the smallest, in voxels."""


def first_light(cameras: Cameras, middle: NDArray[np.floating]) -> torch.Tensor:  # (views, LIGHTS)
    """One, and waves of the direction in which each camera stands around the middle of where all stand: where the light turns, it turns with that."""
    toward = cameras.centres() - middle
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    axis = toward.mean(0)
    across = np.linalg.svd(axis[None])[2][1:]  # any two directions at right angles to the axis
    x, y = across @ toward.T
    angle = np.arctan2(y, x)
    waves = [f(n * angle) for n in range(1, WAVES + 1) for f in (np.cos, np.sin)]
    return torch.from_numpy(np.stack([np.ones(len(toward)), *waves], 1).astype(np.float32))


@dataclass
class Fog:
    """Tables over the voxels of the hull; row 0 is empty."""

    box: Box
    rows: torch.Tensor  # (x * y * z,) int64 row of each voxel, 0 outside the hull
    later: torch.Tensor  # (v, 3) rows of the next voxels along x, y, z
    live: torch.Tensor  # (x * y * z,) bool: worth a sample
    raw: torch.Tensor  # (v,) density before softplus
    tint: torch.Tensor  # (v, LIGHTS) brightness under each of the lights
    light: torch.Tensor  # (views, LIGHTS) how much of each a view has

    def tables(self) -> dict[str, torch.Tensor]:
        """What is learned."""
        return {"raw": self.raw, "tint": self.tint, "light": self.light}


def make_fog(box: Box, hull: NDArray[np.float32], cameras: Cameras, device: str) -> Fog:
    """Thin grey fog wherever the hull (signed distance in voxels) reaches."""
    kept = np.flatnonzero((hull < 1).ravel())
    rows = np.zeros(hull.size, np.int64)
    rows[kept] = np.arange(1, len(kept) + 1)
    sy, sx = box.shape[2], box.shape[1] * box.shape[2]
    beside = np.clip(np.concatenate([[0], kept])[:, None] + np.array([sx, sy, 1]), 0, hull.size - 1)
    raw, tint = torch.full((len(kept) + 1,), THIN), torch.zeros(len(kept) + 1, LIGHTS)
    raw[0], tint[:, 0] = 5 * THIN, 0.5
    tables = (rows, rows[beside], (hull < 1).ravel())
    return Fog(
        box,
        *(torch.from_numpy(t).to(device) for t in tables),
        *(t.to(device).requires_grad_(True) for t in (raw, tint, first_light(cameras, (box.low + box.high) / 2))),
    )


def thickness_at(step: float) -> float:
    """How much denser the fog is than its table says, at this share of the steps."""
    return 1.0 if step < THICKEN_FROM else THICKEN ** ((step - THICKEN_FROM) / (1 - THICKEN_FROM))


def see(
    fog: Fog, o: torch.Tensor, d: torch.Tensor, light: torch.Tensor, jitter: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Brightness under the light of each ray (rays, LIGHTS) and opacity, each (rays,); one sample a voxel."""
    if o.device.type == "cpu":
        return quick.FogSight.apply(fog.raw, fog.tint, light, fog, o, d, jitter, scale).unbind(1)
    return see_by_torch(fog, o, d, light, jitter, scale)


def see_by_torch(
    fog: Fog, o: torch.Tensor, d: torch.Tensor, light: torch.Tensor, jitter: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same on any device."""
    box, step = fog.box, fog.box.step
    t0, t1 = box_span(box, o, d)
    n = max(1, int(((t1 - t0).amax() / step).ceil()))
    t = t0[:, None] + step * (torch.arange(n, device=o.device) + jitter[:, None])
    low = torch.as_tensor(box.low, dtype=o.dtype, device=o.device)
    g = ((o - low).t()[..., None] + t * d.t()[..., None]) / step  # (3, rays, n)
    near = (g + 0.5).long()
    flat = (near[0] * box.shape[1] + near[1]) * box.shape[2] + near[2]
    known = torch.stack([(a >= 0) & (a < size) for a, size in zip(near, box.shape, strict=True)]).all(0)
    live = fog.live.index_select(0, flat.clamp(0, len(fog.live) - 1).reshape(-1)) & known.reshape(-1)
    at = live.nonzero()[:, 0]
    owner = at // n
    rows, share = corner_rows(fog.rows, box.shape, g.reshape(3, -1).index_select(1, at))
    weights = corner_weights(share)
    weight = weigh(owner, softplus((pick(fog.raw, rows) * weights).sum(0)) * scale)
    shade = (gathered(fog.tint, rows, weights) * light.t().index_select(1, owner)).sum(0)
    both = torch.stack([shade, torch.ones_like(shade)]) * weight
    out = torch.zeros(len(o), 2, device=o.device).index_add(0, owner, both.t())
    return out[:, 0], out[:, 1]


def fog_loss(
    fog: Fog, rays: Rays, drawn: torch.Tensor, jitter: torch.Tensor, at: torch.Tensor, share: float, params: NerfParams
) -> tuple[torch.Tensor, float]:
    """Brightness inside the masks, opacity everywhere, density and tint like the neighbours'; and the brightness error."""
    scale = thickness_at(share)
    light = fog.light.index_select(0, rays.view[drawn])
    shade, opacity = see(fog, rays.origins[drawn], rays.directions[drawn], light, jitter, scale)
    edge = rays.edge[drawn]
    sure = (edge > SURE_PX).float()
    off = (shade - rays.colour[drawn].mean(1)).abs()
    error = (off * sure).sum() / sure.sum().clamp_min(1)
    seen = binary_cross_entropy(opacity.clamp(1e-4, 1 - 1e-4), (0.5 + edge).clamp(0, 1))
    even = jumps(fog, at, params.fog_even_weight * scale, BLOTCH_WEIGHT)
    return error + params.opacity_weight * seen + even, float(error.detach())


def jumps(fog: Fog, at: torch.Tensor, by_jump: float, by_blotch: float) -> torch.Tensor:
    """How far density and tint jump from voxels to the next ones, weighed."""
    if at.device.type == "cpu":
        return quick.fog_jumps(fog, at, (by_jump, by_blotch))
    return jumps_by_torch(fog, at, by_jump, by_blotch)


def jumps_by_torch(fog: Fog, at: torch.Tensor, by_jump: float, by_blotch: float) -> torch.Tensor:
    """The same on any device."""
    later = fog.later[at]
    there = (later > 0).float()
    jump = (softplus(pick(fog.raw, at))[:, None] - softplus(pick(fog.raw, later))).abs() * there
    blotch = (pick(fog.tint, at)[:, None] - pick(fog.tint, later)).abs().mean(2) * there
    return by_jump * jump.mean() + by_blotch * blotch.mean()


def density(fog: Fog, scale: float) -> NDArray[np.float32]:  # box.shape
    """The fog's density per voxel."""
    return (softplus(fog.raw.detach()) * scale)[fog.rows].reshape(fog.box.shape).cpu().numpy()


def prune(fog: Fog, scale: float) -> None:
    """Look no more where the fog has cleared."""
    dense = torch.from_numpy(density(fog, scale)).to(fog.raw.device)
    fog.live = fog.live & (max_pool3d(dense[None, None], 3, 1, 1).reshape(-1) > CLEARED)


def looked_into(dense: NDArray[np.float32], box: Box, cameras: Cameras, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the wanted voxels enough cameras see through the fog. What none looks into has stayed thin for want of evidence."""
    index = np.argwhere(wanted)
    if not len(index):
        return wanted
    count, last = np.zeros(len(index), int), np.array(box.shape) - 1
    for centre in (cameras.centres() - box.low) / box.step:
        to = centre - index
        to /= np.linalg.norm(to, axis=1, keepdims=True)
        reach = np.where(to > 0, last - index, index) / np.maximum(np.abs(to), 1e-9)
        steps = np.arange(1, int(np.ceil(reach.min(1).max())) + 1)
        at = np.rint(index[:, None] + steps[:, None] * to[:, None]).astype(int)
        x, y, z = np.clip(at, 0, last).reshape(-1, 3).T
        thickness = dense[x, y, z].reshape(len(index), -1) * (steps <= reach.min(1)[:, None])
        count += thickness.sum(1) < CLEAR
    out = np.zeros(wanted.shape, bool)
    out[tuple(index[count >= max(LEAST_SHARE * len(cameras), LEAST_CAMERAS)].T)] = True
    return out


def opened(
    hull: NDArray[np.float32], dense: NDArray[np.float32], box: Box, cameras: Cameras
) -> NDArray[np.float32]:  # box.shape
    """The hull's signed distances (voxels) with the fog's cavities cut out.

    Only what is empty, looked into, deep inside the hull and open to the outside is a cavity: elsewhere the hull knows better.
    """
    empty = gaussian_filter(np.minimum(dense, 3), 0.7) < EMPTY
    empty = (hull >= 0) | looked_into(np.where(hull < 1, dense, 0), box, cameras, empty & (hull < 0))
    pieces = pieces_of(empty | (hull >= 0), corners=False)
    outside = pieces == np.bincount(pieces[hull >= 0].ravel()).argmax()
    deep = pieces_of(empty & outside & (hull < -DEEP_VOXELS), corners=False)
    large = np.bincount(deep.ravel()) >= LEAST_VOXELS
    large[0] = False
    mouth = np.asarray(binary_dilation(large[deep], iterations=MOUTH_VOXELS), bool)
    cavity = mouth & empty & outside & (hull < 0)
    return cut(hull, cavity)


def cut(hull: NDArray[np.float32], cavity: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Signed distances (voxels) with some voxels taken out."""
    if not cavity.any():
        return hull
    inner, outer = np.asarray(distance_transform_edt(cavity)), np.asarray(distance_transform_edt(~cavity))
    depth = np.where(cavity, inner - 0.5, 0.5 - outer)
    return np.maximum(hull, gaussian_filter(depth, 0.6)).astype(np.float32)
