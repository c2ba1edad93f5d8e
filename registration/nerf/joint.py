"""All captures in one frame: their rays, their lights, and the small motions between them that are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh
from registration.geometry.rigid import Array, Rigid
from registration.nerf.border import Border
from registration.nerf.lamp import GREY, light_on
from registration.nerf.light import Light
from registration.nerf.rays import Rays, mask_distances, rays_of


def joint_rays(captures: Sequence[Capture], device: str) -> Rays:
    """The rays of captures that share a frame; views are counted on from one capture to the next."""
    first, parts = 0, []
    for capture in captures:
        rays = rays_of(capture, mask_distances(capture), device)
        parts.append(replace(rays, view=rays.view + first))
        first += len(capture)
    return Rays(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Rays)))


def joint_light(captures: Sequence[Capture], mesh: TriMesh, lift: float) -> Light:
    """A light for each capture: views know the terms of their own capture's light and nothing of the others'."""
    lights = [light_on(capture, mesh, GREY, lift) for capture in captures]
    terms = sum(light.bases.shape[2] for light in lights)
    bases, at = [], 0
    for light in lights:
        wide = torch.zeros(*light.bases.shape[:2], terms)
        wide[..., at : at + light.bases.shape[2]] = light.bases
        bases.append(wide)
        at += light.bases.shape[2]
    shared, gain = (torch.cat([getattr(light, n) for light in lights]) for n in ("shared", "gain"))
    return Light(torch.cat(bases), shared, gain)


def joint_slack(captures: Sequence[Capture], mesh: TriMesh) -> torch.Tensor:  # (views,)
    """Pixels by which each mask is too small, of all captures' views."""
    borders = [Border.of(capture, mask_distances(capture)) for capture in captures]
    return torch.from_numpy(np.concatenate([b.slack(mesh, c) for b, c in zip(borders, captures, strict=True)]))


def own_light(light: Light, views: NDArray[np.int64]) -> Light:
    """The light of some views of one capture, without the terms of the others'."""
    here = torch.from_numpy(views).to(light.bases.device)
    terms = (light.bases[here] != 0).any(0).any(0)
    return Light(light.bases[here][..., terms], light.shared[terms], light.gain[here])


def turned(vectors: torch.Tensor, R: torch.Tensor) -> torch.Tensor:  # (n, 3), (3, 3) -> (n, 3)
    """R v of many vectors."""
    return (vectors[:, None] * R).sum(2)


@dataclass
class Drift:
    """A small motion of one capture's cameras against those of the first, about the object's middle."""

    twist: torch.Tensor  # (6,) turn and shift, in units of what the object's rim moves by
    middle: torch.Tensor  # (3,) mm
    radius: float
    unit: float
    """Millimetres."""
    first: int
    """Views from this one on are moved."""
    after: int
    """But not from this one on."""

    @classmethod
    def none(cls, box: Box, first: int, after: int, device: str) -> Drift:
        """No motion yet, for an object that fills a box; a unit is a voxel."""
        middle = torch.tensor((box.low + box.high) / 2, dtype=torch.float32, device=device)
        radius = float(np.linalg.norm(box.high - box.low)) / 2
        return cls(torch.zeros(6, device=device, requires_grad=True), middle, radius, box.step, first, after)

    def motion(self) -> tuple[torch.Tensor, torch.Tensor]:  # (3, 3), (3,)
        """Turn about the middle, and shift in mm."""
        x, y, z = (0.5 * self.twist[:3] * self.unit / self.radius).unbind(
            0
        )  # a quaternion 1, x, y, z but for its length
        n = 1 + x * x + y * y + z * z
        turn = [
            y * y + z * z,
            z - x * y,
            -y - x * z,
            -z - x * y,
            x * x + z * z,
            x - y * z,
            y - x * z,
            -x - y * z,
            x * x + y * y,
        ]
        return torch.eye(3, device=n.device) - 2 / n * torch.stack(turn).reshape(3, 3), self.twist[3:] * self.unit

    def rigid(self) -> Rigid:
        """The motion, of points."""
        R, t = (a.detach().double().cpu().numpy() for a in self.motion())
        u, _, vt = np.linalg.svd(R)
        turn, middle = np.asarray(u @ vt, float), self.middle.double().cpu().numpy()
        shift: Array = np.asarray(middle - turn @ middle + t, float)
        return Rigid(turn, shift)

    def moved(self, rays: Rays) -> Rays:
        """The rays as the motion says they run; gradients reach it."""
        R, t = self.motion()
        there = ((rays.view >= self.first) & (rays.view < self.after))[:, None]
        origins = turned(rays.origins - self.middle, R) + self.middle + t
        return replace(
            rays,
            origins=torch.where(there, origins, rays.origins),
            directions=torch.where(there, turned(rays.directions, R), rays.directions),
        )


def drawn_of(rays: Rays, drawn: torch.Tensor) -> Rays:
    """Some of the rays."""
    return Rays(*(getattr(rays, f.name)[drawn] for f in fields(Rays)))
