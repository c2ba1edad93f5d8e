"""What kinds of capture there are, and where the two of an object lie."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from registration.data.bop import Entry, read_scene
from registration.data.capture import Capture, Half
from registration.data.params import CaptureParams
from registration.errors import UserError
from registration.geometry.rigid import Rigid
from registration.geometry.rotation import random_rotations

CLASSIC = ("train_primesense", "train", "train_pbr")


@dataclass(frozen=True)
class CaptureSpec:
    """Where one capture is and how it is read."""

    kind: Literal["bop-onboarding", "bop-classic"]
    folder: str
    name: str
    half: Half
    objid: int | None


def find_dataset(root: Path, dataset: str) -> Path:
    """The data set's folder, or how to get it."""
    folder = root / dataset
    if folder.is_dir() and not dataset.endswith("_truth") and Path(dataset).name == dataset:
        return folder
    from registration.data.download import CATALOGUE

    if dataset in CATALOGUE:
        raise UserError(f"data set {dataset!r} is not here", folder, f"get it with: regpipe data download {dataset} --bop-root {root}")
    there = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.endswith("_truth")) if root.is_dir() else []
    near = difflib.get_close_matches(dataset, [*there, *CATALOGUE, "mini"], 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UserError(f"no data set {dataset!r}", root, f"{hint}there: {', '.join(there) or 'none'}; --bop-root names another place")


def list_objects(root: Path, dataset: str) -> list[int]:
    """Every object that has both captures, or one scene to split."""
    folder = find_dataset(root, dataset)
    static = folder / "onboarding_static"
    if static.is_dir():
        ups = {p.name[4:10] for p in static.glob("obj_??????_up")}
        return sorted(int(n) for n in ups if n.isdigit() and (static / f"obj_{n}_down").is_dir())
    for split in CLASSIC:
        if (folder / split).is_dir():
            return sorted(int(p.name) for p in (folder / split).iterdir() if p.is_dir() and p.name.isdigit())
    raise UserError("not a BOP data set", folder, f"expected onboarding_static/ or one of {', '.join(CLASSIC)}")


def find_pair(root: Path, dataset: str, objid: int) -> tuple[CaptureSpec, CaptureSpec]:
    """Both captures of one object."""
    there = list_objects(root, dataset)
    folder = find_dataset(root, dataset)
    if objid not in there:
        raise UserError(f"no object {objid}", folder, f"there: {', '.join(map(str, there)) or 'none'}")
    name = f"{dataset}/obj_{objid:06d}"
    if (folder / "onboarding_static").is_dir():
        base = folder / "onboarding_static"
        up = CaptureSpec("bop-onboarding", str(base / f"obj_{objid:06d}_up"), f"{name}_up", "up", objid)
        return up, replace(up, folder=str(base / f"obj_{objid:06d}_down"), name=f"{name}_down", half="down")
    scene = next(folder / split / f"{objid:06d}" for split in CLASSIC if (folder / split / f"{objid:06d}").is_dir())
    up = CaptureSpec("bop-classic", str(scene), f"{name}_up", "up", objid)
    return up, replace(up, name=f"{name}_down", half="down")


def pair_of(up: Path, down: Path) -> tuple[CaptureSpec, CaptureSpec]:
    """Two capture folders named by the user."""
    for folder in (up, down):
        if not folder.is_dir():
            raise UserError("no such folder", folder, "--up and --down name capture folders")
        for mark, kind in (("transforms.json", "nerfstudio"), ("cameras.bin", "COLMAP"), ("cameras.txt", "COLMAP"), ("sparse", "COLMAP")):
            if (folder / mark).exists() and not (folder / "scene_gt.json").exists():
                raise UserError(f"a {kind} capture", folder, "this version reads BOP folders only: scene_gt.json, scene_camera.json, rgb/, mask_visib/")
    halves = ((up, "up"), (down, "down"))
    one, two = (CaptureSpec("bop-onboarding", str(f), f.name, half, None) for f, half in halves)  # type: ignore[arg-type]
    return one, two


def files_of(spec: CaptureSpec) -> list[Path]:
    """Every file the capture is read from, in a fixed order."""
    folder = Path(spec.folder)
    out = [f for f in (folder / "scene_camera.json", folder / "scene_gt.json") if f.is_file()]
    for kind in ("rgb", "gray", "mask_visib", "mask", "depth"):
        if (folder / kind).is_dir():
            out += sorted(f for f in (folder / kind).iterdir() if f.is_file())
    return out


def hidden_transform(spec: CaptureSpec) -> Rigid:
    """T_up_from_down of a split scene, for judging only: the lower half lives in a frame drawn from the object's name."""
    seed = int.from_bytes(hashlib.sha256(f"{Path(spec.folder).name}/{spec.objid}".encode()).digest()[:8], "little")
    rng = np.random.default_rng(seed)
    return Rigid(random_rotations(1, rng)[0], rng.uniform(-30, 30, 3))


def read(spec: CaptureSpec, params: CaptureParams) -> Capture:
    """The capture, checked and cropped."""
    if spec.kind == "bop-onboarding":
        return read_scene(Path(spec.folder), spec.name, spec.objid, params)
    upper = spec.half == "up"

    def keep(entry: Entry) -> bool:
        eye = -(entry.R.T @ entry.t)
        elevation = np.degrees(np.arcsin(eye[2] / np.linalg.norm(eye))) - params.split_elevation_deg
        return bool(elevation > -params.overlap_deg if upper else elevation < params.overlap_deg)

    capture = read_scene(Path(spec.folder), spec.name, spec.objid, params, keep)
    if upper:
        return capture
    T = hidden_transform(spec)  # T_up_from_down: cameras of the lower half get poses in the hidden frame
    return replace(capture, R=capture.R @ T.R, t=capture.R @ T.t + capture.t)
