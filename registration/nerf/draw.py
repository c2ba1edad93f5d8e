"""Which rays a step looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from registration.geometry.mesh import iso_surface
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array
from registration.nerf.rays import Rays
from registration.nerf.record import Coarse

EVEN_SHARE = 0.5
"""Share of the rays that are drawn by the patch of surface that they see; the others all have the same chance."""
RARE = 0.7
"""A ray's chance falls with this power of how many see the same patch."""
PATCH = 2.0
"""Side of a patch, voxels of the surface's grid."""


@dataclass(frozen=True)
class Draw:
    """A lottery among rays. The floor of a socket is seen by few of them, and would move too seldom to get where it belongs."""

    rays: int
    ladder: torch.Tensor | None = None  # (rays,) float64, up to 1: of the even share each ray has what it rises by

    @classmethod
    def over(cls, rays: Rays, surface: Coarse | None) -> Draw:
        """Half of the rays so that every patch of a surface gets its share; without a surface all by chance."""
        if surface is None:
            return cls(len(rays.edge))
        weights = rarity(rays, surface)
        return cls(len(weights), torch.from_numpy(np.cumsum(weights) / weights.sum()))

    def some(self, count: int, dice: torch.Generator) -> torch.Tensor:  # (count,)
        """Numbers of rays, in order: what lies together is read together."""
        if self.ladder is None:
            return some(self.rays, count, dice)
        even = round(EVEN_SHARE * count)
        rungs = torch.searchsorted(self.ladder, torch.rand(even, generator=dice, dtype=torch.float64))
        return in_order(torch.cat([some(self.rays, count - even, dice), rungs.clamp_max(self.rays - 1)]))


def some(of: int, count: int, dice: torch.Generator) -> torch.Tensor:  # (count,)
    """Numbers below ``of`` by chance, in order."""
    return in_order(torch.randint(of, (count,), generator=dice))


def in_order(numbers: torch.Tensor) -> torch.Tensor:  # (count,)
    """Sorted; numpy is several times as fast as torch here."""
    return torch.from_numpy(np.sort(numbers.numpy()))


def rarity(rays: Rays, surface: Coarse) -> Array:  # (rays,)
    """The larger the fewer rays see the same patch; what sees nothing of the surface counts as usual."""
    mesh = iso_surface(surface.sdf, surface.low, surface.step)
    origins, directions = (a.cpu().numpy().astype(float) for a in (rays.origins, rays.directions))
    far, face = Caster(mesh.vertices, mesh.faces).first_hits(origins, directions)
    hit = face >= 0
    out = np.ones(len(hit))
    if hit.any():
        patch = patches(origins[hit] + far[hit, None] * directions[hit], PATCH * surface.step)
        out[hit] = np.bincount(patch)[patch] ** -RARE
        out[~hit] = np.median(out[hit])
    return out


def patches(points: Array, side: float) -> NDArray[np.int64]:  # (n, 3) -> (n,)
    """Number of the cube that each point lies in."""
    cell = np.floor((points - points.min(0)) / side).astype(np.int64)
    return np.asarray(np.ravel_multi_index(tuple(cell.T), tuple(cell.max(0) + 1)), np.int64)
