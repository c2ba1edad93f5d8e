"""Small captures on disk: an ellipsoid that floats off the origin, seen from all around."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from registration.data.bop_write import scene_camera, scene_gt, write_json
from registration.errors import UserError
from registration.geometry.rigid import Array
from registration.geometry.rotation import spread_directions

SIZE = (64, 48)
MIDDLE = np.array([2.0, -3.0, 5.0])
AXES = np.array([14.0, 10.0, 7.0])


def surface() -> Array:  # (400, 3)
    """Points of the object, mm."""
    return MIDDLE + AXES * spread_directions(400)


def look_at(eye: Array, target: Array) -> tuple[Array, Array]:
    """R and t of a camera at ``eye`` that looks at ``target``."""
    z = (target - eye) / np.linalg.norm(target - eye)
    x = np.cross(z, (0.0, 0.0, 1.0) if abs(z[2]) < 0.95 else (0.0, 1.0, 0.0))
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z])
    return R, -R @ eye


def make_scene(
    folder: Path, *, n: int = 12, objid: int = 1, first: int = 0, step: int = 1, suffix: str = ".png"
) -> Path:
    """A BOP folder of n images with the ids first, first + step, ..."""
    for name in ("rgb", "mask_visib"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    ids = [first + step * i for i in range(n)]
    poses = [look_at(120 * d, MIDDLE + np.array([0, 0, 1])) for d in spread_directions(n)]
    R, t = np.stack([p[0] for p in poses]), np.stack([p[1] for p in poses])
    K = np.broadcast_to(np.array([[110.0, 0, 31.2], [0, 111.0, 23.9], [0, 0, 1]]), (n, 3, 3))
    for i, r, s, k in zip(ids, R, t, K, strict=True):
        mask = silhouette(k, r, s)
        rgb = np.where(mask[..., None] > 0, (180, 90, 40), (20, 20, 30)).astype(np.uint8)
        Image.fromarray(rgb).save(folder / "rgb" / f"{i:06d}{suffix}")
        Image.fromarray(mask).save(folder / "mask_visib" / f"{i:06d}_000000.png")
    write_json(folder / "scene_gt.json", scene_gt(ids, R, t, objid))
    write_json(folder / "scene_camera.json", scene_camera(ids, K, 0.1))
    return folder


def silhouette(K: Array, R: Array, t: Array) -> np.ndarray:  # (h, w), 0 and 255
    """Where the object is seen."""
    p = (surface() @ R.T + t) @ K.T
    hull = cv2.convexHull(np.round(p[:, :2] / p[:, 2:]).astype(np.int32))
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillConvexPoly(mask, hull, 255)
    return mask


def make_onboarding(root: Path, dataset: str = "toys", objids: tuple[int, ...] = (1,), **options: Any) -> Path:
    """A data set of two captures per object."""
    for objid in objids:
        for half in ("up", "down"):
            make_scene(root / dataset / "onboarding_static" / f"obj_{objid:06d}_{half}", objid=objid, **options)
    return root / dataset


def make_classic(
    root: Path, dataset: str = "parts", objid: int = 3, split: str = "train_primesense", **options: Any
) -> Path:
    """A data set with one scene for its object."""
    make_scene(root / dataset / split / f"{objid:06d}", objid=objid, **{"n": 40, **options})
    return root / dataset


def edit(file: Path, change: Callable[[Any], Any]) -> None:
    """Change a JSON file in place; ``change`` may work on what it is given, or return something else."""
    body = json.loads(file.read_text())
    new = change(body)
    file.write_text(json.dumps(body if new is None else new))


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive in memory."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def refusal(call: object, *arguments: object, **options: object) -> str:
    """The one line with which a call is refused."""
    with pytest.raises(UserError) as caught:
        call(*arguments, **options)  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    return str(caught.value)
