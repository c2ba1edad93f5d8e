"""The body that both halves have in common under a hypothesis, and what turns leave it as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from registration.geometry.distance import Solid
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array, Rigid
from registration.sources.witness import Witness

COVER_VIEWS, COVER_PX = 8, 4.0
"""Views of each capture that are looked at, and the depth beyond which an uncovered pixel is no worse."""


BLURRED = 6.0
"""Distances beyond so many voxels are cut off before a body is smoothed."""


@dataclass(frozen=True, eq=False)
class Body:
    """What is left of both halves' solids, in the up frame. The object lies in each of them, so it lies in this."""

    solid: Solid
    mesh: TriMesh

    @classmethod
    def common(cls, up: Witness, down: Witness, T_up_from_down: Rigid, voxels: int) -> Body | None:
        """None if they have nothing in common."""
        points = np.concatenate([up.side.points, T_up_from_down.apply(down.side.points)])
        rim = 0.04 * float((points.max(0) - points.min(0)).max())
        box = Box.around(points.min(0) - rim, points.max(0) + rim, voxels)
        at = box.points()
        both = np.maximum(up.side.solid.at(at), down.side.solid.at(T_up_from_down.inverse().apply(at)))
        if not (both < 0).any():
            return None
        grid = (both / box.step).reshape(box.shape).astype(np.float32)
        return cls(Solid.from_field(box.low, box.step, grid), iso_surface(grid, box.low, box.step))

    def smoothed(self, blur: float) -> Body:
        """Without what is smaller than a blur, mm: the grain of a learned surface is not symmetric, its shape may be."""
        solid = blurred(self.solid, blur)
        if not (solid.grid < 0).any() or not (solid.grid > 0).any():
            return self
        return Body(solid, iso_surface(solid.grid, solid.low, solid.step))

    def moved_by(self, M: Rigid, points: Array, hidden: float = 0.0) -> float:  # (n, 3) on the surface
        """How far a motion moves the surface off itself, mm."""
        return moved_off(self.solid, M, points, hidden)


def moved_off(solid: Solid, M: Rigid, points: Array, hidden: float = 0.0) -> float:  # (n, 3) on the surface
    """How far a motion moves points off a surface, mm: 95 % lie nearer, there and back, of them and a share that is hidden and counts as moved."""
    share = min(0.95 * (1 + hidden), 0.99)
    return max(float(np.quantile(np.abs(solid.at(X.apply(points))), share)) for X in (M, M.inverse()))


def blurred(solid: Solid, blur: float) -> Solid:
    """Signed distances near the surface without what is smaller than a blur, mm."""
    near = solid.grid.clip(-BLURRED, BLURRED)
    return Solid.from_field(solid.low, solid.step, np.asarray(gaussian_filter(near, blur / solid.step), np.float32))


def bare_masks(body: Body | None, up: Witness, down: Witness, T_up_from_down: Rigid) -> float:
    """What the masks show and the common body does not fill: its depth in pixels, averaged over the masks."""
    if body is None:
        return COVER_PX
    caster = Caster(body.mesh.vertices, body.mesh.faces)
    return (uncovered(caster, up, Rigid.identity()) + uncovered(caster, down, T_up_from_down)) / 2


def uncovered(caster: Caster, witness: Witness, T_body_from_half: Rigid) -> float:
    """The same for one half's views."""
    capture = witness.capture
    views = np.unique(np.linspace(0, len(capture) - 1, COVER_VIEWS).round().astype(int))
    cameras = capture.only(views).moved(T_body_from_half).cameras
    out: list[float] = []
    for k, i in enumerate(views):
        seen: NDArray[np.bool_] = depth_image(caster, cameras, k)[1] >= 0
        missed = capture.mask[i] & ~seen
        depth = np.clip(witness.distances[i][missed] - 0.5, 0, COVER_PX)
        out.append(float(depth.sum() / max(1, capture.mask[i].sum())))
    return float(np.mean(out))
