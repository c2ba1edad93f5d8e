"""From a trained field to arrays: mesh, light, figures of quality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.data.crop import box_of
from registration.geometry.hull import signed_mask_distance
from registration.geometry.mesh import iso_surface
from registration.nerf.field import dense_colour, tint_at
from registration.nerf.hollow import filled
from registration.nerf.level import Level
from registration.nerf.light import GAINS, upright
from registration.nerf.rays import SURE_PX
from registration.nerf.record import NerfHalf
from registration.nerf.screen import odd_views
from registration.nerf.views import blurred, light_at, photographs, render_views

JUDGED_EVERY = 4
"""If no view is held out, every so many of the training views are judged."""
BLUR_VIEWS, BLURS = 8, tuple(round(0.1 * n, 1) for n in range(21))
"""Views by which the images' blur is found, and the blurs that are tried, pixels."""


def half_of(
    capture: Capture, level: Level, curve: list[list[float]], held: NDArray[np.int64],
    sdf: NDArray[np.float32] | None = None,
) -> NerfHalf:  # fmt: skip
    """The field as arrays, its mesh, and how well both explain views; ``held`` are those that were not trained on.

    ``sdf`` are its distances, in voxels, if what is hollow was filled already.
    """
    trained = np.setdiff1d(np.arange(len(capture)), held)
    box, seen_by = level.field.box, capture.only(trained)
    sdf = filled(level.field.dense(), box, [seen_by]) if sdf is None else sdf
    mesh = iso_surface(sdf, box.low, box.step)
    colour = (dense_colour(level.field).clip(0, 1) * 255).astype(np.uint8)
    half = NerfHalf(
        low=box.low, step=box.step, sdf=sdf, colour=colour, light=np.zeros((len(capture), 12), np.float32),
        shared_light=level.light.shared.detach().cpu().numpy(), axis=upright(seen_by.cameras),
        vertices=mesh.vertices, faces=mesh.faces, normals=mesh.vertex_normals(),
        vertex_colours=tint_at(level.field, mesh.vertices), held_out=held, odd=odd_views(mesh, capture), psnr=0.0, mask_iou=0.0, curve=np.array(curve, float).reshape(-1, 2),
        coarse=level.coarse,
    )  # fmt: skip
    light = light_at(half, capture.cameras)
    light[trained] = level.light.each().detach().cpu().numpy()
    light[held] *= exposures(half, capture.only(held))[:, None]
    some = np.setdiff1d(trained, half.odd)
    some = some[:: max(1, len(some) // BLUR_VIEWS)]
    half = replace(half, light=light, blur=blur_of(half, capture.only(some), light[some]))
    judged = held if len(held) else np.arange(0, len(capture), JUDGED_EVERY)
    psnr, iou = quality(half, capture.only(judged), light[judged])
    return replace(half, psnr=psnr, mask_iou=iou)


def exposures(half: NerfHalf, capture: Capture) -> NDArray[np.float32]:  # (n,)
    """How much brighter each view is than the shared light makes it, in its median pixel: a held-out view has an exposure of its own."""
    out = np.ones(len(capture), np.float32)
    views = render_views(half, capture.cameras)
    for i, image in enumerate(views.rgb):
        both = (views.opacity[i] > 0) & capture.mask[i]
        if both.any():
            ratio = capture.rgb[i][both].mean(1) / 255 / np.maximum(image[both].mean(1), 1e-3)
            out[i] = np.clip(np.median(ratio), *GAINS)
    return out


def blur_of(half: NerfHalf, capture: Capture, light: NDArray[np.float32]) -> float:
    """The blur, in pixels, under which sharp renders meet these views best inside their masks: a border that is off looks like blur."""
    images, opacity = photographs(half, capture.cameras, light, blur=0.0)
    wanted = [rgb / np.float32(255) for rgb in capture.rgb]
    sure = [(signed_mask_distance(mask) > SURE_PX) & (seen > 0.5) for mask, seen in zip(capture.mask, opacity, strict=True)]
    pairs = list(zip(images, wanted, sure, strict=True))
    off = [sum(float(((blurred(a, s) - b)[inside] ** 2).sum()) for a, b, inside in pairs) for s in BLURS]
    return BLURS[int(np.argmin(off))]


def quality(half: NerfHalf, capture: Capture, light: NDArray[np.float32]) -> tuple[float, float]:
    """Median PSNR of views in their masks' boxes, render and photograph both cut out by the mask, and the mean overlap with the masks."""
    images, opacity = photographs(half, capture.cameras, light)
    decibels, overlaps = [], []
    for image, seen, rgb, mask in zip(images, opacity > 0.5, capture.rgb, capture.mask, strict=True):
        overlaps.append((seen & mask).sum() / max(1, (seen | mask).sum()))
        x0, y0, x1, y1 = box_of(mask)
        decibels.append(psnr((image - rgb / 255.0)[y0:y1, x0:x1] * mask[y0:y1, x0:x1, None]))
    return float(np.median(decibels)), float(np.mean(overlaps))


def psnr(off: NDArray) -> float:
    """Decibels of differences of 0..1."""
    return float(-10 * np.log10(max(float((off**2).mean()), 1e-10)))
