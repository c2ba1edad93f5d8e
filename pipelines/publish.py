"""From finished artifacts to the folder the user reads: contract.md's files, result.json last."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipelines.execute import Run
from pipelines.report.finished import write_report
from pipelines.report.made import command
from pipelines.results import read_result
from pipelines.store import versions, write_whole

NEEDED = ("icp", "nerf-full", "labels", "report")


def publish(run: Run, out: Path, objid: int) -> dict[str, Any]:
    """Write the results, unless they are there already; the content of result.json."""
    keys = {name: run.keys[name] for name in NEEDED}
    old = read_result(out)
    if old is not None and old.get("keys") == keys and all(p.exists() for p in published(out, objid)):
        return old
    icp, model, labels, report = (run.record(name) for name in NEEDED)
    out.mkdir(parents=True, exist_ok=True)
    (out / "result.json").unlink(missing_ok=True)  # the other files are about to change: no result until they all have
    write_models(out, model.fused, objid)
    for name, body in labels.files.items():
        write_whole(out / "labels" / name, json.dumps(body, indent=1))
    result = {
        "format": 1,
        "T_up_from_down": model.T_up_from_down.as_matrix().tolist(),
        "scale": 1.0,
        "confidence": round(icp.confidence, 4),
        "accepted": bool(icp.accepted),
        "alternatives": list(icp.alternatives),
        "source": icp.source,
        "candidates": icp.candidates,
        "chamfer_mm": icp.chamfer_mm,
        "diameter_mm": model.fused.diameter_mm,
        "reasons": list(icp.reasons),
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
        "keys": keys,
    }
    write_report(out, report, result)
    write_whole(out / "result.json", json.dumps(result, indent=1))
    return result


def command_of(run: Run) -> str:
    """What repeats a run."""
    folders = tuple(
        str(getattr(run.externals[half].value, "folder", "")) for half in ("up", "down") if half in run.externals
    )
    return command(run.name, run.config, (folders[0], folders[1]) if len(folders) == 2 else None)


def published(out: Path, objid: int) -> list[Path]:
    """Every file a finished object has."""
    labels = [f"labels/{half}/{name}" for half in ("up", "down") for name in ("scene_gt.json", "scene_camera.json")]
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
    """model.ply, cloud.ply and the labels' model, each written beside and renamed."""
    from registration.geometry.ply import write_ply

    (out / "labels" / "models").mkdir(parents=True, exist_ok=True)
    model = out / "labels" / "models" / f"obj_{objid:06d}.ply"
    mark = uuid4().hex[:8]
    write_ply(out / f".model-{mark}.ply", fused.vertices, fused.normals, fused.colours, fused.faces)
    write_ply(out / f".cloud-{mark}.ply", fused.points, fused.point_normals, fused.point_colours)
    shutil.copyfile(out / f".model-{mark}.ply", model.with_name(f".{mark}.ply"))
    model.with_name(f".{mark}.ply").replace(model)
    (out / f".model-{mark}.ply").replace(out / "model.ply")
    (out / f".cloud-{mark}.ply").replace(out / "cloud.ply")
