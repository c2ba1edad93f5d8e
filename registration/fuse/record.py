"""What fusion answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from registration.geometry.rigid import Array, Rigid


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

    def scaled(self, factor: float) -> Fused:
        """In another size, about the origin."""
        vertices, points, large = factor * self.vertices, factor * self.points, factor * self.diameter_mm
        return replace(self, vertices=vertices, points=points, diameter_mm=large)


@dataclass(frozen=True, eq=False)
class Model:
    """The final model and the transform that belongs to it."""

    fused: Fused
    T_up_from_down: Rigid
    """As the joint training left it; where that was not kept, as the registration found it."""
    joint: bool
    """Whether the model is the field of both captures; else it was fused of the halves."""
    psnr: tuple[float, ...]
    """Of the held-out views of each capture, dB; none if there was no training, or it was not kept."""
    mask_iou: tuple[float, ...]
    """Of the same views, silhouettes of the trained field against the masks; none if there was no training."""
    fused_iou: tuple[float, ...]
    """The same of the model that was fused of the halves."""
    notes: tuple[str, ...]
    """What is to be told of it, in words."""
    scale: float = 1.0
    """Lengths of down times this are lengths of up, in whose unit the transform and the model are."""
    others: tuple[Rigid, ...] = ()
    """More than two captures: T_up_from_each of those after down."""
    other_scales: tuple[float, ...] = ()
    """And their scales."""
    known_mm: float = 0.0
    """The object's true diameter, if the user told it of captures without a unit; 0: nobody did, or there is a unit."""

    @property
    def places(self) -> tuple[Rigid, ...]:
        """T_up_from_each of all captures, up itself first."""
        return (Rigid.identity(), self.T_up_from_down, *self.others)

    @property
    def scales(self) -> tuple[float, ...]:
        """The scale of each."""
        return (1.0, self.scale, *self.other_scales)

    @property
    def grown(self) -> float:
        """What all lengths must be multiplied by for the model to be as large as is known."""
        return self.known_mm / self.fused.diameter_mm if self.known_mm else 1.0

    def scaled(self, factor: float) -> Model:
        """In another size, about the origin."""
        others = tuple(T.scaled(factor) for T in self.others)
        return replace(self, fused=self.fused.scaled(factor), T_up_from_down=self.T_up_from_down.scaled(factor), others=others)


@dataclass(frozen=True)
class Labels:
    """BOP label files: path under labels/ -> JSON."""

    files: dict[str, Any]
