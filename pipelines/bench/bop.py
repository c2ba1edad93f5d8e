"""Pose labels by the measures of the BOP challenge: recalls over the images of one object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.store import Store
from registration.data.capture import Capture
from registration.errors import UserError
from registration.geometry.camera import Cameras
from registration.geometry.mesh import TriMesh
from registration.geometry.pose_error import PIXELS, SHARES, add, adds, mspd, mssd, symmetries_of, vsd
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array, Rigid

SOME = 8
"""VSD draws the object twice and ADD-S searches: so many images of a half, evenly chosen, stand for all.

So they do for MSSD and MSPD where the truth names symmetries, each of which is tried.
"""
RECALLS = ("vsd", "mssd", "mspd", "ar", "add", "add02", "adds", "adds02", "ar_both")


@dataclass(frozen=True, eq=False)
class Labelled:
    """One image: T_cam_from_model as labelled and as it is, intrinsics, and the size of the image."""

    est: Rigid
    true: Rigid
    K: Array  # (3, 3)
    size: tuple[int, int]


def captures_of(store: Store, name: str, keys: dict[str, str]) -> dict[str, Capture]:
    """The captures that a result's labels were made of, as far as they were kept."""
    made = store.place(name, "labels").manifest(keys.get("labels", "-")) or {"inputs": {}}
    found = {
        half: (store.place(name, f"capture-{half}"), made["inputs"].get(f"capture_{half}", "-"))
        for half in ("up", "down")
    }
    return {half: place.load(Capture, key) for half, (place, key) in found.items() if place.manifest(key)}


def labelled(folder: Path, T: Rigid, G: Rigid, capture: Capture | None) -> list[Labelled]:
    """Every image of one half.

    T leads from the half's frame into the labels' and G into the true one. Without the capture its poses are taken out of the labels,
    and its images are as wide as twice the principal point.
    """
    try:
        poses, cameras = (json.loads((folder / f"scene_{name}.json").read_text()) for name in ("gt", "camera"))
        row = {} if capture is None else {int(image): n for n, image in enumerate(capture.ids)}
        out = []
        for image, (p, *_) in sorted(poses.items(), key=lambda item: int(item[0])):
            est = Rigid(np.reshape(p["cam_R_m2c"], (3, 3)), p["cam_t_m2c"])
            K = np.reshape(np.asarray(cameras[image]["cam_K"], float), (3, 3))
            half, size = est @ T, (max(1, round(2 * K[0, 2])), max(1, round(2 * K[1, 2])))
            if capture is not None:
                half, size = capture.cameras.pose(row[int(image)]), capture.size_full
            out.append(Labelled(est, half @ G.inverse(), K, size))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"labels that cannot be read ({error!r})", folder, "run the object again") from error
    if not out:
        raise UserError("labels of no image", folder, "run the object again")
    return out


def pixels_of(image: Labelled, points: Array) -> Array:  # (n, 3) -> (m, 2)
    """All pixels of the image within the box where the model is drawn in either pose."""
    p = np.concatenate([image.est.apply(points), image.true.apply(points)])
    low, high = np.zeros(2, int), np.array(image.size)
    if p[:, 2].min() > 1:
        ends = p @ image.K.T
        ends = ends[:, :2] / ends[:, 2:]
        low, high = np.clip([np.floor(ends.min(0)), np.ceil(ends.max(0)) + 1], 0, image.size).astype(int)
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    return np.stack([x.ravel(), y.ravel()], 1).astype(float)


def distances(caster: Caster, pose: Rigid, K: Array, pixels: Array) -> Array:  # (3, 3), (m, 2) -> (m,)
    """From the camera's centre to the model through pixels, mm; inf beside it."""
    camera = Cameras(K[None], pose.R[None], pose.t[None], 0, 0)
    return caster.first_hits(*camera.rays(0, pixels))[0]


def vsd_of(caster: Caster, points: Array, image: Labelled, d: float) -> Array:  # (n, 3) -> (10,)
    """VSD for every tau; the scene is the true object alone, drawn: nothing hides it, and beside it nothing is known."""
    pixels = pixels_of(image, points)
    est, true = (distances(caster, pose, image.K, pixels) for pose in (image.est, image.true))
    return vsd(est, true, np.where(np.isfinite(true), true, 0), d)


def recalls(images: Sequence[Labelled], mesh: TriMesh, d: float, symmetries: Sequence[Rigid]) -> dict[str, float]:
    """Shares of the images, and of BOP's thresholds, that are met; ``ar`` is the mean of VSD's, MSSD's and MSPD's."""
    points, caster = mesh.vertices, Caster(mesh.vertices, mesh.faces)
    some = [images[i] for i in np.unique(np.linspace(0, len(images) - 1, SOME).round().astype(int))]
    hidden = np.array([vsd_of(caster, points, i, d) for i in some])  # (images, tau)
    most = images if len(symmetries) == 1 else some
    largest = np.array([mssd(i.est, i.true, points, symmetries) for i in most]) / d
    pixels = np.array([mspd(i.est, i.true, i.K, points, symmetries) * 640 / i.size[0] for i in most])
    mean = np.array([add(i.est, i.true, points) for i in images]) / d
    nearest = np.array([adds(i.est, i.true, points) for i in some]) / d
    three = {
        "vsd": float((hidden[..., None] < SHARES).mean()),
        "mssd": float((largest[:, None] < SHARES).mean()),
        "mspd": float((pixels[:, None] < PIXELS).mean()),
    }
    return three | {
        "ar": sum(three.values()) / 3,
        "add": float((mean < 0.1).mean()),
        "add02": float((mean < 0.02).mean()),
        "adds": float((nearest < 0.1).mean()),
        "adds02": float((nearest < 0.02).mean()),
    }


def score_labels(
    run: Path, result: dict[str, Any], facts: dict[str, Any], mesh: TriMesh, store: Store
) -> dict[str, Any]:
    """Recalls over the images of `down`; ``ar_both`` is ``ar`` over both halves. Nothing where there are no labels."""
    if not (run / "labels").is_dir():
        return {}
    T, G = Rigid.from_similarity(result["T_up_from_down"]), Rigid.from_matrix(facts["T_up_from_down"])
    same, d, symmetries = Rigid.identity(), float(facts["diameter"]), symmetries_of(facts)
    captures = captures_of(store, f"{run.parent.name}/{run.name}", result.get("keys", {}))
    up = labelled(run / "labels" / "up", same, same, captures.get("up"))
    down = labelled(run / "labels" / "down", T, G, captures.get("down"))
    both = recalls(up, mesh, d, symmetries)["ar"], recalls(down, mesh, d, symmetries)
    return both[1] | {
        "ar_both": (len(up) * both[0] + len(down) * both[1]["ar"]) / (len(up) + len(down)),
        "symmetries": len(symmetries) - 1,
        "labels_against": "captures" if len(captures) == 2 else "themselves",
    }


def means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of every recall over all objects; one without labels counts as not found."""
    return {name: float(np.mean([row.get(name, 0.0) for row in rows])) for name in RECALLS}
