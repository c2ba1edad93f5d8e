"""Which images agree with the others: poses and intrinsics judged by where the masks are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.data.images import BadFrame
from registration.data.listing import Listed, Listing
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


def refuse_metres(distance: float, listing: Listing) -> None:
    """A camera that all but touches the object was measured in another unit."""
    if 0 < distance < NEAREST_MM:
        mend = "lengths are taken for millimetres: these look like metres, --unit m reads them so"
        raise UserError(f"the object is {distance:.2g} mm from the cameras", listing.poses, mend)


def stacked(entries: list[Listed]) -> tuple[Array, Array, Array]:  # (n, 3, 3), (n, 3, 3), (n, 3)
    """K, R and t."""
    return np.stack([e.K for e in entries]), np.stack([e.R for e in entries]), np.stack([e.t for e in entries])


def odd_lenses(K: Array) -> NDArray[np.bool_]:  # (n, 3, 3) -> (n,)
    """Whose focal length has nothing to do with the others'."""
    focal = K[:, 0, 0] / np.median(K[:, 0, 0])
    return (focal > 3) | (focal < 1 / 3)


def placed(entries: list[Listed], centres: Array) -> Array:  # (n, 2) -> (n, 3)
    """Where each image has the point nearest to all rays through the masks' centres: pixels and depth."""
    K, R, t = stacked(entries)
    trusted = ~odd_lenses(K)
    middle = middle_of(K[trusted], R[trusted], t[trusted], centres[trusted])
    q = np.einsum("nij,nj->ni", K, R @ middle + t)
    return np.concatenate([q[:, :2] / np.where(np.abs(q[:, 2:]) < 1e-9, 1e-9, q[:, 2:]), q[:, 2:]], 1)


def depths_of(entries: list[Listed], centres: Array) -> Array:  # (n, 2) -> (n,)
    """How deep the object's middle lies in each image, in the unit of the poses."""
    return placed(entries, centres)[:, 2]


def misfits(entries: list[Listed], centres: Array, diagonals: Array, listing: Listing) -> dict[int, BadFrame]:
    """Images whose intrinsics or pose cannot belong to their mask, by their id."""
    K = stacked(entries)[0]
    lens, where = odd_lenses(K), placed(entries, centres)
    off = np.linalg.norm(where[:, :2] - centres, axis=1)
    behind, away = where[:, 2] <= 0, off > diagonals
    out = {}
    for n, entry in enumerate(entries):
        if lens[n]:
            reason = f"wrong intrinsics: focal length {K[n, 0, 0]:g}, others have {np.median(K[:, 0, 0]):g}"
            out[entry.id] = BadFrame(listing.lenses, reason, entry.id)
        elif behind[n]:
            out[entry.id] = BadFrame(listing.poses, "the object is behind the camera", entry.id)
        elif away[n]:
            reason = f"pose or intrinsics do not fit the mask, {off[n]:.0f} pixels from where it should be"
            out[entry.id] = BadFrame(listing.poses, reason, entry.id)
    if len(out) > len(entries) / 2:
        mend = f"{listing.meant}; regpipe check looks for the cause"
        raise UserError(f"{len(out)} of {len(entries)} poses do not fit their masks", listing.poses, mend)
    refuse_metres(float(np.median(where[:, 2])), listing)
    return out
