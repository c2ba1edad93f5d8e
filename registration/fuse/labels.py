"""BOP labels of every image of all captures, in one model frame: the up frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from registration.data.capture import Capture
from registration.fuse.record import Fused, Labels
from registration.geometry.rigid import Array, Rigid


def scene_gt(capture: Capture, T_capture_from_model: Rigid, objid: int) -> dict[str, list[dict[str, Any]]]:
    """Image id -> the model's pose in the camera."""
    out = {}
    for n, image in enumerate(capture.ids):
        pose = Rigid(capture.R[n], capture.t[n]) @ T_capture_from_model
        out[str(image)] = [{"cam_R_m2c": pose.R.ravel().tolist(), "cam_t_m2c": pose.t.tolist(), "obj_id": objid}]
    return out


def scene_camera(capture: Capture) -> dict[str, dict[str, Any]]:
    """Image id -> intrinsics of the whole image, as they were read."""
    scale = float(capture.notes.get("depth_scale", 1.0))
    return {
        str(i): {"cam_K": K.ravel().tolist(), "depth_scale": scale}
        for i, K in zip(capture.ids, capture.K_full, strict=True)
    }


def model_info(points: Array, diameter: float) -> dict[str, float]:  # (n, 3)
    """What models_info.json says of one model."""
    low, size = points.min(0), np.ptp(points, axis=0)
    out = {"diameter": float(diameter)}
    out |= {f"min_{axis}": float(v) for axis, v in zip("xyz", low, strict=True)}
    return out | {f"size_{axis}": float(v) for axis, v in zip("xyz", size, strict=True)}


def labels_of(
    captures: Mapping[str, tuple[Capture, Rigid]], fused: Fused, objid: int, symmetries: dict[str, Any]
) -> Labels:
    """All label files but the model itself; of each capture, by its name, T_model_from_capture is known.

    ``symmetries`` as BOP names them, in the model's frame.
    """
    files: dict[str, Any] = {}
    for name, (capture, T) in captures.items():
        files[f"{name}/scene_gt.json"] = scene_gt(capture, T.inverse(), objid)
        files[f"{name}/scene_camera.json"] = scene_camera(capture)
    files["models/models_info.json"] = {str(objid): model_info(fused.vertices, fused.diameter_mm) | symmetries}
    return Labels(files)
