"""BOP folders as readers of BOP data expect them, written in one place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from registration.data.capture import Capture
from registration.data.picture_write import grey, write_images
from registration.geometry.rigid import Array

DEPTH_STEP_MM = 0.1


def scene_gt(ids: Iterable[int], R: Array, t: Array, objid: int) -> dict[str, list[dict[str, Any]]]:
    """Image id -> pose of the one object in it: ``x_cam = R x + t``, mm; R is (n, 3, 3), t (n, 3)."""
    poses = zip(ids, np.asarray(R, float), np.asarray(t, float), strict=True)
    return {
        str(int(i)): [{"cam_R_m2c": r.ravel().tolist(), "cam_t_m2c": s.ravel().tolist(), "obj_id": int(objid)}]
        for i, r, s in poses
    }


def scene_camera(ids: Iterable[int], K: Array, depth_scale: float = 1.0) -> dict[str, dict[str, Any]]:
    """Image id -> intrinsics of the whole image; a stored depth times ``depth_scale`` is millimetres."""
    lenses = zip(ids, np.asarray(K, float), strict=True)
    return {str(int(i)): {"cam_K": k.ravel().tolist(), "depth_scale": float(depth_scale)} for i, k in lenses}


def write_json(file: Path, body: dict[str, Any]) -> None:
    """One image per line, so that a diff shows which changed; refuses NaN."""
    lines = ",\n".join(f"  {json.dumps(str(k))}: {json.dumps(v, allow_nan=False)}" for k, v in body.items())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{\n" + lines + "\n}\n" if body else "{}\n", encoding="utf-8")


def write_bop(capture: Capture, folder: Path, objid: int) -> None:
    """rgb/, mask_visib/, depth/ if there is any, scene_gt.json and scene_camera.json, millimetres."""
    write_images(folder / "rgb", [f"{i:06d}.png" for i in capture.ids], capture.rgb[..., ::-1])
    write_images(folder / "mask_visib", [f"{i:06d}_000000.png" for i in capture.ids], grey(capture.mask))
    if capture.depth is not None:
        steps = (capture.depth / DEPTH_STEP_MM).round().clip(0, 65535).astype(np.uint16)
        write_images(folder / "depth", [f"{i:06d}.png" for i in capture.ids], steps)
    write_json(folder / "scene_gt.json", scene_gt(capture.ids, capture.R, capture.t, objid))
    write_json(folder / "scene_camera.json", scene_camera(capture.ids, capture.K, DEPTH_STEP_MM))
