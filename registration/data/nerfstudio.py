"""Reader of nerfstudio data sets: transforms.json, images, masks by ``mask_path`` or alpha."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from registration.data.bop_entries import numbers, read_json
from registration.data.images import BadFrame, Size, size_of
from registration.data.lens import Lens
from registration.data.listing import Listed, Listing, ids_by_name, mask_beside, nearest_rotation, within
from registration.data.nerfstudio_write import GL_FROM_CV
from registration.errors import UserError
from registration.geometry.rigid import Array

FILE = "transforms.json"
MEANT = "transform_matrix is the camera's pose in the world, OpenGL axes: x right, y up, looking along -z"
BENDS = {"OPENCV": ("k1", "k2", "p1", "p2", "k3", "k4"), "OPENCV_FISHEYE": ("k1", "k2", "k3", "k4")}
BENDS |= {"PINHOLE": (), "SIMPLE_PINHOLE": (), "SIMPLE_RADIAL": ("k1",), "RADIAL": ("k1", "k2")}
DEPTH_UNIT = 1e-3
"""Depth images count millimetres where poses count metres."""


def list_nerfstudio(folder: Path, shift: float) -> Listing:
    """What transforms.json says; ``shift``: how far the file's pixel centres lie from whole numbers."""
    file = folder / FILE
    body = read_json(file, "nerfstudio writes it: ns-process-data")
    frames = body.get("frames")
    if not isinstance(frames, list) or not frames:
        raise UserError("no frames", file, "expected a list under 'frames'")
    applied = Applied.of(body, file)
    ids = ids_by_name([str(f.get("file_path", "")) if isinstance(f, dict) else "" for f in frames])
    images, bad = [], []
    for id, frame in zip(ids, frames, strict=True):
        try:
            images.append(listed(id, frame, body, folder, applied, shift))
        except BadFrame as fault:
            bad.append(fault.of(id))
    images.sort(key=lambda image: image.id)
    unit = "m" if any(i.depth for i in images) or body.get("unit") == "m" else "none"
    return Listing(folder, images, bad, file, file, MEANT, unit, centred=True)


@dataclass(frozen=True, eq=False)
class Applied:
    """What was done to all poses before they were written, to be undone."""

    R: Array  # (3, 3)
    t: Array  # (3,)
    scale: float

    @classmethod
    def of(cls, body: dict[str, Any], file: Path) -> Applied:
        """By ``applied_transform`` and ``applied_scale``; nothing if they are not there."""
        try:
            flat = numbers({"applied_transform": np.eye(4)[:3], **body}, "applied_transform", 12, file)
            (scale,) = numbers({"applied_scale": 1.0, **body}, "applied_scale", 1, file)
            M = flat.reshape(3, 4)
            R = nearest_rotation(M[:, :3], "applied_transform", file)
            if scale <= 0:
                raise BadFrame(file, f"applied_scale is {scale:g}, expected a positive number")
        except BadFrame as fault:
            mend = "a 3 x 4 matrix and a number; without them poses are taken as they are"
            raise UserError(fault.reason, file, mend) from fault
        return cls(R, M[:, 3], float(scale))

    def undone(self, camera: Array) -> Array:  # (4, 4) -> (4, 4)
        """The camera's pose before: the scale came last."""
        out = camera.copy()
        out[:3, 3] = self.R.T @ (camera[:3, 3] / self.scale - self.t)
        out[:3, :3] = self.R.T @ camera[:3, :3]
        return out


def listed(id: int, frame: Any, body: dict[str, Any], folder: Path, applied: Applied, shift: float) -> Listed:
    """One frame, checked; what it does not say itself, the file says for all."""
    file = folder / FILE
    if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
        raise BadFrame(file, "a frame without file_path")
    says = {**body, **frame}
    colour = within(folder, frame["file_path"], file)
    if not colour.suffix and colour.with_suffix(".png").is_file():
        colour = colour.with_suffix(".png")  # as Blender's data sets have it
    size, model = size_of_frame(says, file), says.get("camera_model", "OPENCV")
    if not isinstance(model, str) or model not in BENDS:
        raise BadFrame(file, f"camera_model {model!r} is not one of {', '.join(BENDS)}")
    K = intrinsics(says, size, colour, file)
    K[:2, 2] -= shift
    camera = applied.undone(pose(frame, file))
    R = camera[:3, :3].T
    mask, depth = says.get("mask_path"), says.get("depth_file_path")
    return Listed(
        id, K, R, -R @ camera[:3, 3], colour,
        within(folder, mask, file) if isinstance(mask, str) else mask_beside(folder, Path(frame["file_path"]).name),
        within(folder, depth, file) if isinstance(depth, str) else None,
        DEPTH_UNIT, lens_of(model, says, file), size,
    )  # fmt: skip


def size_of_frame(says: dict[str, Any], file: Path) -> Size | None:
    """Width and height, if they are written."""
    if "w" not in says or "h" not in says:
        return None
    w, h = (numbers(says, key, 1, file)[0] for key in "wh")
    return int(w), int(h)


def intrinsics(says: dict[str, Any], size: Size | None, colour: Path, file: Path) -> Array:  # (3, 3)
    """By focal lengths and principal point, or by the horizontal angle of view about the image's middle."""
    if "fl_x" not in says or "cx" not in says or "cy" not in says:
        size = size or size_of(colour, math.inf)
    if "fl_x" in says:
        fx = numbers(says, "fl_x", 1, file)[0]
    elif "camera_angle_x" in says and size:
        fx = 0.5 * size[0] / math.tan(0.5 * numbers(says, "camera_angle_x", 1, file)[0] or math.nan)
    else:
        raise BadFrame(file, "neither fl_x nor camera_angle_x is given")
    fy = numbers(says, "fl_y", 1, file)[0] if "fl_y" in says else fx
    cx, cy = (
        numbers(says, key, 1, file)[0] if key in says or not size else size[n] / 2 for n, key in enumerate(("cx", "cy"))
    )
    if not (fx > 0 and fy > 0 and 0.5 < fx / fy < 2):
        raise BadFrame(file, f"focal lengths {fx:g} and {fy:g}: not positive, or pixels far from square")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def lens_of(model: str, says: dict[str, Any], file: Path) -> Lens | None:
    """The distortion that goes with the camera model; coefficients that are not given are zero."""
    bend = [float(numbers({key: 0.0, **says}, key, 1, file)[0]) for key in BENDS[model]]
    if model == "OPENCV" and bend[-1]:
        raise BadFrame(file, "k4 is not zero: OPENCV has k1 k2 k3 p1 p2")
    return Lens.of("fisheye" if model == "OPENCV_FISHEYE" else "brown", *bend)


def pose(frame: dict[str, Any], file: Path) -> Array:  # (4, 4)
    """The camera in the world, OpenCV axes."""
    out = np.eye(4)
    out[:3] = numbers(frame, "transform_matrix", 16, file).reshape(4, 4)[:3]
    out[:3, :3] = nearest_rotation(out[:3, :3], "transform_matrix", file)
    return out @ GL_FROM_CV
