"""How correspondences are learned. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CorrespondenceParams:
    """From where a half is looked at for training."""

    size: int = 64
    """Pixels along each side of a look; a multiple of 16."""
    views: int = 360
    """Cameras around the half; those that see too little known surface are left out."""
    least_known: float = 0.2
    """Share of what a look shows that must be known surface."""


@dataclass(frozen=True)
class EmbeddingParams:
    """How the two networks of a half are trained."""

    steps: int = 180
    crops: int = 16
    """Looks per step."""
    pixels: int = 96
    """Pixels of each look that must find their surface point."""
    rate: float = 8e-4
    """Learning rate of the query network."""
    key_rate: float = 1e-3
    """Learning rate of the key network."""
    key_steps: int = 250
    """Steps in which the key network first learns what the query network already says of each place."""
    negatives: int = 1_024
    """Keys elsewhere on the surface per step."""
    negatives_off: int = 256
    """Keys in free space near the surface per step."""
    channels: tuple[str, ...] = ("normals", "mask", "depth", "albedo")
    """What the query network sees: of normals, mask, edges, rgb, albedo, depth."""
    start: str = "pretrained"
    """pretrained, none, or a safetensors file of a query network."""
    backgrounds: str = ""
    """A folder of pictures (or of COCO) to put behind rgb and edges; none: captures are cut out by their masks."""
    patience: int = 4
    """Looks that were kept back are judged now and then; so many times without progress end the training."""
    judge_every: int = 60
    """Steps between looks at what was kept back; a checkpoint is written then."""


@dataclass(frozen=True)
class FeatureParams:
    """The cloud of keys."""

    points: int = 3_000
