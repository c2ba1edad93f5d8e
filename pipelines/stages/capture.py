"""capture-up, capture-down: read, check, crop; settle where pixel centres lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.data.kinds import CaptureSpec, read
from registration.data.params import CaptureParams
from registration.data.units import doubt
from registration.errors import UserError
from registration.geometry.hull import corner_shift, signed_mask_distance

SURE = -0.25
"""Silhouettes that ask for more than this shift (pixels of the original image) come from corner coordinates."""


def run(ctx: Context, params: CaptureParams, spec: CaptureSpec) -> Capture:
    """One capture, ready to be learned."""
    capture = read(spec, params)
    for entry in capture.notes.get("skipped", []):
        ctx.log.warning("%s: skipped %s: %s", capture.name, entry["file"], entry["reason"])
    odd = doubt(capture.notes["size_mm"], capture.notes["distance_mm"], params.diameter_mm) if capture.metric else None
    if odd:
        ctx.log.warning("%s: %s", capture.name, odd)
    try:
        return centred(capture, params)
    except ValueError as error:
        raise UserError(
            str(error), spec.folder, "check scene_gt.json and scene_camera.json against the masks"
        ) from error


def centred(capture: Capture, params: CaptureParams) -> Capture:
    """Intrinsics that take whole numbers as pixel centres, whatever the data set meant."""
    if "pixel_centre" in capture.notes:
        return capture  # the format says it, and the reader heard
    wish = 0.0
    if params.pixel_centre == "auto":
        distances = np.stack([signed_mask_distance(m) for m in capture.mask])
        scale = float(np.median(capture.K[:, 0, 0] / capture.K_full[:, 0, 0]))
        wish = corner_shift(capture.cameras, distances, capture.mask) / scale
    corner = params.pixel_centre == "half" or wish < SURE
    K = capture.K.copy()
    if corner:
        K[:, 0, 2] -= 0.5 * capture.K[:, 0, 0] / capture.K_full[:, 0, 0]
        K[:, 1, 2] -= 0.5 * capture.K[:, 1, 1] / capture.K_full[:, 1, 1]
    return replace(
        capture,
        K=K,
        notes={**capture.notes, "pixel_shift_wished": round(wish, 3), "pixel_centre": "half" if corner else "whole"},
    )
