"""The compiled kernels as steps of torch: what the field's inner loops are on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from registration.geometry.hull import Box
    from registration.nerf.field import Field
    from registration.nerf.fog import Fog
    from registration.nerf.render import Marks


def arrays(*tensors: torch.Tensor) -> list[np.ndarray]:
    """The same memory for numpy."""
    return [t.detach().contiguous().numpy() for t in tensors]


def tensors(*found: np.ndarray) -> list[torch.Tensor]:
    """The same memory for torch."""
    return [torch.from_numpy(a) for a in found]


def grid_of(box: Box) -> tuple[Any, ...]:
    """Lower corner, side of a voxel and shape, as kernels take them."""
    return np.asarray(box.low, float), float(box.step), tuple(int(n) for n in box.shape)


def wishes_of(table: torch.Tensor) -> np.ndarray:
    """Where a table's gradient is summed: a fresh array for each part of the loss would cost more than the part."""
    if table.grad is None:
        table.grad = torch.zeros_like(table)
    return np.asarray(table.grad.numpy())


class Sight(torch.autograd.Function):
    """What rays see of a signed distance: (rays, 11), the columns of `render.composite`."""

    @staticmethod
    def forward(
        ctx: Any, sdf: torch.Tensor, colour: torch.Tensor, light: torch.Tensor, o: torch.Tensor, d: torch.Tensor,
        owner: torch.Tensor, t: torch.Tensor, field: Field, step: float, beta: float,
    ) -> torch.Tensor:  # fmt: skip
        """Distances (v,), colours (v, 3), a leaf; light (rays, 12), rays (rays, 3) twice, samples (m,) twice."""
        from registration.nerf.kernels import surface

        low, side, shape = grid_of(field.box)
        given = (*arrays(owner, t, o, d), low, side, shape, *arrays(field.rows, sdf, colour, light))
        out, *kept = surface.see(*given, float(beta), 0.5 * step / side)
        ctx.given, ctx.colour = (*given, *kept), colour
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of distances and rays; that of the colours goes where it is summed, and the light is given."""
        from registration.nerf.kernels import surface

        sdf, o, d = tensors(*surface.ask(*ctx.given, *arrays(grads[0]), wishes_of(ctx.colour)))
        return sdf, None, None, o, d, None, None, None, None, None


class FogSight(torch.autograd.Function):
    """Brightness and opacity of rays through fog: (rays, 2)."""

    @staticmethod
    def forward(
        ctx: Any, raw: torch.Tensor, tint: torch.Tensor, light: torch.Tensor, fog: Fog, o: torch.Tensor,
        d: torch.Tensor, jitter: torch.Tensor, scale: float,
    ) -> torch.Tensor:  # fmt: skip
        """Density before softplus (v,), tint (v, lights), both leaves; light of each ray (rays, lights)."""
        from registration.nerf.kernels import fog as kernel

        low, side, shape = grid_of(fog.box)
        high = np.asarray(fog.box.high, float)
        rays, live, rows = arrays(o, d, jitter, light), *arrays(fog.live), *arrays(fog.rows)
        given = (*rays, low, high, side, shape, live, rows, *arrays(raw, tint), float(scale))
        out, kept = kernel.see(*given)
        ctx.given, ctx.leaves = (*given, out, kept), (raw, tint)
        return torch.from_numpy(out.copy())

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradient of the light; those of the leaves go where they are summed."""
        from registration.nerf.kernels import fog as kernel

        light = kernel.ask(*ctx.given, *arrays(grads[0]), *(wishes_of(leaf) for leaf in ctx.leaves))
        return None, None, torch.from_numpy(light), None, None, None, None, None


class Told(torch.autograd.Function):
    """A loss of two leaves, whose wishes for some of their rows a kernel has found already."""

    @staticmethod
    def forward(
        ctx: Any, first: torch.Tensor, second: torch.Tensor, loss: float, rows: np.ndarray, wishes: np.ndarray
    ) -> torch.Tensor:
        """The loss, as a number that has gradients."""
        ctx.given, ctx.leaves = (rows, wishes), (first, second)
        return torch.tensor(loss, dtype=first.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[None, ...]:
        """The gradients go where they are summed."""
        from registration.nerf.kernels import even

        first, second = (wishes_of(leaf) for leaf in ctx.leaves)
        even.hand(*ctx.given, float(grads[0]), first.reshape(-1), second)
        return None, None, None, None, None


def bends(
    at: torch.Tensor, neighbours: torch.Tensor, sdf: torch.Tensor, own: torch.Tensor, colour: torch.Tensor, weights: tuple[float, ...]
) -> torch.Tensor:
    """Bending, stretching and blotches around voxels, weighed and summed; what is asked of the distances is asked of ``own``."""
    from registration.nerf.kernels import even

    return Told.apply(own, colour, *even.bends(*arrays(at, neighbours, sdf, colour), *weights))  # type: ignore[no-any-return]


def fog_jumps(fog: Fog, at: torch.Tensor, weights: tuple[float, ...]) -> torch.Tensor:
    """Jumps of density and of tint between voxels, weighed and summed."""
    from registration.nerf.kernels import even

    return Told.apply(fog.raw, fog.tint, *even.fog_jumps(*arrays(at, fog.later, fog.raw, fog.tint), *weights))  # type: ignore[no-any-return]


def samples(
    marks: Marks, o: torch.Tensor, d: torch.Tensor, step: float, jitter: torch.Tensor, per_side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Steps of rays near the surface: owner ray and distance along it."""
    from registration.nerf.kernels import march

    low, side, shape = grid_of(marks.box)
    voxel, block, o_, d_, jitter_ = arrays(marks.voxel, marks.block.reshape(-1), o, d, jitter)
    blocks, high = tuple(int(n) for n in marks.block.shape), np.asarray(marks.box.high, float)
    owner, t = march.samples(voxel, shape, block, blocks, per_side, low, high, side, o_, d_, float(step), jitter_)
    return torch.from_numpy(owner), torch.from_numpy(t)


def lit(marks: Marks, points: torch.Tensor, toward: torch.Tensor, first: int) -> torch.Tensor:
    """How freely a lamp is seen from places on the surface."""
    from registration.nerf.kernels import march

    low, side, shape = grid_of(marks.box)
    sdf, points_, toward_ = arrays(marks.sdf, points, toward)
    return torch.from_numpy(march.free_ways(sdf, shape, low, side, points_, toward_, first))
