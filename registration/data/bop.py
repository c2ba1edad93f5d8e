"""Reader of BOP folders: onboarding sequences and classic training scenes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from registration.data.capture import Capture
from registration.data.crop import RawFrame, crop, crop_size, tidy_mask
from registration.data.images import BadFrame, read_colour, read_depth, read_mask
from registration.data.params import CaptureParams
from registration.errors import UserError
from registration.geometry.rigid import Array, Rigid

SUFFIXES = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class Entry:
    """What the JSON files say of one image."""

    id: int
    instance: int
    """Place in scene_gt's list: the second number of a mask's name."""
    K: Array  # (3, 3)
    R: Array  # (3, 3)
    t: Array  # (3,)
    depth_scale: float


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object, or a line that says what is wrong with the file."""
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError("a file is missing", file, "a BOP folder has scene_camera.json and scene_gt.json") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UserError("not readable as JSON", file, str(error)) from error
    if not isinstance(body, dict):
        raise UserError("not a JSON object", file, "expected image ids as keys")
    return body


def numbers(entry: dict[str, Any], key: str, count: int, file: Path, where: str) -> Array:
    """So many finite numbers under a key."""
    if key not in entry:
        raise BadFrame(file, f"{where} has no {key}")
    try:
        values = np.asarray(entry[key], float).ravel()
    except (TypeError, ValueError) as error:
        raise BadFrame(file, f"{where}: {key} holds something that is not a number") from error
    if values.shape != (count,):
        raise BadFrame(file, f"{where}: {key} has {values.size} numbers, expected {count}")
    if not np.isfinite(values).all():
        raise BadFrame(file, f"{where}: {key} holds NaN or infinity")
    return values


def intrinsics(entry: dict[str, Any], file: Path, where: str) -> Array:  # (3, 3)
    """A pinhole matrix that can be one."""
    K = numbers(entry, "cam_K", 9, file, where).reshape(3, 3)
    if K[0, 0] <= 0 or K[1, 1] <= 0:
        raise BadFrame(file, f"{where}: cam_K has a focal length that is not positive")
    if not np.allclose(K[2], (0, 0, 1)) or abs(K[1, 0]) > 1e-6 or abs(K[0, 1]) > 0.1 * K[0, 0] or not 0.5 < K[0, 0] / K[1, 1] < 2:
        raise BadFrame(file, f"{where}: cam_K is not a pinhole matrix (fx s cx 0 fy cy 0 0 1)")
    return K


def read_entry(key: str, gt: Any, camera: Any, objid: int | None, files: tuple[Path, Path]) -> Entry:
    """One image's pose and intrinsics, checked."""
    gt_file, camera_file = files
    where = f"image {key}"
    if not isinstance(camera, dict):
        raise BadFrame(camera_file, f"{where} is missing" if camera is None else f"{where} is not an object")
    if not isinstance(gt, list) or not all(isinstance(g, dict) for g in gt):
        raise BadFrame(gt_file, f"{where} is not a list of objects")
    chosen = [n for n, g in enumerate(gt) if objid is None or g.get("obj_id", objid) == objid]
    if not chosen:
        raise BadFrame(gt_file, f"{where} does not show object {objid}")
    pose = gt[chosen[0]]
    R = numbers(pose, "cam_R_m2c", 9, gt_file, where).reshape(3, 3)
    t = numbers(pose, "cam_t_m2c", 3, gt_file, where)
    try:
        Rigid(R, t)
    except ValueError as error:
        raise BadFrame(gt_file, f"{where}: the pose is {error}") from error
    if t[2] <= 0:
        raise BadFrame(gt_file, f"{where}: the object is behind the camera (cam_t_m2c z = {t[2]:g})")
    u, _, vt = np.linalg.svd(R)
    scale = camera.get("depth_scale", 1.0)
    if not isinstance(scale, int | float) or not np.isfinite(scale) or scale <= 0:
        raise BadFrame(camera_file, f"{where}: depth_scale is not a positive number")
    return Entry(int(key), chosen[0], intrinsics(camera, camera_file, where), u @ vt, t, float(scale))


def image_file(folder: Path, kinds: tuple[str, ...], stem: str) -> Path:
    """The file of this stem in the first folder that has it; the expected name if there is none."""
    for kind in kinds:
        for suffix in SUFFIXES:
            file = folder / kind / (stem + suffix)
            if file.exists():
                return file
    return folder / kinds[0] / (stem + ".png")


def read_frame(folder: Path, entry: Entry) -> RawFrame:
    """The images that belong to one entry."""
    stem = f"{entry.id:06d}"
    file = image_file(folder, ("rgb", "gray"), stem)
    rgb = read_colour(file)
    mask_file = image_file(folder, ("mask_visib", "mask"), f"{stem}_{entry.instance:06d}")
    mask = tidy_mask(read_mask(mask_file, rgb.shape[:2]))
    depth_file = image_file(folder, ("depth",), stem)
    depth = read_depth(depth_file, rgb.shape[:2], entry.depth_scale) if depth_file.exists() else None
    cx, cy = entry.K[0, 2], entry.K[1, 2]
    h, w = mask.shape
    if not (-w < cx < 2 * w and -h < cy < 2 * h):
        raise BadFrame(folder / "scene_camera.json", f"image {entry.id}: the principal point ({cx:g}, {cy:g}) is far outside the {w} x {h} image")
    return RawFrame(entry.id, str(file.relative_to(folder)), rgb, mask, depth, entry.K, entry.R, entry.t)


def read_entries(folder: Path, objid: int | None) -> tuple[list[Entry], list[BadFrame]]:
    """Every image both JSON files know, and what is wrong with the others."""
    files = folder / "scene_gt.json", folder / "scene_camera.json"
    gt, camera = read_json(files[0]), read_json(files[1])
    entries, bad = [], []
    for key in sorted(gt, key=lambda k: int(k) if str(k).isdigit() else -1):
        try:
            if not str(key).isdigit():
                raise BadFrame(files[0], f"the key {key!r} is not an image id")
            entries.append(read_entry(key, gt[key], camera.get(key), objid, files))
        except BadFrame as fault:
            bad.append(fault)
    return entries, bad


def spread(entries: list[Entry], most: int) -> list[Entry]:
    """At most so many entries, their directions as far apart as can be; in their old order."""
    if len(entries) <= most:
        return entries
    eye = np.array([-(e.R.T @ e.t) for e in entries])
    eye /= np.linalg.norm(eye, axis=1, keepdims=True)
    chosen, nearest = [0], eye @ eye[0]
    while len(chosen) < most:
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, eye @ eye[chosen[-1]])
    return [entries[i] for i in sorted(chosen)]


def misfits(frames: list[RawFrame], folder: Path) -> list[tuple[RawFrame, BadFrame]]:
    """Frames whose intrinsics or pose cannot belong to their mask, seen beside all the others."""
    focal = np.median([f.K[0, 0] for f in frames])
    A, b, lines = np.zeros((3, 3)), np.zeros(3), []
    for f in frames:
        ys, xs = np.nonzero(f.mask)
        centre, size = np.array([xs.mean(), ys.mean()]), float(np.hypot(np.ptp(xs) + 1, np.ptp(ys) + 1))
        d = f.R.T @ np.linalg.solve(f.K, np.append(centre, 1))
        P = np.eye(3) - np.outer(d, d) / (d @ d)
        A, b = A + P, b + P @ (-f.R.T @ f.t)
        lines.append((centre, size))
    middle = np.linalg.lstsq(A, b, rcond=None)[0]
    out = []
    for f, (centre, size) in zip(frames, lines, strict=True):
        q = f.K @ (f.R @ middle + f.t)
        if not 1 / 3 < f.K[0, 0] / focal < 3:
            out.append((f, BadFrame(folder / "scene_camera.json", f"image {f.id}: wrong intrinsics, focal length {f.K[0, 0]:g} where the others have {focal:g}")))
        elif q[2] <= 0 or np.linalg.norm(q[:2] / q[2] - centre) > size:
            out.append((f, BadFrame(folder / "scene_gt.json", f"image {f.id}: pose or intrinsics do not fit the mask, judged by the other images")))
    return out


def read_scene(folder: Path, name: str, objid: int | None, params: CaptureParams, keep: Any = None) -> Capture:
    """A folder with scene_gt.json and scene_camera.json; ``keep(entry)`` chooses the images of one half."""
    if not folder.is_dir():
        raise UserError("no such folder", folder, "give a capture folder that holds rgb/, mask_visib/, scene_gt.json and scene_camera.json")
    entries, bad = read_entries(folder, objid)
    entries = spread([e for e in entries if keep is None or keep(e)], params.max_views)

    def attempt(entry: Entry) -> RawFrame | BadFrame:
        try:
            return read_frame(folder, entry)
        except BadFrame as fault:
            return fault

    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(attempt, entries))
    frames = [f for f in read if isinstance(f, RawFrame)]
    bad += [f for f in read if isinstance(f, BadFrame)]
    if frames:
        sizes, counts = np.unique([f.mask.shape for f in frames], axis=0, return_counts=True)
        usual = tuple(sizes[counts.argmax()])
        bad += [BadFrame(folder / f.file, f"the image is {f.mask.shape[::-1]}, the others {usual[::-1]}") for f in frames if f.mask.shape != usual]
        frames = [f for f in frames if f.mask.shape == usual]
        wrong = misfits(frames, folder)
        bad += [fault for _, fault in wrong]
        frames = [f for f in frames if all(f is not w for w, _ in wrong)]
    refuse(folder, frames, bad, params)
    capture = assemble(name, frames, bad, params)
    scales = {e.depth_scale for e in entries}
    return replace(capture, notes={**capture.notes, "objid": objid, "depth_scale": scales.pop() if len(scales) == 1 else 1.0})


def refuse(folder: Path, frames: list[RawFrame], bad: list[BadFrame], params: CaptureParams) -> None:
    """Stop if too much of the capture is broken."""
    if len(bad) > params.skip_bad:
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise UserError(bad[0].reason + more, bad[0].file, f"mend it, or pass --skip-bad {len(bad)} to go on without")
    if len(frames) < params.min_views:
        raise UserError(f"only {len(frames)} usable images", folder, f"at least {params.min_views} are needed")


def assemble(name: str, frames: list[RawFrame], bad: list[BadFrame], params: CaptureParams) -> Capture:
    """Crops of one size, stacked."""
    size = crop_size([f.mask for f in frames])
    scale = min(1.0, params.max_size / max(size))
    crops = [crop(f, size, scale) for f in frames]
    inside = np.stack([c["inside"] for c in crops])
    has_depth = all("depth" in c for c in crops)
    h, w = frames[0].mask.shape
    return Capture(
        name=name, ids=np.array([f.id for f in frames]), rgb=np.stack([c["rgb"] for c in crops]), mask=np.stack([c["mask"] for c in crops]),
        K=np.stack([c["K"] for c in crops]), R=np.stack([f.R for f in frames]), t=np.stack([f.t for f in frames]),
        K_full=np.stack([f.K for f in frames]), size_full=(w, h), depth=np.stack([c["depth"] for c in crops]) if has_depth else None,
        inside=None if inside.all() else inside, files=tuple(f.file for f in frames),
        notes={"skipped": [{"file": str(b.file.name), "reason": b.reason} for b in bad]},
    )  # fmt: skip
