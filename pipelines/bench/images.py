"""How many images the learned correspondences place on the other half, by ground truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from pipelines.bench.score import truths
from pipelines.bench.strangers import half_of
from pipelines.bucket import open_store
from pipelines.halves import kept
from pipelines.store import Store, Where
from registration.errors import UserError
from registration.geometry.pose_error import add
from registration.geometry.rigid import Array, Rigid
from registration.sources.base import ByImage, HalfModel, ImagePoses

SHARED = 0.5
"""An image lies in the band of overlap if so much of the surface it sees is known to the other half."""
NEAR = 0.03
"""Surface nearer than this to the other half's cloud is known to it, share of the diameter."""
PLACED = 0.1
"""ADD below which an image counts as placed, share of the diameter."""
FACING = 0.2


def shared(seen: HalfModel, reference: HalfModel, T_reference_from_seen: Rigid, diameter: float) -> Array:  # (views,)
    """The share of what each image sees that the other half knows."""
    cloud = seen.cloud
    known = KDTree(reference.cloud.points).query(T_reference_from_seen.apply(cloud.points))[0] < NEAR * diameter
    out = []
    for centre in seen.capture.cameras.centres():
        away = centre - cloud.points
        facing = (away * cloud.normals).sum(1) > FACING * np.linalg.norm(away, axis=1)
        out.append(known[facing].mean() if facing.any() else 0.0)
    return np.array(out)


def errors(
    images: ImagePoses, half: str, seen: HalfModel, T: Rigid, points: Array, together: bool
) -> list[list[float]]:
    """ADD of every guess of every image of a half, mm, the best guess first; T is T_reference_from_seen."""
    out = []
    for view, image in enumerate(seen.capture.ids):
        true = seen.capture.cameras.pose(view) @ T.inverse()
        poses = images.T_cam_from_reference[images.of(half, int(image), together)]
        out.append([add(Rigid.from_matrix(T), true, points) for T in poses])
    return out


def judge_object(store: Store, name: str, truth: dict[str, Any]) -> dict[str, Any]:
    """One object's shares of placed images, of those in the band of overlap and of all."""
    found = kept(store, name, "poses-surfemb", ByImage)
    if found is None:
        raise UserError("no image was placed", store.where(name), "regpipe stage poses-surfemb makes it")
    halves = {"up": half_of(store, name, "up"), "down": half_of(store, name, "down")}
    d, G = float(truth["diameter"]), Rigid.from_matrix(np.array(truth["T_up_from_down"]))
    hits: dict[str, list[bool]] = {"placed": [], "alone": [], "among_kept": []}
    inside: list[bool] = []
    for half, other, T in (("down", "up", G), ("up", "down", G.inverse())):
        points = halves[other].cloud.points[::20]
        inside += (shared(halves[half], halves[other], T, d) >= SHARED).tolist()
        for title, together in (("placed", True), ("alone", False)):
            off = errors(found[0].images, half, halves[half], T, points, together)
            hits[title] += [bool(e) and e[0] < PLACED * d for e in off]
        hits["among_kept"] += [bool(e) and min(e) < PLACED * d for e in off]  # of its own guesses
    band = np.array(inside)
    share = {k: float(np.array(v)[band].mean()) if band.any() else float("nan") for k, v in hits.items()}
    whole = float(np.mean(hits["placed"]))
    return {"images": len(band), "in_band": int(band.sum()), **share, "placed_of_all": whole,
            "seconds": found[1]["seconds"]}  # fmt: skip


def judge_images(runs: Path, truth: Path, store: Where | None) -> list[dict[str, Any]]:
    """A row for every object with a truth whose images were placed."""
    place = open_store(store or runs.parent / ".store")
    rows = []
    for file in truths(truth):
        name, body = file.stem, json.loads(file.read_text())
        try:
            rows.append({"object": name, **judge_object(place, f"{runs.name}/{name}", body)})
        except UserError as error:
            rows.append({"object": name, "status": str(error)})
    return rows
