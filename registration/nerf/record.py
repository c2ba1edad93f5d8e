"""What a trained half is to the rest of the product: plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from registration.geometry.hull import Box
from registration.geometry.rigid import Array


@dataclass(frozen=True, eq=False)
class Coarse:
    """The surface as the coarse level left it."""

    low: Array  # (3,) mm, corner of the grid
    step: float
    """Voxel size in mm."""
    sdf: NDArray[np.float32]  # (x, y, z) voxels, negative inside

    def scaled(self, factor: float) -> Coarse:
        """In another size, about the origin."""
        return replace(self, low=self.low * factor, step=self.step * factor)


@dataclass(frozen=True, eq=False)
class NerfHalf:
    """One half as a field of signed distance and colour, its light, and its surface as a mesh."""

    low: Array  # (3,) mm, corner of the grid
    step: float
    """Voxel size in mm."""
    sdf: NDArray[np.float32]  # (x, y, z) voxels, negative inside
    colour: NDArray[np.uint8]  # (x, y, z, 3) albedo
    light: NDArray[np.float32]  # (views, 12) even light and lamp, see light.shade
    shared_light: NDArray[np.float32]  # (36,) what all views' light has in common, see light.light_bases
    axis: Array  # (3,) that the cameras stand upright to
    vertices: Array  # (v, 3) mm
    faces: NDArray[np.int64]  # (f, 3)
    normals: Array  # (v, 3)
    vertex_colours: NDArray[np.uint8]  # (v, 3)
    held_out: NDArray[np.int64]  # (k,) views that took no part in the training; none if there are few views
    odd: NDArray[np.int64]  # (k,) views that the model does not explain: their poses or masks are wrong
    psnr: float
    """Median over the held-out views, in the box of the mask, dB; over some training views if none is held out."""
    mask_iou: float
    """Mean over the same views of the mesh's silhouette against the mask."""
    curve: Array  # (k, 2) step, mean colour error since the last entry; none if another back-end trained
    blur: float = 0.0
    """Standard deviation in pixels by which the capture's images are blurred against sharp renders, found on training views."""
    coarse: Coarse | None = None
    """None where the field was not trained by levels."""
    notes: dict[str, str] = field(default_factory=dict)
    """Another back-end's name and versions; empty for the own."""

    @property
    def box(self) -> Box:
        """The grid of the field."""
        shape = self.sdf.shape
        return Box(self.low, self.step, (shape[0], shape[1], shape[2]))

    def scaled(self, factor: float) -> NerfHalf:
        """In another size, about the origin."""
        if factor == 1:
            return self
        coarse = None if self.coarse is None else self.coarse.scaled(factor)
        low, step, vertices = self.low * factor, self.step * factor, self.vertices * factor
        return replace(self, low=low, step=step, vertices=vertices, coarse=coarse)


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points that the capture really saw."""

    points: Array  # (n, 3) mm
    normals: Array  # (n, 3) outwards
    colours: NDArray[np.uint8]  # (n, 3)
    views: NDArray[np.int64]  # (n,) how many views saw each point
    confidence: NDArray[np.float32]  # (n,) 0..1: seen by many views that agree, on a sharp surface
    unlike: NDArray[np.float32]  # (n,) how much less than usual one place explains what the views show: lids; 1 usual, 0 not known

    def __len__(self) -> int:
        return len(self.points)

    def scaled(self, factor: float) -> Cloud:
        """In another size, about the origin."""
        if factor == 1:
            return self
        return replace(self, points=self.points * factor)


@dataclass(frozen=True, eq=False)
class Clouds:
    """Both halves, each in its own capture's frame and unit."""

    up: Cloud
    down: Cloud
    diameter_mm: float
    """Largest extent of either half, in the unit of up."""
    scale: float = 1.0
    """Lengths of down times this are lengths of up; other than 1 only where a capture's unit is unknown."""

    def scaled(self, factor: float) -> Clouds:
        """Both in another size, each about its origin."""
        up, down = self.up.scaled(factor), self.down.scaled(factor)
        return replace(self, up=up, down=down, diameter_mm=factor * self.diameter_mm)

    def alike(self, scale: float | None = None) -> Clouds:
        """Both clouds in the unit of up; by this estimate of the scale, or by a better one."""
        return replace(self, down=self.down.scaled(self.scale if scale is None else scale), scale=1.0)
