"""How a half is learned. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class NerfParams:
    """How the field of one half is trained: fog that opens the cavities, then a surface, coarse and fine."""

    coarse_grid: int = 48
    """Voxels along the longest side while the shape is found."""
    fine_grid: int = 128
    """Voxels along the longest side while it is sharpened."""
    fog_steps: int = 800
    """More of them open more cavities."""
    rough_steps: int = 200
    """Steps of the surface before its hollows are filled and the light is looked for anew."""
    coarse_steps: int = 800
    middle_steps: int = 250
    """Steps on each of two grids between the coarse and the fine one; none: the fine level follows the coarse one."""
    fine_steps: int = 180
    fog_rays: int = 1024
    """Rays per step of the fog."""
    rays: int = 2048
    """Rays per step of the surface."""
    tolerated_views: int = 2
    """Views that may disagree before a voxel is carved from the hull: masks are never perfect."""
    fog_rate: float = 0.3
    """Learning rate of the fog's density."""
    fog_even_weight: float = 0.01
    """How firmly the fog's density is held to that of the neighbours."""
    shape_rate: float = 0.05
    """Learning rate of the signed distance, voxels."""
    colour_rate: float = 0.02
    fine_pace: float = 0.4
    """Learning rates of the fine level as a share of the others', falling to none: larger ones leave grain and rounded edges."""
    light_rate: float = 0.003
    """Learning rate of the views' light in the fog."""
    soft_coarse: float = 0.5
    """Width of the surface at the start of the coarse level, voxels."""
    soft_fine: float = 0.5
    """The same at the start of the middle levels and of the fine one."""
    sharpening: float = 0.4
    """By what the width shrinks within a level."""
    opacity_weight: float = 0.1
    blur_noise: float = 0.05
    """Share of noise that is reckoned with when the blur of the images is taken out for the fine level. 0: it is left in."""
    trusted_error: float = 0.15
    """Colours that are off by much more than this are shadow or gloss, and pull no surface."""
    depth_weight: float = 0.02
    """How firmly the surface is held to measured depth, where the capture has it."""
    smooth_weight: float = 0.1
    distance_weight: float = 0.02
    """How firmly the field is held to a true distance (a gradient of length one)."""
    even_weight: float = 4.0
    """How firmly the colour is held to that of the neighbours."""
    checkpoint_every: int = 50
    """Steps between two checkpoints, which a training that was stopped goes on from."""
    backend: Literal["own", "nerfstudio"] = "own"
    """Who learns the shape: this package, or nerfstudio in the environment that REGPIPE_NERFSTUDIO names."""
    nerfstudio_steps: int = 3000
    """Steps of nerfstudio's training; the steps above are the own field's."""
    nerfstudio_rays: int = 2048
    """Rays per step of nerfstudio's training."""
    nerfstudio_points: int = 100_000
    """Points that nerfstudio exports; the surface is laid through them."""


@dataclass(frozen=True)
class CloudParams:
    """How the cloud of a half is read off its field."""

    points: int = 120_000
    """Points drawn on each half before those that no view sees are dropped."""
    min_views: int = 2
    """A point seen by fewer views is dropped."""
    min_share: float = 0.08
    """So is one that is seen by less than this share of the views."""
    min_confidence: float = 0.1
    """A point that can be trusted less is dropped."""
    min_cosine: float = 0.05
    """A view counts only where it looks at the surface at least this steeply."""


@dataclass(frozen=True)
class FullParams:
    """How one field is trained on both captures, once the transform between them is known."""

    steps: int = 250
    """With none the model that was fused of both halves is taken as it is."""
    grid: int = 128
    """Voxels along the longest side."""
    rays: int = 2048
    """Rays per step, of both captures together."""
    refine_pose: bool = True
    """Learn the transform between the captures on, together with the field."""
    pose_rate: float = 0.01
    """Learning rate of the transform, in voxels that the object's rim moves by."""
    points: int = 40_000
    """Points drawn on the model before those that no view sees are dropped."""
    smooth_weight: float = 0.5
    """How firmly the surface is kept from bending; more than in the halves, for its cavities are open by now."""
    smooth_rounds: int = 20
    """Rounds that take the grain off the model's surface; they move it by much less than a voxel. 0: as it was learned."""
    tolerated: float = 0.005
    """If the silhouettes agree with the masks by so much less than those of the fused model, that one is kept."""
    diameter_mm: float = 0.0
    """As in ``[capture]``, which sets it: the model of captures without a unit is made exactly so large."""

    @property
    def field(self) -> NerfParams:
        """The settings that the field shares with those of the halves."""
        return NerfParams(fine_grid=self.grid, rays=self.rays, smooth_weight=self.smooth_weight)
