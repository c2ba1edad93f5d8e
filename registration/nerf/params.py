"""How a half is learned. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NerfParams:
    """How the field of one half is trained."""

    coarse_grid: int = 64
    """Voxels along the longest side of the box while the shape is found."""
    fine_grid: int = 128
    """Voxels along the longest side while it is sharpened."""
    coarse_steps: int = 300
    fine_steps: int = 500
    rays: int = 4096
    """Rays per step."""


@dataclass(frozen=True)
class CloudParams:
    """How the cloud of a half is read off its field."""

    points: int = 20_000
    """Points kept of each half."""
    min_views: int = 2
    """A point seen by fewer views is dropped."""
