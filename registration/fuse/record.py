"""What fusion answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from registration.geometry.rigid import Array


@dataclass(frozen=True, eq=False)
class Fused:
    """The whole object in the up frame, millimetres."""

    vertices: Array  # (v, 3)
    faces: NDArray  # (f, 3)
    normals: Array  # (v, 3)
    colours: NDArray  # (v, 3) uint8
    points: Array  # (p, 3) seen by either capture
    point_normals: Array  # (p, 3)
    point_colours: NDArray  # (p, 3) uint8
    diameter_mm: float
    seen: float
    """Share of the surface that either capture saw."""


@dataclass(frozen=True)
class Labels:
    """BOP label files: path under labels/ -> JSON."""

    files: dict[str, Any]
