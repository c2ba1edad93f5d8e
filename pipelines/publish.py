"""From finished artifacts to the folder the user reads: contract.md's files, result.json last."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipelines.execute import Run
from pipelines.pairs import FIRST, names_of
from pipelines.report.finished import write_report
from pipelines.report.made import command
from pipelines.results import TOLD, read_result
from pipelines.store import STALE_SECONDS, versions, write_whole
from registration.data.archive import merge
from registration.fuse.record import Model
from registration.geometry.rigid import Rigid
from registration.verify.record import Joined, Registration

LAST = ("nerf-full", "labels", "report")
NEEDED = ("icp", *LAST)
"""The stages whose answers the results of two captures are made of."""


def needed(run: Run) -> tuple[str, ...]:
    """The same of any number of captures."""
    return ("join", *LAST) if "join" in run.graph.stages else NEEDED


def publish(run: Run, out: Path, objid: int) -> dict[str, Any]:
    """Write the results, unless they are there already; the content of result.json."""
    old = standing(run, out, objid)
    if old is not None:
        return old
    found, model, labels, report = (run.record(name) for name in needed(run))
    metric, found, model = found.metric or bool(model.known_mm), found.scaled(model.grown), model.scaled(model.grown)
    result = {
        "format": 1,
        "T_up_from_down": model.T_up_from_down.after_scale(model.scale).tolist(),
        "scale": model.scale,
        "metric": metric,
        "confidence": round(found.confidence, 4),
        "accepted": bool(found.accepted),
        "chamfer_mm": found.chamfer_mm,
        "diameter_mm": model.fused.diameter_mm,
        "reasons": list(found.reasons),
        **(of_many(run, found, model) if "join" in run.graph.stages else of_two(found, model)),
        "model": {
            "joint": bool(model.joint),
            "psnr_db": list(model.psnr),
            "mask_iou": list(model.mask_iou),
            "notes": list(model.notes),
        },
        "stages": {name: run.seconds[name] for name in run.graph.order if name in run.seconds},
        "versions": versions(),
        "silhouettes": list(report.silhouettes),
        "command": command_of(run),
        "keys": keys_of(run),
    }
    with exchanged(out) as beside:
        write_models(beside, model.fused, objid)
        for name, body in labels.files.items():
            write_whole(beside / "labels" / name, json.dumps(body, indent=1))
        write_report(beside, report, result)
        write_whole(beside / "result.json", json.dumps(result, indent=1))
    return result


def of_two(icp: Registration, model: Model) -> dict[str, Any]:
    """What result.json tells of two captures alone."""
    return {
        "unit_mm": dict(zip(FIRST, icp.unit_mm, strict=True)),
        "alternatives": [in_own_units(entry, model.scale) for entry in icp.alternatives],
        "source": icp.source,
        "candidates": icp.candidates,
    }


def of_many(run: Run, join: Joined, model: Model) -> dict[str, Any]:
    """What it tells of more: where each capture lies, and what became of every pair."""
    names = names_of(len(run.externals))
    placed = {
        names[n]: {"T_model_from_capture": T.after_scale(scale).tolist(), "scale": scale, "unit_mm": unit}
        for n, T, scale, unit in zip(join.placed, model.places, model.scales, join.unit_mm, strict=True)
    }
    folders = {name: str(getattr(run.externals[name].value, "folder", "")) for name in names}
    return {
        "unit_mm": {name: entry["unit_mm"] for name, entry in placed.items()},
        "alternatives": [],
        "source": "pairs",
        "candidates": len(join.pairs),
        "captures": {name: {"folder": folders[name], "placed": name in placed, **placed.get(name, {})} for name in names},
        "pairs": [{**pair, "a": names[pair["a"]], "b": names[pair["b"]]} for pair in join.pairs],
    }


def in_own_units(entry: dict[str, Any], scale: float) -> dict[str, Any]:
    """An alternative as result.json tells it: of points of down as they were read."""
    if scale == 1:
        return entry
    return entry | {"T_up_from_down": Rigid.from_matrix(entry["T_up_from_down"]).after_scale(scale).tolist()}


def standing(run: Run, out: Path, objid: int) -> dict[str, Any] | None:
    """The content of result.json, if all results of this very run are there."""
    old = read_result(out)
    if old is None or not set(old) >= TOLD or old["keys"] != keys_of(run):
        return None
    captures = [name for name, entry in old.get("captures", {}).items() if entry["placed"]] or FIRST
    return old if all(p.exists() for p in published(out, objid, captures)) else None


def keys_of(run: Run) -> dict[str, str]:
    """Of the artifacts that the results are made of."""
    return {name: run.keys[name] for name in needed(run)}


@contextmanager
def exchanged(out: Path) -> Iterator[Path]:
    """A folder whose files replace those of ``out`` if all could be written; until then the old result stands."""
    for left in out.glob(".publish-*"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    beside = out / f".publish-{uuid4().hex[:8]}"
    beside.mkdir(parents=True)
    try:
        yield beside
        (out / "result.json").unlink(missing_ok=True)  # no result while old and new files stand side by side
        merge(beside, out, last="result.json")
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def command_of(run: Run) -> str:
    """What repeats a run."""
    names = names_of(len(run.externals))
    folders = [str(getattr(run.externals[name].value, "folder", "")) for name in names if name in run.externals]
    return command(run.name, run.config, folders)


def published(out: Path, objid: int, captures: Iterable[str] = FIRST) -> list[Path]:
    """Every file a finished object has."""
    labels = [f"labels/{name}/{file}" for name in captures for file in ("scene_gt.json", "scene_camera.json")]
    rest = [
        "model.ply",
        "cloud.ply",
        "report/index.html",
        "report/chamfer.csv",
        "report/chamfer.json",
        "report/chamfer.xlsx",
        "labels/models/models_info.json",
    ]
    return [out / name for name in [*rest, *labels, f"labels/models/obj_{objid:06d}.ply"]]


def write_models(out: Path, fused: Any, objid: int) -> None:
    """model.ply, cloud.ply and the labels' model."""
    from registration.geometry.ply import write_ply

    model = out / "labels" / "models" / f"obj_{objid:06d}.ply"
    model.parent.mkdir(parents=True, exist_ok=True)
    write_ply(out / "model.ply", fused.vertices, fused.normals, fused.colours, fused.faces)
    write_ply(out / "cloud.ply", fused.points, fused.point_normals, fused.point_colours)
    shutil.copyfile(out / "model.ply", model)
