"""Rays through the field: where to sample, and what a ray sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from registration.geometry.hull import Box
from registration.nerf import quick
from registration.nerf.field import Field, blended, corner_weights, gathered
from registration.nerf.light import TERMS, harmonics

BLOCK = 4
"""Voxels along the side of the blocks that empty space is skipped by."""
SHADOW_FROM = 2
"""Voxels from the surface on that shadows are cast."""


@dataclass
class Marks:
    """Which voxels are worth sampling (1) and which are certainly solid (2), and the same by blocks."""

    box: Box
    voxel: torch.Tensor  # (x * y * z,) int8
    block: torch.Tensor  # (bx, by, bz) bool: holds a voxel that is marked
    sdf: torch.Tensor  # (x * y * z,) signed distance, voxels

    @classmethod
    def of(cls, box: Box, sdf: torch.Tensor, band: float) -> Marks:
        """From signed distances in voxels, (x, y, z)."""
        voxel = (sdf.abs() <= band).to(torch.int8) + 2 * (sdf < -band).to(torch.int8)
        block = torch.nn.functional.max_pool3d(voxel[None].float(), BLOCK, ceil_mode=True)[0] > 0
        grown = torch.nn.functional.max_pool3d(block[None].float(), 3, 1, 1)[0] > 0
        return cls(box, voxel.reshape(-1), grown, sdf.reshape(-1))

    def at(self, points: torch.Tensor) -> torch.Tensor:  # (3, m) mm -> (m,) int8
        """Mark of the voxel nearest to each point inside the box."""
        x, y, z = self.box.shape
        low = torch.as_tensor(self.box.low, dtype=points.dtype, device=points.device)
        g = ((points - low[:, None]) / self.box.step).round_()
        i, j, k = (g[a].clamp_(0, n - 1) for a, n in enumerate((x, y, z)))
        return self.voxel.index_select(0, ((i * y + j) * z + k).long())

    def blocks_at(self, points: torch.Tensor) -> torch.Tensor:  # (3, rays, n) mm -> (rays, n) bool
        """Whether the block around each point is worth a closer look."""
        x, y, z = self.block.shape
        low = torch.as_tensor(self.box.low, dtype=points.dtype, device=points.device)
        g = ((points - low[:, None, None]) / (self.box.step * BLOCK)).long()
        i, j, k = (g[a].clamp_(0, n - 1) for a, n in enumerate((x, y, z)))
        return self.block.reshape(-1)[(i * y + j) * z + k]


@dataclass
class Seen:
    """What rays see."""

    colour: torch.Tensor  # (rays, 3) under even light, weighted by the opacity
    lamp: torch.Tensor  # (rays, 3) what a lamp adds where nothing shadows it, weighted by the opacity
    opacity: torch.Tensor  # (rays,)
    depth: torch.Tensor  # (rays,) mm along the ray; meaningless where the opacity is low
    normal: torch.Tensor  # (rays, 3) unit, outwards; meaningless where the opacity is low


def box_span(box: Box, origins: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where rays enter and leave the box, mm; leave <= enter for a miss."""
    low = torch.as_tensor(box.low, dtype=origins.dtype, device=origins.device)
    high = torch.as_tensor(box.high, dtype=origins.dtype, device=origins.device)
    inverse = 1 / torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    a, b = (low - origins) * inverse, (high - origins) * inverse
    return torch.minimum(a, b).amax(1).clamp_min(0), torch.maximum(a, b).amin(1)


def find_samples(
    marks: Marks, origins: torch.Tensor, directions: torch.Tensor, step: float, jitter: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Steps of rays near the surface, up to where a ray is inside solid: (owner ray, mm along it), ascending."""
    if origins.device.type == "cpu":
        return quick.samples(marks, origins, directions, step, jitter, BLOCK)
    return find_samples_by_torch(marks, origins, directions, step, jitter)


def find_samples_by_torch(
    marks: Marks, origins: torch.Tensor, directions: torch.Tensor, step: float, jitter: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same on any device."""
    t0, t1 = box_span(marks.box, origins, directions)
    per_block = max(1, round(BLOCK * marks.box.step / step))
    stride = per_block * step
    n = max(1, int(((t1 - t0).amax() / stride).ceil()))
    starts = t0[:, None] + stride * torch.arange(n, device=t0.device)  # (rays, n)
    middle = origins.t()[..., None] + (starts + stride / 2) * directions.t()[..., None]  # (3, rays, n)
    ray, block = torch.nonzero(marks.blocks_at(middle) & (starts < t1[:, None]), as_tuple=True)
    offsets = step * torch.arange(per_block, device=t0.device)
    t = ((starts[ray, block] + step * jitter.index_select(0, ray))[:, None] + offsets).reshape(-1)
    owner = ray.repeat_interleave(per_block)
    mark = marks.at(origins.t().index_select(1, owner) + t * directions.t().index_select(1, owner))
    solid = (mark == 2).nonzero()[:, 0]
    wall = torch.full_like(t0, float("inf"))
    wall = wall.scatter_reduce(0, owner.index_select(0, solid), t.index_select(0, solid), "amin")
    use = ((mark == 1) & (t < wall.index_select(0, owner))).nonzero()[:, 0]
    return owner.index_select(0, use), t.index_select(0, use)


def pick(table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:  # (v, ...), (...) -> (*rows, ...)
    """``table[rows]``, whose gradient is summed in one order: the same to the last bit however many threads run."""
    return table.index_select(0, rows.reshape(-1)).reshape(*rows.shape, *table.shape[1:])


def look(
    field: Field,
    owner: torch.Tensor,
    t: torch.Tensor,
    origins: torch.Tensor,
    directions: torch.Tensor,
    step: float,
    beta: float,
    light: torch.Tensor,  # (rays, 12) of each ray's view
) -> Seen:
    """Volume rendering of a signed distance without bias: a ray is half stopped where it reaches zero, however flat."""
    if origins.device.type == "cpu":
        given = field.sdf[:, 0], field.colour, light, origins, directions, owner, t, field, step, beta
        return seen_of(quick.Sight.apply(*given))
    return look_by_torch(field, owner, t, origins, directions, step, beta, light)


def look_by_torch(
    field: Field, owner: torch.Tensor, t: torch.Tensor, origins: torch.Tensor, directions: torch.Tensor, step: float,
    beta: float, light: torch.Tensor,
) -> Seen:  # fmt: skip
    """The same on any device."""
    along = directions.t().index_select(1, owner)  # (3, m)
    rows, share = field.corners(origins.t().index_select(1, owner) + t * along)
    sdf, gradient = blended(pick(field.sdf[:, 0], rows), share)
    colour = gathered(field.colour, rows, corner_weights(share))  # (3, m)
    normal = torch.nn.functional.normalize(gradient, dim=0, eps=1e-6)
    even, lamp = pick(light, owner).t().split((TERMS, 3))
    bright = (harmonics(normal, 0) * even).sum(0), torch.relu((normal * lamp).sum(0))
    fall = 0.5 * step / field.box.step * (gradient * along).sum(0).clamp(-2, 0)  # half the change over a step
    soft = torch.nn.functional.softplus
    thickness = soft(-(sdf + fall) / beta) - soft(-(sdf - fall) / beta)
    return composite(owner, t, thickness, torch.cat([colour * b for b in bright]), gradient, len(origins))


def weigh(owner: torch.Tensor, thickness: torch.Tensor) -> torch.Tensor:  # (m,), (m,) -> (m,)
    """What each of ragged samples, front to back, adds to its ray; ``owner`` ascends."""
    thickness = thickness.clamp_max(20)
    before = thickness.double().cumsum(0) - thickness
    first = torch.ones_like(owner, dtype=torch.bool)
    first[1:] = owner[1:] != owner[:-1]
    base = before[first][torch.cumsum(first, 0) - 1]
    return torch.exp(-(before - base)).to(thickness.dtype) * (1 - torch.exp(-thickness))


def composite(
    owner: torch.Tensor,
    t: torch.Tensor,
    thickness: torch.Tensor,
    colour: torch.Tensor,  # (6, m) under even light, and what a lamp adds
    gradient: torch.Tensor,  # (3, m)
    rays: int,
) -> Seen:
    """Front to back over ragged samples; ``owner`` ascends."""
    stack = torch.cat([colour, gradient, torch.stack([t, torch.ones_like(t)])]) * weigh(owner, thickness)
    return seen_of(torch.zeros(rays, 11, device=t.device, dtype=t.dtype).index_add(0, owner, stack.t()))


def seen_of(out: torch.Tensor) -> Seen:  # (rays, 11)
    """The columns by name."""
    normal = torch.nn.functional.normalize(out[:, 6:9], dim=1, eps=1e-6)
    return Seen(out[:, :3], out[:, 3:6], out[:, 10], out[:, 9] / out[:, 10].clamp_min(1e-6), normal)


@torch.no_grad()
def lit(marks: Marks, points: torch.Tensor, toward: torch.Tensor) -> torch.Tensor:  # (m, 3) mm, (m, 3) -> (m,) 0..1
    """How freely a lamp is seen from places on the surface, by the depth in voxels to which its ray dips into solid."""
    if points.device.type == "cpu":
        return quick.lit(marks, points, toward, SHADOW_FROM)
    return lit_by_torch(marks, points, toward)


@torch.no_grad()
def lit_by_torch(marks: Marks, points: torch.Tensor, toward: torch.Tensor) -> torch.Tensor:
    """The same on any device."""
    box = marks.box
    size = torch.tensor(box.shape, device=points.device)
    low = torch.as_tensor(box.low, dtype=points.dtype, device=points.device)
    g = (points - low) / box.step + 0.5
    far = torch.where(
        toward.abs() < 1e-6, torch.full_like(g, float("inf")), (torch.where(toward > 0, size - g, -g)) / toward
    )
    steps = (far.amin(1).clamp_min(0) - SHADOW_FROM).clamp_min(0).long()
    owner = torch.arange(len(g), device=g.device).repeat_interleave(steps)
    first = torch.cumsum(steps, 0) - steps
    s = torch.arange(len(owner), device=g.device) - first[owner] + SHADOW_FROM
    at = (g[owner] + s[:, None] * toward[owner]).long().clamp_min(0).minimum(size - 1)
    sdf = marks.sdf[(at[:, 0] * box.shape[1] + at[:, 1]) * box.shape[2] + at[:, 2]]
    least = torch.full((len(g),), 4.0, device=g.device).scatter_reduce(0, owner, sdf, "amin")
    return (least + 0.5).clamp(0, 1)
