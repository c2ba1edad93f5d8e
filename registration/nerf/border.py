"""By how much each mask is too small or too large: read off the image that it cuts out, else measured on the surface.

An image that is black outside its mask still says where the object ends if the mask is too large: there it fades. If the mask is too small
it is as bright as ever up to the mask's border, and only the other views know what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.special import ndtr, ndtri

from registration.data.capture import Capture
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import Caster

RINGS = 3
"""Pixels inside the border in which an object fades."""
DEEP_PX = 2
"""The object's brightness is read in so many pixels further in."""
DIM = 0.08
"""Of 0..1: what is darker cannot be told from what is outside."""
FADES = 0.15
"""Pixels' worth of light that lack inside a mask, from which on it tells where the object ends."""
LARGE = 0.5
"""A share of light that lacks in the first ring: the whole edge lies inside the mask, and tells its own blur."""
USUAL_BLUR, BLURS = 0.65, (0.3, 1.5)
"""Pixels: an edge's blur where none is seen, and what is believed."""
LEAST_TOLD = 6
"""Fewer views that tell are no measure for the others."""
MOST_PX = 3.0
"""A mask is believed to be off by no more."""


@dataclass(frozen=True, eq=False)
class Border:
    """What is known of the masks' borders before there is a surface."""

    distances: NDArray[np.float32]  # (n, h, w) signed pixels to each mask's border
    told: NDArray[np.float32]  # (n,) pixels by which each mask is too small, NaN where its image does not tell
    blur: float
    """Of the images, pixels; zero if they do not tell."""

    @classmethod
    def of(cls, capture: Capture, distances: NDArray[np.float32]) -> Border:
        """Read off images that are black outside their masks; of others nothing is told."""
        nothing = cls(distances, np.full(len(capture), np.nan, np.float32), 0.0)
        if any(rgb[~mask].any() for rgb, mask in zip(capture.rgb, capture.mask, strict=True)):
            return nothing
        lack = np.array([faded(*view) for view in zip(capture.rgb, capture.mask, distances, strict=True)])  # (n, RINGS)
        large, tells = lack[:, 0] > LARGE, lack.sum(1) > FADES
        if large.sum() < LEAST_TOLD:
            told = np.where(tells, offset(lack.sum(1), USUAL_BLUR), np.nan).astype(np.float32)
            return replace(nothing, told=told) if tells.sum() >= LEAST_TOLD else nothing
        first, second = ndtri(1 - np.median(lack[large, :2], 0).clip(0.01, 0.99))
        blur = float(np.clip(1 / max(second - first, 1e-3), *BLURS))
        return cls(distances, np.where(tells, offset(lack.sum(1), blur), np.nan).astype(np.float32), blur)

    def slack(self, mesh: TriMesh, capture: Capture) -> NDArray[np.float32]:  # (n,)
        """Pixels by which each mask is too small for what the surface shows there; of all together what the images tell, or none."""
        caster = Caster(mesh.vertices, mesh.faces)
        seen = np.array([self.beside(caster, capture, i) for i in range(len(capture))])
        tells = np.isfinite(self.told)
        gauge = np.median((seen - self.told)[tells]) if tells.any() else seen.mean()
        return (seen - gauge).clip(-MOST_PX, MOST_PX).astype(np.float32)

    def beside(self, caster: Caster, capture: Capture, i: int) -> float:
        """Pixels by which the surface reaches over the mask of view i, in the mean along its border."""
        distance = np.abs(self.distances[i])
        near = distance < MOST_PX + 0.5
        if capture.inside is not None:
            near &= capture.inside[i]
        y, x = np.nonzero(near)
        face = caster.first_hits(*capture.cameras.rays(i, np.stack([x, y], 1).astype(float)))[1]
        length = (near & (distance < 1.01)).sum() / 2
        return float(((face >= 0).sum() - capture.mask[i][near].sum()) / max(length, 1.0))


def faded(rgb: NDArray[np.uint8], mask: NDArray[np.bool_], distance: NDArray[np.float32]) -> NDArray[np.float64]:  # (RINGS,)
    """The share of the light that lacks in each ring of pixels inside a mask's border, in the median; none if the object is dark."""
    grey = rgb.mean(2) / 255
    deep = mask & (distance >= RINGS + 0.6) & (distance < RINGS + 0.6 + DEEP_PX)
    if not deep.any():
        return np.zeros(RINGS)
    nearest = distance_transform_edt(~deep, return_distances=False, return_indices=True)
    weight = gaussian_filter(deep.astype(float), 1.5)
    usual = (gaussian_filter(grey * deep, 1.5) / np.maximum(weight, 1e-6))[tuple(np.asarray(nearest))]
    lack = (1 - grey / np.maximum(usual, 1e-6)).clip(-1, 1)
    rings = [mask & (distance > n + 0.5) & (distance < n + 1.5) & (usual > DIM) for n in range(RINGS)]
    return np.array([float(np.median(lack[ring])) if ring.any() else 0.0 for ring in rings])


def offset(lack: NDArray[np.float64], blur: float) -> NDArray[np.float64]:  # (n,) -> (n,)
    """Pixels by which a mask is too small if so many pixels' worth of light lack in its rings: of a straight edge, blurred."""
    at = np.linspace(-RINGS, 2, 501)
    lacks = (1 - ndtr((np.arange(RINGS) + 0.5 + at[:, None]) / blur)).sum(1)
    return np.interp(lack, lacks[::-1], at[::-1])


def sharpened(capture: Capture, blur: float, noise: float) -> NDArray[np.uint8]:  # (n, h, w, 3)
    """The images without their blur (Wiener's filter); beyond a mask its border goes on as it is, and rings nowhere."""
    reach = 16
    out = np.empty_like(capture.rgb)
    for i, (rgb, mask) in enumerate(zip(capture.rgb, capture.mask, strict=True)):
        nearest = distance_transform_edt(~mask, return_distances=False, return_indices=True)
        wide = np.pad(rgb[tuple(np.asarray(nearest))].astype(np.float32), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
        y, x = np.fft.fftfreq(wide.shape[0])[:, None], np.fft.rfftfreq(wide.shape[1])
        passed = np.exp(-2 * (np.pi * blur) ** 2 * (x**2 + y**2))
        back = (1 + noise) * passed / (passed**2 + noise)
        sharp = np.fft.irfft2(np.fft.rfft2(wide, axes=(0, 1)) * back[..., None], wide.shape[:2], axes=(0, 1))
        out[i] = np.where(mask[..., None], sharp[reach:-reach, reach:-reach].clip(0, 255).round(), rgb)
    return out
