"""A capture as a nerfstudio data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from registration.data.capture import Capture

METRES = 1e-3
GL_FROM_CV = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenGL cameras look along -z with y up, ours along z with y down."""


def frame_of(capture: Capture, i: int) -> dict[str, Any]:
    """One frame's entry; pixel centres lie at halves there, at whole numbers here."""
    K, camera = capture.K[i], np.eye(4)
    camera[:3, :3], camera[:3, 3] = capture.R[i].T, -capture.R[i].T @ capture.t[i] * METRES
    name = f"{capture.ids[i]:06d}.png"
    return {
        "file_path": f"images/{name}", "mask_path": f"masks/{name}", "transform_matrix": (camera @ GL_FROM_CV).tolist(),
        "fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2] + 0.5, "cy": K[1, 2] + 0.5,
    }  # fmt: skip


def write_nerfstudio(capture: Capture, folder: Path) -> None:
    """images/, masks/ and transforms.json: metres, OpenGL axes, in the capture's own frame."""
    import cv2

    for part, pictures in (("images", capture.rgb[..., ::-1]), ("masks", capture.mask.astype(np.uint8) * 255)):
        (folder / part).mkdir(parents=True)
        for name, picture in zip(capture.ids, pictures, strict=True):
            file = folder / part / f"{name:06d}.png"
            if not cv2.imwrite(str(file), picture):
                raise OSError(f"{file} could not be written")
    body = {
        "camera_model": "OPENCV", "w": capture.cameras.width, "h": capture.cameras.height,
        "frames": [frame_of(capture, i) for i in range(len(capture))],
    }  # fmt: skip
    (folder / "transforms.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
