"""All that there is to see of one object, as plain arrays: what every viewer is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.fuse.record import Fused
from registration.geometry.camera import Cameras
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Cloud, NerfHalf

MOST_CAMERAS = 60
"""Frusta drawn of one capture: more of them hide each other."""


@dataclass(frozen=True, eq=False)
class Skin:
    """A coloured mesh, millimetres."""

    vertices: Array  # (v, 3)
    faces: NDArray[np.int64]  # (f, 3)
    normals: Array  # (v, 3)
    colours: NDArray[np.uint8]  # (v, 3)

    @classmethod
    def of(cls, record: NerfHalf | Fused) -> Skin:
        """The mesh of a half or of the whole model, in its own colours."""
        colours = record.vertex_colours if isinstance(record, NerfHalf) else record.colours
        return cls(record.vertices, record.faces, record.normals, np.asarray(colours, np.uint8))


@dataclass(frozen=True, eq=False)
class Shots:
    """Cameras of one capture, in its own frame, and what they saw."""

    cameras: Cameras
    images: NDArray[np.uint8] | None = None  # (n, h, w, 3)

    def spread(self, most: int = MOST_CAMERAS) -> NDArray[np.int64]:
        """So many of them at most, evenly chosen."""
        n = len(self.cameras)
        return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))


@dataclass(frozen=True, eq=False)
class Half:
    """One capture, in its own frame; what is not there is None."""

    cloud: Cloud | None = None
    skin: Skin | None = None
    shots: Shots | None = None


@dataclass(frozen=True, eq=False)
class Place:
    """Where a step of the chain puts the lower half in the upper half's frame."""

    name: str
    T_up_from_down: Rigid
    said: str = ""
    """Its numbers, in words."""
    gap_mm: float | None = None
    """How far surfaces that meet lie apart."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One object as far as its chain has come; the upper capture's frame is the world."""

    name: str
    up: Half
    down: Half
    places: tuple[Place, ...] = ()
    """In the order of the chain: as captured, as verified, after ICP, after the joint training."""
    path: tuple[Place, ...] = ()
    """Every step of the ICP, the start first."""
    path_said: str = ""
    """Where the path comes from."""
    alternatives: tuple[Place, ...] = ()
    """Transforms that the evidence cannot tell from the answer."""
    model: Skin | None = None
    cad: Skin | None = None
    cad_said: str = ""
    """How the CAD model came to lie where it lies."""
    upright: Array | None = None  # (3,) direction that the upper capture's cameras stand upright to
    facts: tuple[str, ...] = ()
    """What is to be told, in words: the verdict first."""
    missing: tuple[str, ...] = ()
    """What could not be shown, and why."""

    @property
    def final(self) -> Rigid:
        """The last word on where the lower half lies; the identity if nobody has said."""
        return self.places[-1].T_up_from_down if self.places else Rigid.identity()

    def place(self, name: str) -> Place | None:
        """The place of a step, if the chain has come so far."""
        return next((p for p in self.places if p.name == name), None)

    def middle_and_size(self) -> tuple[Array, float]:
        """Centre and diagonal of what is there, in the world."""
        parts = [s.vertices for s in (self.model, self.up.skin, self.cad) if s is not None][:1]
        parts += [self.up.cloud.points] if self.up.cloud is not None else []
        if not parts:
            return np.zeros(3), 1.0
        points = np.concatenate(parts)
        low, high = points.min(0), points.max(0)
        return (low + high) / 2, max(float(np.linalg.norm(high - low)), 1e-6)


CAPTURED, VERIFIED, REFINED, JOINT = "as captured", "before ICP", "after ICP", "after joint training"


def laid_on(up: Array, down: Array) -> Place:  # (n, 3), (m, 3)
    """Where nobody has registered anything: the middles of both clouds lie on each other."""
    T = Rigid(np.eye(3), up.mean(0) - down.mean(0))
    return Place(CAPTURED, T, "each in its own frame, centre on centre")


def frustum(cameras: Cameras, i: int, depth: float) -> Array:  # (5, 3)
    """The camera's centre and the corners of its image at a depth, in the capture's frame."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [cameras.width, cameras.height] - 0.5
    centre, directions = cameras.rays(i, corners)
    along = directions @ cameras.R[i].T[:, 2]
    return np.vstack([centre, centre + directions * (depth / along)[:, None]])
