"""How the halves become one. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FuseParams:
    """How one surface is made of two halves."""

    grid: int = 160
    """Voxels along the longest side of the fused surface."""
    points: int = 40_000
    """Points of cloud.ply."""


@dataclass(frozen=True)
class LabelsParams:
    """How labels are written."""


@dataclass(frozen=True)
class ReportParams:
    """What the report shows."""

    pictures: int = 8
    """Images of each capture drawn with the model's outline."""
