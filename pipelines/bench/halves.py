"""How good the halves' clouds are, by ground truth."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipelines.bench.score import truths
from pipelines.bucket import open_store
from pipelines.halves import kept
from pipelines.store import Store, Where
from registration.data.capture import Capture
from registration.data.crop import box_of
from registration.fuse.merge import fuse
from registration.fuse.params import FuseParams
from registration.geometry.distance import surface_distance
from registration.geometry.hull import signed_mask_distance
from registration.geometry.mesh import TriMesh, read_mesh
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array, Rigid
from registration.nerf.cloud import views_of
from registration.nerf.extract import blur_of, psnr
from registration.nerf.lamp import GREY, light_on
from registration.nerf.rays import SURE_PX
from registration.nerf.record import Cloud, Clouds, NerfHalf
from registration.nerf.views import photographs
from registration.progress import silent
from registration.sources.base import HalfModel

NEAR = 0.015
"""Points this near to the surface, as a share of the diameter, count as on it."""
SHADOWS = 0.25
"""Voxels above the true surface that its shadows are looked for from: it is exact, so that they may begin where it bends."""
SEEN_BY = 3
"""The surface that this many views see must be covered."""


def judge(cloud: Cloud, capture: Capture, mesh: TriMesh, d: float) -> dict[str, float]:
    """Mean and 95th percentile of the cloud's error, the share of it on the surface, the share of the seen surface it covers."""
    off = surface_distance(cloud.points, mesh, np.random.default_rng(0)) / d
    samples, face, _ = mesh.sample(20_000, np.random.default_rng(1))
    normals = mesh.face_normals()[face]
    views = views_of(samples, normals, capture, Caster(mesh.vertices, mesh.faces), 1e-3 * d, 0.15)
    missed = KDTree(cloud.points).query(samples[views >= SEEN_BY])[0] / d
    return {
        "mean": float(off.mean()), "p95": float(np.quantile(off, 0.95)), "within": float((off < NEAR).mean()),
        "cover": float((missed < NEAR).mean()),
    }  # fmt: skip


def likeness(half: NerfHalf, capture: Capture) -> dict[str, float]:
    """Median PSNR of the held-out views: in their masks' boxes, cut out by the masks as the photographs are, and not cut; and inside, a pixel off the border."""
    held = capture.only(half.held_out)
    images, _ = photographs(half, held.cameras, half.light[half.held_out])
    rows = []
    for image, rgb, mask in zip(images, held.rgb, held.mask, strict=True):
        x0, y0, x1, y1 = box_of(mask)
        off, cut = image - rgb / 255.0 * mask[..., None], (image - rgb / 255.0) * mask[..., None]
        rows.append((psnr(cut[y0:y1, x0:x1]), psnr(off[y0:y1, x0:x1]), psnr(off[signed_mask_distance(mask) > SURE_PX])))
    return dict(zip(("psnr", "uncut", "inside"), np.median(rows, 0).tolist(), strict=True))


def true_half(half: NerfHalf, capture: Capture, mesh: TriMesh) -> NerfHalf:
    """The true surface in one colour as a half, under the light that explains all images best on it, with the blur that suits those held out."""
    corners = mesh.vertices[mesh.faces].reshape(-1, 3)  # every triangle its own: it is flat, and its edges are sharp
    flat = TriMesh(corners, np.arange(len(corners)).reshape(-1, 3))
    light = light_on(capture, flat, GREY, SHADOWS * half.step).each().numpy()
    out = replace(
        half, step=SHADOWS * half.step, vertices=flat.vertices, faces=flat.faces, light=light,
        normals=np.repeat(mesh.face_normals(), 3, 0), vertex_colours=np.full(flat.vertices.shape, round(255 * GREY), np.uint8),
    )  # fmt: skip
    return replace(out, blur=blur_of(out, capture.only(half.held_out), light[half.held_out]))


def reachable(half: NerfHalf, capture: Capture, mesh: TriMesh) -> dict[str, float]:
    """What the images' PSNR is if the surface is the true one: masks that are off and noise are left."""
    return {f"{name}_true": value for name, value in likeness(true_half(half, capture, mesh), capture).items()}


def two_sided(vertices: Array, faces: NDArray, true: TriMesh, d: float) -> float:
    """Mean distance of 20,000 places of a mesh to the triangles of the true surface, and back; the mean of both."""
    mesh, rng = TriMesh(vertices, faces), np.random.default_rng(0)
    ways = (surface_distance(a.sample(20_000, rng)[0], b, rng).mean() for a, b in ((mesh, true), (true, mesh)))
    return float(np.mean([float(way) for way in ways])) / d


def wholes(models: list[HalfModel], T: Rigid, truth: Path, d: float, full: bool) -> dict[str, Any]:
    """How well both halves, brought together by the true transform, meet the true surface: fused, and trained jointly."""
    parts = [(models[0], Rigid.identity()), (models[1], T)]
    fused = fuse(parts, FuseParams(), np.random.default_rng(0))
    mesh = read_mesh(truth.with_suffix(".ply"))
    out: dict[str, Any] = {"fused": two_sided(fused.vertices, fused.faces, mesh, d)}
    if full:
        from registration.fuse.whole import whole_of
        from registration.nerf.params import FullParams

        with TemporaryDirectory() as folder:
            start, file = time.monotonic(), Path(folder) / "checkpoint.pt"
            model = whole_of(parts, fused, FullParams(), 0, "cpu", file, silent)
            out |= {"joint_seconds": time.monotonic() - start, "kept": model.joint}
        out["joint"] = two_sided(model.fused.vertices, model.fused.faces, mesh, d)
    return out


def score_object(store: Store, name: str, truth: Path, whole: bool, full: bool) -> list[dict[str, Any]]:
    """A row for each half; with ``whole`` also how well both, brought together by the true transform, meet the surface."""
    facts = json.loads(truth.read_text())
    d, T = float(facts["diameter"]), Rigid.from_matrix(facts["T_up_from_down"])
    mesh = read_mesh(truth.with_suffix(".ply"))
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
        row |= likeness(nerf[0], capture[0]) | {"iou": nerf[0].mask_iou, "seconds": float(nerf[1]["seconds"])}
        if whole:
            row |= reachable(nerf[0], capture[0], true)
        models.append(HalfModel(capture[0], nerf[0], cloud))
    if whole and len(models) == 2:
        rows[0] |= wholes(models, T, truth, d, full)
    return rows


def score_halves(runs: Path, truth: Path, store: Where | None, whole: bool, full: bool = False) -> list[dict[str, Any]]:
    """Two rows per object that has a truth."""
    root = open_store(store or runs.resolve().parent / ".store")
    name = runs.resolve().name
    return [row for file in truths(truth) for row in score_object(root, f"{name}/{file.stem}", file, whole, full)]


def medians(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of every column, over the rows that have it."""
    known = "mean", "p95", "within", "cover", "psnr", "psnr_true", "uncut", "uncut_true", "inside", "inside_true", "iou", "seconds", "fused", "joint", "joint_seconds"
    names = [n for n in known if any(n in r for r in rows)]
    return {n: float(np.median([r[n] for r in rows if n in r])) for n in names}
