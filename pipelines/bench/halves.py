"""How good the halves' clouds are, by ground truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from pipelines import artifacts
from pipelines.bench.score import mesh_of, surface, truths
from pipelines.store import Store
from registration.data.capture import Capture
from registration.fuse.merge import fuse
from registration.fuse.params import FuseParams
from registration.geometry.distance import chamfer_parts
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array, Rigid
from registration.nerf.cloud import views_of
from registration.nerf.record import Cloud, Clouds, NerfHalf
from registration.sources.base import HalfModel

NEAR = 0.015
"""Points this near to the surface, as a share of the diameter, count as on it."""
SEEN_BY = 3
"""The surface that this many views see must be covered."""


def distance_to(mesh: TriMesh, points: Array) -> Array:  # (n, 3) -> (n,)
    """Distance of points to a surface: exact to the faces of the nearest of many samples."""
    from trimesh.triangles import closest_point

    samples, face, _ = mesh.sample(200_000, np.random.default_rng(0))
    near = face[np.asarray(KDTree(samples).query(points, k=6)[1])]  # (n, 6)
    triangles = mesh.vertices[mesh.faces[near.ravel()]]
    closest = closest_point(triangles, np.repeat(points, 6, axis=0))
    return np.linalg.norm(closest.reshape(-1, 6, 3) - points[:, None], axis=2).min(1)


def judge(cloud: Cloud, capture: Capture, mesh: TriMesh, d: float) -> dict[str, float]:
    """Mean and 95th percentile of the cloud's error, the share of it on the surface, the share of the seen surface it covers."""
    off = distance_to(mesh, cloud.points) / d
    samples, face, _ = mesh.sample(20_000, np.random.default_rng(1))
    normals = mesh.face_normals()[face]
    views = views_of(samples, normals, capture, Caster(mesh.vertices, mesh.faces), 1e-3 * d, 0.15)
    missed = KDTree(cloud.points).query(samples[views >= SEEN_BY])[0] / d
    return {
        "mean": float(off.mean()), "p95": float(np.quantile(off, 0.95)), "within": float((off < NEAR).mean()),
        "cover": float((missed < NEAR).mean()),
    }  # fmt: skip


def kept(store: Store, name: str, stage: str, kind: type) -> tuple[Any, float] | None:
    """The newest artifact of a stage and the seconds it took; None if there is none."""
    place = store.place(name, stage)
    manifest = place.newest()
    if manifest is None:
        return None
    return artifacts.load(kind, place.of(manifest["key"])), float(manifest["seconds"])


def score_object(store: Store, name: str, truth: Path, whole: bool) -> list[dict[str, Any]]:
    """A row for each half; with ``whole`` also how well both, fused by the true transform, meet the true surface."""
    facts = json.loads(truth.read_text())
    d, T = float(facts["diameter"]), Rigid.from_matrix(facts["T_up_from_down"])
    mesh = mesh_of(truth.with_suffix(".ply"))
    clouds = kept(store, name, "clouds", Clouds)
    rows, models = [], []
    for half, true in (("up", mesh), ("down", mesh.moved(T.inverse()))):
        row: dict[str, Any] = {"object": truth.stem, "half": half}
        rows.append(row)
        capture, nerf = kept(store, name, f"capture-{half}", Capture), kept(store, name, f"nerf-{half}", NerfHalf)
        if clouds is None or capture is None or nerf is None:
            continue
        cloud: Cloud = getattr(clouds[0], half)
        row |= judge(cloud, capture[0], true, d)
        row |= {"psnr": nerf[0].psnr, "iou": nerf[0].mask_iou, "seconds": nerf[1]}
        models.append(HalfModel(capture[0], nerf[0], cloud))
    if whole and len(models) == 2:
        fused = fuse(models[0], models[1], T, FuseParams(), np.random.default_rng(0))
        points = TriMesh(fused.vertices, fused.faces).sample(20_000, np.random.default_rng(0))[0]
        there, back = chamfer_parts(points, surface(truth.with_suffix(".ply")))
        rows[0]["fused"] = float(there.mean() + back.mean()) / 2 / d
    return rows


def score_halves(runs: Path, truth: Path, store: Path | None, whole: bool) -> list[dict[str, Any]]:
    """Two rows per object that has a truth."""
    root = Store(store or runs.resolve().parent / ".store")
    name = runs.resolve().name
    return [row for file in truths(truth) for row in score_object(root, f"{name}/{file.stem}", file, whole)]


def medians(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of every column, over the rows that have it."""
    names = [
        n for n in ("mean", "p95", "within", "cover", "psnr", "iou", "seconds", "fused") if any(n in r for r in rows)
    ]
    return {n: float(np.median([r[n] for r in rows if n in r])) for n in names}
