"""A finished object whose records are made, not computed: two halves of a known body, and what was decided of them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import artifacts
from pipelines.chain import DEFAULT
from pipelines.report.page import make_report
from pipelines.report.record import Report
from pipelines.store import Store
from registration.fuse.params import ReportParams
from registration.fuse.record import Fused, Labels, Model
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds
from registration.verify.record import Registration, Verdict
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, pair_of

OTHER = Rigid.exp([0, 0, np.pi, 0, 0, 0])


def fused() -> Fused:
    """The body itself."""
    mesh, rng = knob(), np.random.default_rng(0)
    normals, (points, face, _) = mesh.vertex_normals(), mesh.sample(3000, rng)
    tint = np.full((len(mesh.vertices), 3), 140, np.uint8)
    return Fused(
        mesh.vertices, mesh.faces, normals, tint, points, mesh.face_normals()[face], np.full((3000, 3), 140, np.uint8),
        diameter(mesh.vertices), 0.97,
    )  # fmt: skip


def verdict(accepted: bool) -> Verdict:
    """The best hypothesis, one that gives the same model, one that gives another."""
    places = [T_TRUE, T_TRUE @ OTHER, OTHER @ T_TRUE]
    some = np.array([0.01, 0.012, 0.2])
    chance = np.array([0.9969, 0.0001]) if accepted else np.array([0.61, 0.36])
    return Verdict(
        T_up_from_down=np.array([T.as_matrix() for T in places]), mask=some, free=some, deep=some, apart=some, tilt=some,
        colour=some, bare=some, relief=some, lids=some, turned=np.array([170.0, 168, 12]), overlap=1 - some, chamfer_mm=some,
        cost=np.array([3.0, 3.4, 12.5]), moved=np.array([0, 0.004, 0.2]), group=np.array([0, 0, 1]), probability=chance,
        accepted=accepted, none=0.003, source=("shape", "shape", "print"), candidates=9, reasons=("it fits", "5 < 6 & more"),
        symmetries={},
    )  # fmt: skip


def registration(accepted: bool) -> Registration:
    """The verdict, refined."""
    found = verdict(accepted)
    told = tuple(
        {"T_up_from_down": found.T_up_from_down[n].tolist(), "confidence": float(found.probability[found.group[n]]), "same_model": n == 1}
        for n in ((1,) if accepted else (1, 2))
    )  # fmt: skip
    start = (Rigid.exp([0.02, 0, 0, 0.5, 0, 0]) @ T_TRUE).as_matrix()
    return Registration(
        T_TRUE, float(found.probability[0]), accepted, told, "shape", 9, 0.2, 0.7, fused().diameter_mm, 0.1, True, start,
        found.reasons, {},
    )  # fmt: skip


@cache
def records(accepted: bool = True, name: str = "made/obj_000001") -> dict[str, Any]:
    """All that the report stage is given, by the names of its inputs."""
    up, down = pair_of(knob())
    curve = np.stack([np.arange(1, 9) * 25.0, 0.3 / np.arange(1, 9)], 1)
    up, down = (replace(h, nerf=replace(h.nerf, curve=curve, odd=np.array([3]))) for h in (up, down))
    captures = [replace(h.capture, name=f"{name}_{half}") for h, half in ((up, "up"), (down, "down"))]
    return {
        "verify": verdict(accepted), "icp": registration(accepted), "labels": Labels({}),
        "model": Model(fused(), T_TRUE, True, (25.0, 26.0), (0.97, 0.96), (0.96, 0.95), ("moved a little",)),
        "clouds": Clouds(up.cloud, down.cloud, fused().diameter_mm), "nerf_up": up.nerf, "nerf_down": down.nerf,
        "capture_up": captures[0], "capture_down": captures[1],
    }  # fmt: skip


def made(accepted: bool = True, **changes: Any) -> Report:
    """The report of the made records."""
    r = records(accepted) | changes
    nerfs, captures = (r["nerf_up"], r["nerf_down"]), (r["capture_up"], r["capture_down"])
    return make_report(ReportParams(), r["verify"], r["icp"], r["model"], r["clouds"], nerfs, captures)


def result(accepted: bool = True) -> dict[str, Any]:
    """What result.json says."""
    icp = registration(accepted)
    return {
        "format": 1, "T_up_from_down": icp.T_up_from_down.as_matrix().tolist(), "confidence": icp.confidence,
        "accepted": accepted, "alternatives": list(icp.alternatives), "source": "shape", "chamfer_mm": 0.2, "diameter_mm": icp.diameter_mm,
        "silhouettes": [0.97, 0.96], "stages": {"capture-up": 0.8, "nerf-up": 97.0}, "versions": {"python": "3.11"},
        "command": "regpipe run --dataset made --objid 1", "keys": {"report": "k0"},
    }  # fmt: skip


def finished(out: Path, objid: int = 1, accepted: bool = True) -> Path:
    """A finished object on disk with its artifacts in the store, but no report yet."""
    name, store = f"made/obj_{objid:06d}", Store(out / ".store")
    given = records(accepted, name)
    for argument, stage in DEFAULT["report"].inputs.items():
        store.place(name, stage).commit("k0", {}, lambda folder, a=argument: artifacts.save(given[a], folder))
    inputs = dict.fromkeys(DEFAULT["report"].inputs, "k0")
    store.place(name, "report").commit("k0", {"inputs": inputs}, lambda folder: None)
    (out / name).mkdir(parents=True)
    (out / name / "result.json").write_text(json.dumps(result(accepted)))
    return out / name
