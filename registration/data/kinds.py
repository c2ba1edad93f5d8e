"""What kinds of capture there are, and where the two of an object lie."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from registration.data import colmap, nerfstudio
from registration.data.bop import files_of_bop, list_bop
from registration.data.capture import Capture
from registration.data.frames import read_listing
from registration.data.listing import Listed, Listing
from registration.data.params import CaptureParams
from registration.errors import UserError
from registration.geometry.rigid import Rigid
from registration.geometry.rotation import random_rotations

ONBOARDING = "onboarding_static"
CLASSIC = ("train_primesense", "train", "train_pbr")
Kind = Literal["bop-onboarding", "bop-classic", "nerfstudio", "colmap"]
MARKS = {"scene_gt.json": "bop-onboarding", "transforms.json": "nerfstudio"}
"""The file that tells a kind; COLMAP's model may lie in several places."""
EXPECTED = (
    "a BOP folder (scene_gt.json, scene_camera.json, rgb/, mask_visib/), nerfstudio's transforms.json, "
    "or a COLMAP model (sparse/0/cameras.bin or .txt) with images/ and masks/"
)
SHIFT_MM = 30.0


@dataclass(frozen=True)
class CaptureSpec:
    """Where one capture is and how it is read; plain values only."""

    kind: Kind
    folder: str
    name: str
    half: str
    """up, down; c3 and on of more captures."""
    objid: int | None
    hidden_seed: int | None = None
    """Of the frame that the lower half of a split scene is moved into."""
    model: str = ""
    """COLMAP: where in the folder the model lies."""


def refuse_truth(folder: Path) -> None:
    """Nothing is ever read from where answers are kept."""
    if any(part.endswith("_truth") for part in folder.resolve().parts):
        raise UserError("this is where a truth is kept, not a capture", folder, "name the data set itself")


def data_sets(root: Path) -> list[str]:
    """Data sets that are there."""
    folders = root.iterdir() if root.is_dir() else ()
    return sorted(p.name for p in folders if p.is_dir() and not p.name.endswith("_truth") and p.name[0] != ".")


def find_dataset(root: Path, dataset: str) -> Path:
    """The data set's folder, or how to get it."""
    from registration.data.download import CATALOGUE

    folder = root / dataset
    if dataset not in ("", ".", "..") and Path(dataset).name == dataset and folder.is_dir():
        refuse_truth(folder)
        return folder
    if dataset == "mini":
        raise UserError(
            "data set 'mini' is not made yet",
            folder,
            "regpipe run --dataset mini makes it, or: regpipe data synth mini",
        )
    if dataset in CATALOGUE:
        raise UserError(f"data set {dataset!r} is not here", folder, f"get it with: regpipe data download {dataset}")
    there = data_sets(root)
    near = difflib.get_close_matches(dataset, [*there, *CATALOGUE, "mini"], 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    listed = ", ".join(there) or "none"
    raise UserError(f"no data set {dataset!r}", root, f"{hint}there: {listed}; --bop-root names another place")


def halves_of(folder: Path) -> dict[int, set[str]]:
    """Object -> the onboarding halves that are there."""
    out: dict[int, set[str]] = {}
    for place in folder.glob("obj_*_*"):
        _, number, half, *more = place.name.split("_")
        if number.isdigit() and half in ("up", "down") and not more and place.is_dir():
            out.setdefault(int(number), set()).add(half)
    return out


def scenes_of(folder: Path) -> dict[int, Path]:
    """Object -> its scene, in the first of the classic splits that has scenes."""
    for split in CLASSIC:
        places = sorted((folder / split).iterdir()) if (folder / split).is_dir() else []
        scenes = {int(p.name): p for p in places if p.name.isdigit() and p.is_dir()}
        if scenes:
            return scenes
    return {}


def list_objects(root: Path, dataset: str) -> list[int]:
    """Every object that has both captures, or one scene to split."""
    folder = find_dataset(root, dataset)
    if (folder / ONBOARDING).is_dir():
        return sorted(n for n, halves in halves_of(folder / ONBOARDING).items() if len(halves) == 2)
    scenes = scenes_of(folder)
    if not scenes:
        mend = f"expected {ONBOARDING}/ with obj_NNNNNN_up and _down, or scenes in one of {', '.join(CLASSIC)}"
        raise UserError("not a BOP data set", folder, mend)
    return sorted(scenes)


def find_pair(root: Path, dataset: str, objid: int) -> tuple[CaptureSpec, CaptureSpec]:
    """Both captures of one object."""
    there = list_objects(root, dataset)
    folder = find_dataset(root, dataset)
    onboarding = folder / ONBOARDING
    if objid not in there:
        half = next(iter(halves_of(onboarding).get(objid, ())), None)
        what = f"object {objid} has only its {half} capture" if half else f"no object {objid}"
        raise UserError(what, folder, f"there: {', '.join(map(str, there)) or 'none'}")
    name = f"{dataset}/obj_{objid:06d}"
    if onboarding.is_dir():
        base = str(onboarding / f"obj_{objid:06d}")
        up = CaptureSpec("bop-onboarding", f"{base}_up", f"{name}_up", "up", objid)
        return up, replace(up, folder=f"{base}_down", name=f"{name}_down", half="down")
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "little")
    up = CaptureSpec("bop-classic", str(scenes_of(folder)[objid]), f"{name}_up", "up", objid, seed)
    return up, replace(up, name=f"{name}_down", half="down")


def spec_of(folder: Path, half: str, option: str) -> CaptureSpec:
    """A folder named by the user, of whichever kind it is."""
    if not folder.is_dir():
        raise UserError("no such folder", folder, f"{option} names a capture's folder")
    refuse_truth(folder)
    name = folder.resolve().name
    kind: Kind
    for mark, kind in MARKS.items():  # type: ignore[assignment]
        if (folder / mark).exists():
            return CaptureSpec(kind, str(folder), name, half, None)
    found = colmap.find_model(folder)
    if found is None:
        raise UserError("no capture here", folder, f"expected {EXPECTED}")
    root, model = found
    return CaptureSpec("colmap", str(root), root.resolve().name, half, None, model=model)


def specs_of(named: Sequence[tuple[str, str, Path]]) -> list[CaptureSpec]:
    """Capture folders named by the user, each with its half and its option; they may be of different kinds."""
    out, seen = [], {}
    for half, option, folder in named:
        out.append(spec_of(folder, half, option))
        other = seen.setdefault(folder.resolve(), option)
        if len(seen) < len(out):
            both = f"{other} and {option} are" if other != option else f"two {option} are"
            raise UserError(f"{both} the same folder", folder, "name different captures of the object")
    return out


def pair_of(up: Path, down: Path) -> tuple[CaptureSpec, CaptureSpec]:
    """Two of them."""
    first, second = specs_of([("up", "--up", up), ("down", "--down", down)])
    return first, second


def listing_of(spec: CaptureSpec, params: CaptureParams) -> Listing:
    """What the capture's files say of its images; of a scene that is split, of those of its half."""
    folder = Path(spec.folder)
    refuse_truth(folder)
    shift = 0.0 if params.pixel_centre == "whole" else 0.5
    if spec.kind == "nerfstudio":
        return nerfstudio.list_nerfstudio(folder, shift)
    if spec.kind == "colmap":
        return colmap.list_colmap(folder, spec.model, shift)
    listing = list_bop(folder, spec.objid)
    if spec.kind == "bop-onboarding":
        return listing
    up, border, overlap = spec.half == "up", params.split_elevation_deg, params.overlap_deg

    def belongs(image: Listed) -> bool:
        above = elevation_deg(image) - border
        return above > -overlap if up else above < overlap

    return replace(listing, images=[image for image in listing.images if belongs(image)])


def files_of(spec: CaptureSpec) -> list[Path]:
    """Every file the capture is read from, in a fixed order."""
    if spec.kind.startswith("bop"):
        return files_of_bop(Path(spec.folder))
    return listing_of(spec, CaptureParams()).files()


def hidden_transform(spec: CaptureSpec) -> Rigid:
    """T_up_from_down of a split scene, for judging only: drawn from the data set's and the object's name."""
    if spec.hidden_seed is None:
        raise ValueError(f"{spec.name} is no half of a split scene")
    rng = np.random.default_rng(spec.hidden_seed)
    return Rigid(random_rotations(1, rng)[0], rng.uniform(-SHIFT_MM, SHIFT_MM, 3))


def elevation_deg(image: Listed) -> float:
    """Of the camera above the object's xy plane."""
    eye = -(image.R.T @ image.t)
    return float(np.degrees(np.arctan2(eye[2], np.hypot(eye[0], eye[1]))))


def read(spec: CaptureSpec, params: CaptureParams) -> Capture:
    """The capture, checked and cropped; the lower half of a split scene is moved into its hidden frame."""
    capture = read_listing(listing_of(spec, params), spec.name, params)
    lower = spec.kind == "bop-classic" and spec.half == "down"
    return capture.moved(hidden_transform(spec).inverse()) if lower else capture
