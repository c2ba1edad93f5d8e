"""A file that a killed training goes on from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from registration import resume
from registration.geometry.hull import Box
from registration.nerf.field import Field
from registration.nerf.fog import Fog
from registration.nerf.level import LIFTS, Level, assemble
from registration.nerf.light import Light
from registration.nerf.params import NerfParams
from registration.nerf.record import Coarse


@dataclass
class Progress:
    """How far a training is."""

    phase: int = 0
    """0 fog, then the levels of the surface: rough, coarse, those between, fine."""
    step: int = 0
    dice: torch.Generator = field(default_factory=lambda: torch.Generator(device="cpu"))
    curve: list[list[float]] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    """Views that the coarse surface does not explain; the fine one is trained without them."""
    lights: torch.Tensor | None = None
    """(views, lights) of the fog, by which lids are judged."""


def write(path: Path, at: Progress, body: dict[str, object]) -> None:
    """How far the training is, and its tables."""
    facts = {"phase": at.phase, "step": at.step, "dice": at.dice.get_state(), "curve": at.curve, "dropped": at.dropped, "lights": at.lights}
    resume.save(path, facts | body)


def read(path: Path, device: str) -> tuple[Progress, dict] | None:
    """How far, and the tables; None if there is nothing to go on from."""
    body = resume.load(path, device)
    if body is None:
        return None
    dice = torch.Generator(device="cpu")
    dice.set_state(body["dice"].cpu())
    lights = None if body["lights"] is None else body["lights"].cpu()
    return Progress(body["phase"], body["step"], dice, body["curve"], body["dropped"], lights), body


def fog_body(fog: Fog, optimiser: torch.optim.Optimizer) -> dict[str, object]:
    """What a fog is restored from, beside its hull."""
    tables = {name: t.detach() for name, t in fog.tables().items()}
    return {"tables": tables, "live": fog.live, "optimiser": optimiser.state_dict()}


def restore_fog(fog: Fog, optimiser: torch.optim.Optimizer, body: dict) -> None:
    """Go on where the fog was."""
    with torch.no_grad():
        for name, table in fog.tables().items():
            table.copy_(body["tables"][name])
    fog.live = body["live"]
    optimiser.load_state_dict(body["optimiser"])


def level_body(level: Level) -> dict[str, object]:
    """All of a level."""
    c = level.coarse
    coarse = None if c is None else (c.low.tolist(), c.step, torch.from_numpy(c.sdf))
    box, tables = level.field.box, {name: t.detach() for name, t in level.tables().items()}
    return {
        "tables": tables, "optimiser": level.optimiser.state_dict(), "low": box.low.tolist(), "voxel": box.step,
        "shape": list(box.shape), "rows": level.field.rows, "voxels": level.field.voxels, "bases": level.light.bases,
        "shared": level.light.shared, "gain": level.light.gain, "coarse": coarse,
        "slack": level.slack,
    }  # fmt: skip


def restore_level(body: dict, params: NerfParams) -> Level:
    """The level as it was."""
    t, shape = body["tables"], body["shape"]
    box = Box(np.array(body["low"]), body["voxel"], (shape[0], shape[1], shape[2]))
    light = Light(body["bases"], body["shared"], body["gain"])
    field_ = Field(box, body["rows"], body["voxels"], t["own"], t["colour"])
    level = assemble(field_, [t[f"lift{n}"] for n in range(len(LIFTS))], light, body["slack"], params)
    level.optimiser.load_state_dict(body["optimiser"])
    if body["coarse"] is not None:
        low, step, sdf = body["coarse"]
        level.coarse = Coarse(np.array(low), step, sdf.cpu().numpy())
    return level
