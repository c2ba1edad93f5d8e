"""A capture as a nerfstudio data set."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.data.picture_write import grey, write_images
from registration.geometry.rigid import Array

GL_FROM_CV = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenGL cameras look along -z with y up, ours along z with y down."""


@dataclass(frozen=True, eq=False)
class Unit:
    """What a data set counts in: ``there = per_mm * (here - middle)``, never turned; metres about our origin by default."""

    per_mm: float = 1e-3
    middle: Array = field(default_factory=lambda: np.zeros(3))  # (3,) mm

    def there(self, points: Array) -> Array:  # (..., 3) mm
        """Points of the capture's frame in the data set's."""
        return (points - self.middle) * self.per_mm

    def back(self, points: Array) -> Array:  # (..., 3) -> mm
        """Points of the data set's frame in the capture's."""
        return points / self.per_mm + self.middle


def frame_of(capture: Capture, i: int, unit: Unit) -> dict[str, Any]:
    """One frame's entry; pixel centres lie at halves there, at whole numbers here."""
    K, camera = capture.K[i], np.eye(4)
    camera[:3, :3], camera[:3, 3] = capture.R[i].T, unit.there(-capture.R[i].T @ capture.t[i])
    name = f"{capture.ids[i]:06d}.png"
    return {
        "file_path": f"images/{name}", "mask_path": f"masks/{name}", "transform_matrix": (camera @ GL_FROM_CV).tolist(),
        "fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2] + 0.5, "cy": K[1, 2] + 0.5,
    }  # fmt: skip


def write_nerfstudio(
    capture: Capture, folder: Path, unit: Unit | None = None, counted: NDArray[np.bool_] | None = None
) -> None:
    """images/, masks/ and transforms.json: OpenGL axes, in the capture's own frame, metres if no unit is given.

    masks/ are the object's. With ``counted`` (n, h, w) they say which pixels a training may look at, and the object's mask
    is the images' fourth channel: so a field learns what is empty, not only what is there.
    """
    images, masks = capture.rgb[..., ::-1], capture.mask
    if counted is not None:
        images, masks = np.concatenate([images, grey(masks)[..., None]], 3), counted
    for part, pictures in (("images", images), ("masks", grey(masks))):
        write_images(folder / part, [f"{i:06d}.png" for i in capture.ids], pictures)
    body: dict[str, Any] = {
        "camera_model": "OPENCV", "w": capture.cameras.width, "h": capture.cameras.height,
        "frames": [frame_of(capture, i, unit or Unit()) for i in range(len(capture))],
    }  # fmt: skip
    if unit is None and capture.metric:
        body["unit"] = "m"  # for our own reader: others take no notice
    (folder / "transforms.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
