"""How good registrations are, by ground truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.bench.bop import score_labels
from pipelines.bucket import open_store
from pipelines.results import read_result
from pipelines.store import Where
from registration.errors import UserError
from registration.geometry.distance import chamfer_parts
from registration.geometry.mesh import read_mesh
from registration.geometry.pose_error import symmetries_of
from registration.geometry.rigid import Array, Rigid

POINTS = 20_000


def surface(file: Path) -> Array:  # (n, 3)
    """Even points on a mesh file, always the same ones."""
    return read_mesh(file).sample(POINTS, np.random.default_rng(0))[0]


def truths(folder: Path) -> list[Path]:
    """The truth of every object."""
    files = sorted(folder.glob("obj_*.json")) if folder.is_dir() else []
    if not files:
        raise UserError("no truth", folder, "expected obj_NNNNNN.json and .ply")
    return files


def judged(T: Rigid, facts: dict[str, Any], true: Array) -> dict[str, Any]:  # (n, 3)
    """How far a transform moves the true surface off where it belongs, shares of the diameter, and whether that is right.

    ``degrees`` is the turn to the nearest of the poses that the truth's symmetries name.
    """
    G, d = Rigid.from_matrix(facts["T_up_from_down"]), float(facts["diameter"])
    a, b = chamfer_parts(T.apply(G.inverse().apply(true)), true)
    degrees = min(T.angle_deg(symmetry @ G) for symmetry in symmetries_of(facts))
    mean = float(a.mean()) / d
    h95 = float(max(np.quantile(a, 0.95), np.quantile(b, 0.95))) / d
    right = bool(h95 < 0.02 and (degrees < 5 or not facts.get("textured")))
    return {"degrees": degrees, "mean": mean, "h95": h95, "right": right, "loose": bool(mean < 0.1)}


def score_one(run: Path, truth: Path, store: Where | None = None) -> dict[str, Any]:
    """One object's row; distances as shares of the diameter, recalls of the labels as BOP counts them.

    The store, which need not be there, is beside ``run`` if it is not named.
    """
    facts, result = json.loads(truth.read_text()), read_result(run / truth.stem)
    row: dict[str, Any] = {"object": truth.stem}
    if result is None:
        return row
    true, d = surface(truth.with_suffix(".ply")), float(facts["diameter"])
    found = judged(Rigid.from_similarity(result["T_up_from_down"]), facts, true)
    row |= {
        "accepted": result["accepted"],
        "confidence": result["confidence"],
        "degrees": found["degrees"],
        "seconds": float(sum(result["stages"].values())),
    } | found
    if (run / truth.stem / "model.ply").exists():
        c, e = chamfer_parts(surface(run / truth.stem / "model.ply"), true)
        row |= {"chamfer": float(c.mean() + e.mean()) / 2 / d, "complete": float((e < 0.02 * d).mean())}
    run = run.resolve()
    kept = open_store(store or run.parent / ".store")
    return row | score_labels(run / truth.stem, result, facts, read_mesh(truth.with_suffix(".ply")), kept)


def score_all(runs: Path, truth: Path, store: Where | None = None) -> list[dict[str, Any]]:
    """A row per object that has a truth."""
    return [score_one(runs, file, store) for file in truths(truth)]
