"""Motions that leave the model as it is, as BOP's models_info.json names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from registration.geometry.rigid import Array, Rigid
from registration.verify.rivals import LEAST_TURN_DEG, Sameness

ROUND = range(15, 360, 15)
"""Degrees about an axis under all of which a round body is the same."""
PARALLEL = 0.995


def turn_about(axis: Array, middle: Array, degrees: float) -> Rigid:
    """A turn about an axis through a point."""
    R = Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix()
    return Rigid(R, middle - R @ middle)


def axis_of(M: Rigid) -> Array:  # (3,)
    """Unit axis of a motion's turn."""
    vector = Rotation.from_matrix(M.R).as_rotvec()
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def round_axes(sameness: Sameness, motions: Sequence[Rigid]) -> list[Array]:
    """Axes about which every turn leaves the model as it is."""
    points = sameness.points
    middle = points.mean(0)
    main = list(np.linalg.svd(points - middle, full_matrices=False)[2])
    found: list[Array] = []
    for axis in [*main, *(axis_of(M) for M in motions)]:
        known = any(abs(axis @ other) > PARALLEL for other in found)
        if not known and all(sameness.same(turn_about(axis, middle, degrees)) for degrees in ROUND):
            found.append(axis)
    return found


def symmetries_of(sameness: Sameness, transforms: Sequence[Rigid]) -> dict[str, Any]:
    """BOP's symmetries, in the up frame, from the transforms that give the same model as the first of them, at the same place."""
    motions = [T @ transforms[0].inverse() for T in transforms[1:]]
    motions = [M for M in motions if M.angle_deg() > LEAST_TURN_DEG and sameness.same(M)]
    axes = round_axes(sameness, motions)
    kept: list[Rigid] = []
    for M in motions:
        if not any(explained(M, other, axes) for other in [Rigid.identity(), *kept]):
            kept.append(M)
    out: dict[str, Any] = {}
    if kept:
        out["symmetries_discrete"] = [M.as_matrix().ravel().tolist() for M in kept]
    if axes:
        middle = sameness.points.mean(0)
        out["symmetries_continuous"] = [{"axis": axis.tolist(), "offset": middle.tolist()} for axis in axes]
    return out


def explained(M: Rigid, other: Rigid, axes: Sequence[Array]) -> bool:
    """Whether a motion is another one, but for a small rest or a turn about one of the axes."""
    rest = M @ other.inverse()
    if rest.angle_deg() < LEAST_TURN_DEG:
        return True
    return any(axis @ rest.R @ axis > PARALLEL for axis in axes)
