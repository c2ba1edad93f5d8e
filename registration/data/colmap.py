"""Reader of COLMAP's sparse models with their images and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from registration.data.colmap_files import (
    ColmapCamera,
    ColmapImage,
    read_cameras_bin,
    read_cameras_txt,
    read_images_bin,
    read_images_txt,
    rotation_of,
)
from registration.data.images import BadFrame
from registration.data.lens import Lens
from registration.data.listing import Listed, Listing, ids_by_name, mask_beside, within
from registration.errors import UserError
from registration.geometry.rigid import Array

MEANT = "images.bin and images.txt hold x_cam = R x_world + t, x right, y down, z forward, as COLMAP writes them"
LAYOUT = "expected sparse/0/ (or sparse/, or the folder itself) with cameras and images .bin or .txt, beside images/"
FOCALS = {"SIMPLE_PINHOLE": 1, "PINHOLE": 2, "SIMPLE_RADIAL": 1, "RADIAL": 1, "OPENCV": 2, "FULL_OPENCV": 2}
FOCALS |= {"OPENCV_FISHEYE": 2, "SIMPLE_RADIAL_FISHEYE": 1, "RADIAL_FISHEYE": 1}
"""How many focal lengths a model has; its principal point follows, then what bends."""


def model_in(folder: Path) -> str | None:
    """The ending of a model's files in this very folder; binary ones come first, as for COLMAP."""
    return next((e for e in (".bin", ".txt") if all((folder / f"{n}{e}").is_file() for n in ("cameras", "images"))), None)  # fmt: skip


def find_model(folder: Path) -> tuple[Path, str] | None:
    """The folder that holds images and model, and where in it the model lies; of several models the largest."""
    if model_in(folder):
        for up, root in enumerate((folder, *list(folder.resolve().parents)[:2])):
            if (root / "images").is_dir():
                return (root, folder.resolve().relative_to(root.resolve()).as_posix()) if up else (folder, ".")
        raise UserError("a COLMAP model without its images", folder, LAYOUT)
    sparse = folder / "sparse"
    places = [p for p in (sparse, *(sorted(sparse.iterdir()) if sparse.is_dir() else [])) if p.is_dir() and model_in(p)]
    if not places:
        return None
    largest = max(places, key=lambda p: (p / f"images{model_in(p)}").stat().st_size)
    return folder, largest.relative_to(folder).as_posix()


def list_colmap(folder: Path, model: str, shift: float) -> Listing:
    """What the model says; ``shift``: how far its pixel centres lie from whole numbers."""
    place = folder / model
    ending = model_in(place)
    if ending is None:
        raise UserError("no COLMAP model", place, LAYOUT)
    lenses, poses = place / f"cameras{ending}", place / f"images{ending}"
    cameras = read_cameras_bin(lenses) if ending == ".bin" else read_cameras_txt(lenses)
    entries = read_images_bin(poses) if ending == ".bin" else read_images_txt(poses)
    entries.sort(key=lambda e: e.name)
    images, bad = [], []
    for id, entry in zip(ids_by_name([e.name for e in entries]), entries, strict=True):
        try:
            images.append(listed(id, entry, cameras, folder, lenses, poses, shift))
        except BadFrame as fault:
            bad.append(fault.of(id))
    images.sort(key=lambda image: image.id)
    return Listing(folder, images, bad, lenses, poses, MEANT, "none", centred=True)


def listed(
    id: int, entry: ColmapImage, cameras: dict[int, ColmapCamera], folder: Path, lenses: Path, poses: Path, shift: float
) -> Listed:
    """One image with its camera and its files, checked."""
    if entry.camera not in cameras:
        raise BadFrame(poses, f"camera {entry.camera} is not in {lenses.name}")
    camera = cameras[entry.camera]
    if camera.model not in FOCALS:
        raise BadFrame(lenses, f"camera model {camera.model} is not one of {', '.join(FOCALS)}")
    K = intrinsics(camera, lenses)
    K[:2, 2] -= shift
    colour = within(folder / "images", entry.name, poses)
    mask, lens = mask_beside(folder, entry.name), lens_of(camera)
    return Listed(id, K, rotation_of(entry, poses), entry.t, colour, mask, lens=lens, size=camera.size)


def intrinsics(camera: ColmapCamera, file: Path) -> Array:  # (3, 3)
    """A pinhole matrix that can be one."""
    focals = FOCALS[camera.model]
    fx, fy = camera.params[0], camera.params[focals - 1]
    cx, cy = camera.params[focals : focals + 2]
    if not (np.isfinite(camera.params).all() and fx > 0 and fy > 0 and 0.5 < fx / fy < 2):
        raise BadFrame(file, f"focal lengths {fx:g} and {fy:g}: not positive, or pixels far from square")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def lens_of(camera: ColmapCamera) -> Lens | None:
    """The distortion; COLMAP and OpenCV agree in the order of the coefficients."""
    bend = camera.params[FOCALS[camera.model] + 2 :]
    return Lens.of("fisheye" if camera.model.endswith("FISHEYE") else "brown", *bend)
