"""Halves of different objects, registered: whatever is accepted is wrong."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.bucket import open_store
from pipelines.store import Place, Store, Where
from registration.data.capture import Capture, Half
from registration.errors import UserError
from registration.geometry.mesh import diameter
from registration.nerf.record import Clouds, NerfHalf
from registration.progress import Tick, silent
from registration.sources.base import HalfModel, Hypotheses
from registration.sources.catalogue import load
from registration.sources.params import PosesParams
from registration.verify.decide import verify
from registration.verify.params import VerifyParams

SOURCES = ("shape", "print")
TOLD = ("mask", "free", "deep", "bare", "overlap")
"""What is told of the best hypothesis."""


def parts_of(store: Store, name: str, half: Half) -> tuple[tuple[Place, str], ...] | None:
    """Places and keys of the newest clouds and of the capture and the field that they were drawn from; None if one is missing."""
    clouds = store.place(name, "clouds")
    manifest = clouds.newest()
    if manifest is None:
        return None
    inputs = [
        (store.place(name, f"{stage}-{half}"), manifest["inputs"].get(f"{stage}_{half}", "-"))
        for stage in ("capture", "nerf")
    ]
    return ((clouds, manifest["key"]), *inputs) if all(place.manifest(key) for place, key in inputs) else None


def half_of(store: Store, name: str, half: Half) -> HalfModel:
    """One half out of the store."""
    found = parts_of(store, name, half)
    if found is None:
        raise UserError(f"the half {half} is not there", store.where(name), "regpipe run --until clouds makes it")
    kinds = (Clouds, Capture, NerfHalf)
    clouds, capture, nerf = (place.load(kind, key) for kind, (place, key) in zip(kinds, found, strict=True))
    return HalfModel(capture, nerf, getattr(clouds, half))


def objects_in(store: Store, name: str) -> list[str]:
    """Objects of a data set of which both halves are kept."""
    there = [n.removeprefix(f"{name}/") for n in store.names() if n.startswith(f"{name}/obj_")]
    return [n for n in there if parts_of(store, f"{name}/{n}", "up") and parts_of(store, f"{name}/{n}", "down")]


def drawn(objects: list[str], pairs: int, seed: int) -> list[tuple[str, str]]:
    """Pairs of different objects, none twice; more of them go on where fewer stopped."""
    all_pairs = [(up, down) for up in objects for down in objects if up != down]
    order = np.random.default_rng(seed).permutation(len(all_pairs))
    return [all_pairs[k] for k in order[:pairs]]


def meet(
    up: HalfModel, down: HalfModel, rng: np.random.Generator, poses: PosesParams, params: VerifyParams
) -> dict[str, Any]:
    """Register two halves, and tell what verification holds of it."""
    start = time.monotonic()
    guesses = [g for name in SOURCES for g in load(name).fit(up, poses, rng, silent).propose(down, rng, silent)]
    size = max(diameter(half.nerf.vertices) for half in (up, down))
    verdict = verify(up, down, Hypotheses.of(guesses), size, params, rng, silent)
    return {
        "accepted": bool(verdict.accepted),
        "confidence": float(verdict.probability[0]),
        "source": verdict.source[0],
        "candidates": verdict.candidates,
        **{name: float(getattr(verdict, name)[0]) for name in TOLD},
        "seconds": time.monotonic() - start,
    }


def strangers(
    runs: Path, store: Where | None, pairs: int, seed: int, tick: Tick = silent, poses: PosesParams | None = None,
    params: VerifyParams | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row per pair; with the parameters' defaults if none are given."""
    root, name = open_store(store or runs.resolve().parent / ".store"), runs.resolve().name
    objects = objects_in(root, name)
    if len(objects) < 2:
        there = f"{len(objects)} object{'' if len(objects) == 1 else 's'} with both halves"
        mend = "two are needed: regpipe run --until clouds makes halves; --store names the place"
        raise UserError(there, root.where(name), mend)
    rows, chosen = [], drawn(objects, pairs, seed)
    for n, (one, other) in enumerate(chosen):
        up, down = half_of(root, f"{name}/{one}", "up"), half_of(root, f"{name}/{other}", "down")
        rng = np.random.default_rng([seed, n])
        rows.append({"up": one, "down": other} | meet(up, down, rng, poses or PosesParams(), params or VerifyParams()))
        tick(n + 1, len(chosen))
    return rows
