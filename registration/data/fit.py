"""Which images agree with the others: poses and intrinsics judged by where the masks are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from registration.data.bop_entries import Entry
from registration.data.images import BadFrame
from registration.errors import UserError
from registration.geometry.rigid import Array

NEAREST_MM = 10.0


def middle_of(K: Array, R: Array, t: Array, centres: Array) -> Array:  # (n, 3, 3) x2, (n, 3), (n, 2) -> (3,)
    """The point nearest to all rays through the masks' centres; outliers hardly count."""
    pixels = np.concatenate([centres, np.ones((len(centres), 1))], 1)
    rays = np.einsum("nji,njk,nk->ni", R, np.linalg.inv(K), pixels)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    eyes = -np.einsum("nji,nj->ni", R, t)
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    weights = np.ones(len(rays))
    middle = np.zeros(3)
    for _ in range(12):
        A = np.einsum("n,nij->ij", weights, across)
        b = np.einsum("n,nij,nj->i", weights, across, eyes)
        middle = np.linalg.lstsq(A, b, rcond=None)[0]
        distance = np.linalg.norm(np.einsum("nij,nj->ni", across, middle - eyes), axis=1)
        weights = 1 / np.maximum(distance, 1e-3 * np.linalg.norm(middle - eyes, axis=1).mean() + 1e-9)
    return middle


def refuse_metres(distance: float, folder: Path) -> None:
    """A camera that all but touches the object was measured in another unit."""
    if 0 < distance < NEAREST_MM:
        mend = "cam_t_m2c is in millimetres: these look like metres"
        raise UserError(f"the object is {distance:.2g} mm from the cameras", folder / "scene_gt.json", mend)


def misfits(entries: list[Entry], centres: Array, diagonals: Array, folder: Path) -> dict[int, BadFrame]:
    """Images whose intrinsics or pose cannot belong to their mask, by their id."""
    K, R, t = (
        np.stack([e.K for e in entries]),
        np.stack([e.R for e in entries]),
        np.stack([e.t for e in entries]),
    )
    focal = K[:, 0, 0] / np.median(K[:, 0, 0])
    lens = (focal > 3) | (focal < 1 / 3)
    trusted = ~lens
    middle = middle_of(K[trusted], R[trusted], t[trusted], centres[trusted])
    q = np.einsum("nij,nj->ni", K, R @ middle + t)
    off = np.linalg.norm(q[:, :2] / np.where(np.abs(q[:, 2:]) < 1e-9, 1e-9, q[:, 2:]) - centres, axis=1)
    behind, away = q[:, 2] <= 0, off > diagonals
    out = {}
    for n, entry in enumerate(entries):
        if lens[n]:
            reason = f"wrong intrinsics: focal length {K[n, 0, 0]:g}, others have {np.median(K[:, 0, 0]):g}"
            out[entry.id] = BadFrame(folder / "scene_camera.json", reason, entry.id)
        elif behind[n]:
            out[entry.id] = BadFrame(folder / "scene_gt.json", "the object is behind the camera", entry.id)
        elif away[n]:
            reason = f"pose or intrinsics do not fit the mask, {off[n]:.0f} pixels from where it should be"
            out[entry.id] = BadFrame(folder / "scene_gt.json", reason, entry.id)
    if len(out) > len(entries) / 2:
        mend = "x_cam = cam_R_m2c x + cam_t_m2c in millimetres, x right, y down, z forward; cam_K in pixels"
        raise UserError(f"{len(out)} of {len(entries)} poses do not fit their masks", folder / "scene_gt.json", mend)
    refuse_metres(float(np.median(q[:, 2])), folder)
    return out
