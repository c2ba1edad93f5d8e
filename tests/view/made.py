"""A finished object in a store, without a run: exact halves, a verdict that is a little off, the ICP's own answer."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import artifacts
from pipelines.store import Store, write_whole
from registration.fuse.record import Fused, Labels, Model
from registration.geometry.mesh import diameter
from registration.geometry.ply import write_ply
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds
from registration.sources.base import HalfModel, Hypotheses
from registration.verify.params import IcpParams
from registration.verify.record import Verdict
from registration.verify.refine import refine
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, pair_of

SEED = 3
PARAMS = IcpParams(points=1500)
T_START = Rigid.exp([0.012, -0.01, 0.015, 0.4, -0.3, 0.5]) @ T_TRUE
KEYS = {
    "capture-up": "a1", "capture-down": "a2", "nerf-up": "b1", "nerf-down": "b2", "clouds": "c0", "poses-shape": "d0",
    "verify": "e0", "icp": "f0", "fuse": "ab", "nerf-full": "ac", "labels": "ad",
}  # fmt: skip
HALVES = ("capture-up", "capture-down", "nerf-up", "nerf-down")


@cache
def halves() -> tuple[HalfModel, HalfModel]:
    """Both halves of one body."""
    return pair_of(knob())


def verdict_on(starts: list[Rigid]) -> Verdict:
    """Two models, the first one accepted."""
    n = len(starts)
    zeros = {
        name: np.zeros(n) for name in ("mask", "free", "deep", "apart", "tilt", "colour", "bare", "relief", "lids", "turned", "moved")
    }
    return Verdict(
        T_up_from_down=np.array([T.as_matrix() for T in starts]), **zeros, overlap=np.ones(n), chamfer_mm=np.full(n, 0.3),
        cost=10.0 * np.arange(n), group=np.arange(n), probability=np.array([0.95] + [0.05 / max(1, n - 1)] * (n - 1)), accepted=True, none=0.0,
        source=("shape",) * n, candidates=n, reasons=("it fits",), symmetries={},
    )  # fmt: skip


@cache
def records() -> dict[str, Any]:
    """Stage -> its answer."""
    up, down = halves()
    d = diameter(up.cloud.points)
    clouds = Clouds(up.cloud, down.cloud, d)
    starts = [T_START, Rigid.exp([0, 0, np.pi, 0, 0, 0]) @ T_START]
    verdict = verdict_on(starts)
    rng = np.random.default_rng([SEED, zlib.crc32(b"icp")])
    icp = refine(up, down, verdict, d, PARAMS, rng)
    mesh = knob()
    tint = np.full((len(mesh.vertices), 3), 90, np.uint8)
    fused = Fused(
        mesh.vertices,
        mesh.faces,
        mesh.vertex_normals(),
        tint,
        up.cloud.points,
        up.cloud.normals,
        up.cloud.colours,
        d,
        0.97,
    )
    joint = Rigid.exp([0.002, 0, 0, 0.05, 0, 0]) @ icp.T_up_from_down
    return {
        "capture-up": up.capture, "capture-down": down.capture, "nerf-up": up.nerf, "nerf-down": down.nerf, "clouds": clouds,
        "poses-shape": Hypotheses(verdict.T_up_from_down, np.array([0.9, 0.4]), ("shape", "shape")), "verify": verdict, "icp": icp,
        "fuse": fused, "nerf-full": Model(fused, joint, True, (25.0, 26.0), (0.97, 0.96), (0.96, 0.95), ()), "labels": Labels({}),
    }  # fmt: skip


INPUTS = {
    "nerf-up": ("capture-up",), "nerf-down": ("capture-down",), "clouds": HALVES, "poses-shape": ("clouds", *HALVES),
    "verify": ("clouds", *HALVES), "icp": ("verify", "clouds", *HALVES), "fuse": ("icp", "clouds", *HALVES),
    "nerf-full": ("icp", "fuse", "clouds", *HALVES), "labels": ("icp", "capture-up", "capture-down"),
}  # fmt: skip


def keep(store: Path, name: str, stage: str, key: str | None = None, **inputs: str) -> None:
    """One artifact, as a run would have kept it."""
    made_of = {i.replace("-", "_"): KEYS[i] for i in INPUTS.get(stage, ())} | inputs
    facts = {
        "stage": stage,
        "inputs": made_of,
        "params": asdict(PARAMS) if stage == "icp" else {},
        "seed": SEED,
        "seconds": 1.5,
    }
    record = records()[stage]
    Store(store).place(name, stage).commit(key or KEYS[stage], facts, lambda folder: artifacts.save(record, folder))


def kept_run(out: Path, name: str = "toys/obj_000001", until: str = "labels") -> Path:
    """All artifacts up to a stage; the results folder."""
    order = list(KEYS)
    for stage in order[: order.index(until) + 1]:
        keep(out / ".store", name, stage)
    return out


def publish(out: Path, name: str = "toys/obj_000001", **changes: Any) -> Path:
    """The files of a result that viewers read; its folder."""
    folder, model, icp = out / name, records()["nerf-full"], records()["icp"]
    result = {
        "format": 1, "T_up_from_down": model.T_up_from_down.as_matrix().tolist(), "confidence": icp.confidence, "accepted": True,
        "alternatives": [{"T_up_from_down": T_START.as_matrix().tolist(), "confidence": 0.2, "same_model": True}],
        "source": "shape", "candidates": 2, "chamfer_mm": 0.3, "diameter_mm": 60.0, "reasons": ["it fits"],
        "model": {"psnr_db": [25.0, 27.0], "mask_iou": [0.9, 0.92]}, "stages": {"icp": 1.5, "clouds": 2.5}, "versions": {"numpy": "2"},
    } | changes  # fmt: skip
    fused = model.fused
    folder.mkdir(parents=True, exist_ok=True)
    write_ply(folder / "model.ply", fused.vertices, fused.normals, fused.colours, fused.faces)
    write_whole(folder / "result.json", json.dumps(result))
    write_whole(folder / "report" / "index.html", f"<!doctype html><title>r</title><h1>Report of {name}</h1>")
    return folder
