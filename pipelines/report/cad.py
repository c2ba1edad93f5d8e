"""A CAD model beside the result, for the report only: laid onto the model, and held against it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from registration.errors import UserError
from registration.fuse.merge import as_mesh
from registration.fuse.record import Fused
from registration.geometry.distance import surface_distance
from registration.geometry.laying import laid
from registration.geometry.mesh import diameter, read_mesh
from registration.geometry.rigid import Array, Rigid
from registration.viz.cad import in_millimetres

SIZES = (0.6, 1.6)
"""A CAD model of another size than this, as a share of the object's, is in other units, or of another object."""
POINTS = 4_000


@dataclass(frozen=True, eq=False)
class CadCheck:
    """Distances between the model and a CAD model that was laid onto it."""

    name: str
    T_model_from_cad: Rigid
    model_mm: Array  # (p,) of the points of the fused cloud
    cad_mm: Array  # (q,) of points of the CAD model


def checked(file: Path, fused: Fused, seed: int = 0) -> CadCheck:
    """Read a CAD model (millimetres, any frame), lay it onto the model, measure."""
    (cad, _), rng = in_millimetres(read_mesh(file), fused.diameter_mm), np.random.default_rng(seed)
    share = diameter(cad.vertices) / fused.diameter_mm
    if not SIZES[0] <= share <= SIZES[1]:
        told = f"the CAD model is {share * fused.diameter_mm:.4g} mm large, the object {fused.diameter_mm:.4g} mm"
        raise UserError(told, file, "scale it to millimetres, or name the CAD model of this object")
    model = as_mesh(fused)
    points, face, _ = model.sample(POINTS, rng)
    T = laid(cad.sample(POINTS, rng)[0], points, model.face_normals()[face], rng)
    moved = cad.moved(T)
    there = surface_distance(fused.points, moved, rng)
    back = surface_distance(moved.sample(20_000, rng)[0], model, rng)
    return CadCheck(file.name, T, there, back)
