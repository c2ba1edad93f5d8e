"""How a half is learned. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NerfParams:
    """How the field of one half is trained."""

    coarse_grid: int = 64
    """Voxels along the longest side while the shape is found."""
    fine_grid: int = 128
    """Voxels along the longest side while it is sharpened."""
    coarse_steps: int = 400
    fine_steps: int = 400
    rays: int = 2048
    """Rays per step."""
    tolerated_views: int = 2
    """Views that may disagree before a voxel is carved from the hull: masks are never perfect."""
    band: float = 2.5
    """Voxels on either side of the surface that are sampled."""
    shape_rate: float = 0.05
    """Learning rate of the signed distance, voxels."""
    colour_rate: float = 0.02
    light_rate: float = 0.01
    soft_start: float = 0.7
    """Width of the surface at the start of a level, voxels."""
    soft_end: float = 0.3
    opacity_weight: float = 0.1
    smooth_weight: float = 0.05
    distance_weight: float = 0.02
    """How firmly the field is held to a true distance (a gradient of length one)."""
    even_weight: float = 0.1
    """How firmly the colour is held to that of the neighbours."""
    checkpoint_every: int = 50
    """Steps between two looks at where the surface is; a checkpoint is written at each."""


@dataclass(frozen=True)
class CloudParams:
    """How the cloud of a half is read off its field."""

    points: int = 20_000
    """Points drawn on each half before those that no view sees are dropped."""
    min_views: int = 2
    """A point seen by fewer views is dropped."""
    min_cosine: float = 0.15
    """A view counts only where it looks at the surface at least this steeply."""
