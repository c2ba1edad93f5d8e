"""What the JSON files of a BOP folder say of each image, checked number by number."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from registration.data.images import BadFrame
from registration.data.listing import nearest_rotation
from registration.errors import UserError
from registration.geometry.rigid import Array

LARGEST = 1e7
"""Pixels: no camera has more, nor is its middle or its focus farther away."""


@dataclass(frozen=True, eq=False)
class Entry:
    """What the JSON files say of one image."""

    id: int
    instance: int
    """Place in scene_gt's list: the second number of a mask's name."""
    objid: int | None
    K: Array  # (3, 3)
    R: Array  # (3, 3)
    t: Array  # (3,) mm
    depth_scale: float


def read_json(file: Path, mend: str = "a BOP folder holds scene_camera.json and scene_gt.json") -> dict[str, Any]:
    """A JSON object, or a line that says what is wrong with the file."""
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError("a file is missing", file, mend) from error
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UserError("not readable as JSON", file, str(error) or type(error).__name__) from error
    if not isinstance(body, dict):
        raise UserError("not a JSON object", file, mend)
    return body


def numbers(entry: dict[str, Any], key: str, count: int, file: Path) -> Array:
    """So many finite numbers under a key."""
    if key not in entry:
        raise BadFrame(file, f"{key} is missing")
    try:
        values = np.asarray(entry[key], float).ravel()
    except (TypeError, ValueError, OverflowError) as error:
        raise BadFrame(file, f"{key} holds something that is not a number") from error
    if values.shape != (count,):
        raise BadFrame(file, f"{key} has {values.size} numbers, expected {count}")
    if not np.isfinite(values).all():
        raise BadFrame(file, f"{key} holds NaN or infinity")
    return values


def intrinsics(entry: dict[str, Any], file: Path) -> Array:  # (3, 3)
    """A pinhole matrix that can be one."""
    K = numbers(entry, "cam_K", 9, file).reshape(3, 3)
    if K[0, 0] <= 0 or K[1, 1] <= 0:
        raise BadFrame(file, f"cam_K has a focal length that is not positive ({K[0, 0]:g}, {K[1, 1]:g})")
    shape = np.allclose(K[2], (0, 0, 1)) and abs(K[1, 0]) < 1e-6 and abs(K).max() < LARGEST
    if not shape or abs(K[0, 1]) > 0.1 * K[0, 0] or not 0.5 < K[0, 0] / K[1, 1] < 2:
        raise BadFrame(file, "cam_K is not a pinhole matrix: fx s cx 0 fy cy 0 0 1, nearly square pixels")
    return K


def rotation(entry: dict[str, Any], file: Path) -> Array:  # (3, 3)
    """The nearest rotation, if what is written is one but for rounding."""
    return nearest_rotation(numbers(entry, "cam_R_m2c", 9, file).reshape(3, 3), "cam_R_m2c", file)


def instance_of(poses: Any, objid: int | None, file: Path) -> int:
    """Place of the object in one image's list of poses; the first if it is there more than once."""
    if not isinstance(poses, list) or not all(isinstance(p, dict) for p in poses):
        raise BadFrame(file, "not a list of objects with poses")
    if len(poses) == 1 and "obj_id" not in poses[0]:
        return 0
    for place, pose in enumerate(poses):
        if "obj_id" not in pose:
            raise BadFrame(file, "obj_id is missing")
        if objid is None or pose["obj_id"] == objid:
            return place
    raise BadFrame(file, f"object {objid} is not in it" if poses else "no pose is given")


def read_entry(key: str, gt: dict[str, Any], camera: dict[str, Any], objid: int | None, folder: Path) -> Entry:
    """One image's pose and intrinsics, checked."""
    gt_file, camera_file = folder / "scene_gt.json", folder / "scene_camera.json"
    for body, file in ((gt, gt_file), (camera, camera_file)):
        if key not in body:
            raise BadFrame(file, f"the image is missing: no key {key!r}")
    place = instance_of(gt[key], objid, gt_file)
    pose, lens = gt[key][place], camera[key]
    if not isinstance(lens, dict):
        raise BadFrame(camera_file, "not an object with cam_K")
    scale = lens.get("depth_scale", 1.0)
    if not isinstance(scale, int | float) or isinstance(scale, bool) or not 0 < scale < float("inf"):
        raise BadFrame(camera_file, f"depth_scale is {scale!r}, expected a positive number")
    t = numbers(pose, "cam_t_m2c", 3, gt_file)
    K, R, found = intrinsics(lens, camera_file), rotation(pose, gt_file), pose.get("obj_id")
    return Entry(int(key), place, found if isinstance(found, int) else None, K, R, t, float(scale))


def meant_object(gt: dict[str, Any], folder: Path) -> int | None:
    """The object a folder is about, when nobody said: by the folder's name, or the only one in scene_gt."""
    there = {
        pose.get("obj_id")
        for poses in gt.values()
        for pose in (poses if isinstance(poses, list) else [])
        if isinstance(pose, dict) and isinstance(pose.get("obj_id"), int)
    }
    named = re.match(r"obj_(\d+)", folder.name)
    if named and int(named[1]) in there:
        return int(named[1])
    if len(there) > 1:
        ids = ", ".join(map(str, sorted(there)))  # type: ignore[type-var]
        mend = f"it holds objects {ids}: name the folder obj_NNNNNN to say which is meant"
        raise UserError("more than one object", folder / "scene_gt.json", mend)
    return next(iter(there), None)


def read_entries(folder: Path, objid: int | None) -> tuple[list[Entry], list[BadFrame]]:
    """Every image that either JSON file knows, by its id, and what is wrong with the others."""
    gt, camera = read_json(folder / "scene_gt.json"), read_json(folder / "scene_camera.json")
    if objid is None:
        objid = meant_object(gt, folder)
    entries, bad = [], []
    for key in {**gt, **camera}:
        if not (key.isascii() and key.isdigit()):
            file = "scene_gt.json" if key in gt else "scene_camera.json"
            bad.append(BadFrame(folder / file, f"the key {key!r} is not an image id"))
            continue
        try:
            entries.append(read_entry(key, gt, camera, objid, folder))
        except BadFrame as fault:
            bad.append(fault.of(int(key)))
    return sorted(entries, key=lambda e: e.id), bad
