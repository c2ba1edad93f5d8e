"""Training curves: those that artifacts kept, and those of TensorBoard's event files below a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipelines.store import Store
from registration.errors import MissingExtra, require

EVENTS = "events.out.tfevents.*"
POINTS = 1_000
"""Of a curve, at most: more than a screen shows."""


def kept_curves(store: Store, name: str) -> dict[str, list[tuple[float, float]]]:
    """Stage -> (step, error of the colours) of both halves' newest fields; empty where another program trained."""
    out = {}
    for stage in ("nerf-up", "nerf-down"):
        place = store.place(name, stage)
        manifest = place.newest()
        if manifest is None or place.damage(manifest["key"]) is not None:
            continue
        with np.load(place.of(manifest["key"]) / "arrays.npz", allow_pickle=False) as arrays:
            curve = arrays["curve"] if "curve" in arrays.files else np.zeros((0, 2))
        if curve.ndim == 2 and curve.shape[1] == 2 and len(curve):
            out[stage] = [(float(x), float(y)) for x, y in thinned(curve)]
    return out


def event_folders(root: Path) -> list[Path]:
    """Folders with event files below a run, its store too."""
    return sorted({p.parent for p in root.rglob(EVENTS) if p.is_file()})


def scalars(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Tag -> (step, value) of one folder's event files; raises MissingExtra without tensorboard."""
    try:
        reader: Any = require("tensorboard.backend.event_processing.event_accumulator", "dashboard")
    except MissingExtra as error:
        raise MissingExtra("tensorboard reads these curves", folder, "pip install tensorboard") from error
    events = reader.EventAccumulator(str(folder), size_guidance={reader.SCALARS: POINTS, reader.TENSORS: POINTS})
    events.Reload()
    out = {tag: [(float(e.step), float(e.value)) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    for tag in events.Tags()["tensors"]:  # newer writers keep single numbers as tensors
        try:
            values = [
                (float(e.step), float(reader.tensor_util.make_ndarray(e.tensor_proto))) for e in events.Tensors(tag)
            ]
        except (TypeError, ValueError):
            continue
        out[tag] = values
    return out


def thinned(curve: np.ndarray) -> np.ndarray:  # (n, 2)
    """At most so many of its points, evenly chosen."""
    pick = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), POINTS)).round().astype(int))
    return curve[pick]
