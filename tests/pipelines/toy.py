"""A graph of tiny stages whose runs are counted."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.bucket import open_store
from pipelines.execute import External, Run
from pipelines.graph import Graph, Stage
from pipelines.presets import Config
from pipelines.stages.context import Context
from pipelines.store import Where
from registration.errors import UserError


@dataclass(frozen=True, eq=False)
class Numbers:
    """What the toy stages answer."""

    values: np.ndarray
    note: str


def first(ctx: Context, params: Any, spec: int) -> Numbers:
    """Chance and a number from outside."""
    return Numbers(ctx.rng.normal(size=5) + spec, f"skip {params.skip_bad}")


def second(ctx: Context, params: Any, one: Numbers) -> Numbers:
    """Depends on its input and its parameters; can be told to die, to fail or to take its time."""
    (ctx.scratch / "checkpoint").write_text("half way")
    time.sleep(float(os.environ.get("TOY_SLOW", "0")))
    if os.environ.get("TOY_KILL") == "second":
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("TOY_FAIL") == "second":
        raise UserError("the toy is broken", "second", "unset TOY_FAIL")
    return Numbers(one.values * params.points, one.note)


def named(ctx: Context, params: Any, one: Numbers) -> Numbers:
    """Knows which stage it is; takes a while."""
    time.sleep(0.05)
    return Numbers(one.values * len(ctx.stage), ctx.stage)


def third(ctx: Context, params: Any, two: Numbers) -> Numbers:
    """The end of the chain."""
    return Numbers(two.values + params.max_iterations, two.note)


def asker(ctx: Context, params: Any, one: Numbers, ask: dict[str, Any]) -> Numbers:
    """Asks for the cheap branch, and for the dear one only if its answer is small."""
    values = ask["cheap"]().values
    if params.points > 5000:
        values = values + ask["dear"]().values
    return Numbers(values + one.values, one.note)


HERE, RECORD = "tests.pipelines.toy", "tests.pipelines.toy:Numbers"
GRAPH = Graph(
    [
        Stage("capture-up", "capture", f"{HERE}:first", RECORD, {}, "up"),
        Stage("clouds", "clouds", f"{HERE}:second", RECORD, {"one": "capture-up"}),
        Stage("side", "verify", f"{HERE}:second", RECORD, {"one": "capture-up"}),
        Stage("icp", "icp", f"{HERE}:third", RECORD, {"two": "clouds"}),
    ]
)


ASKING = Graph(
    [
        Stage("capture-up", "capture", f"{HERE}:first", RECORD, {}, "up"),
        Stage("far", "nerf", f"{HERE}:named", RECORD, {"one": "capture-up"}),
        Stage("poses-cheap", "poses", f"{HERE}:named", RECORD, {"one": "capture-up"}),
        Stage("poses-dear", "poses", f"{HERE}:named", RECORD, {"one": "far"}),
        Stage("verify", "verify", f"{HERE}:asker", RECORD, {"one": "capture-up"}, None, {"cheap": "poses-cheap", "dear": "poses-dear"}),
        Stage("icp", "icp", f"{HERE}:third", RECORD, {"two": "verify"}),
    ]
)  # fmt: skip


class Quiet:
    """Remembers what ran and why."""

    def __init__(self) -> None:
        self.reasons: dict[str, list[str]] = {}

    def starts(self, stage: str, reasons: list[str]) -> None:
        """Note it."""
        self.reasons[stage] = reasons

    def tick(self, stage: str, done: int, total: int) -> None:
        """Nothing."""

    def ends(self, stage: str, seconds: float, fresh: bool) -> None:
        """Nothing."""


def toy(root: Where, config: Config | None = None, number: int = 3, graph: Graph = GRAPH) -> Run:
    """A run of a toy graph."""
    return Run(
        graph, open_store(root), "toy/obj_000001", config or Config(), {"up": External(number, f"fp{number}")}, Quiet()
    )


def digests(run: Run) -> dict[str, Any]:
    """What every artifact holds."""
    return {name: (run.place(name).manifest(run.keys[name]) or {}).get("files") for name in run.graph.order}


if __name__ == "__main__":
    import sys

    toy(sys.argv[1]).go()
