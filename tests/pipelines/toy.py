"""A graph of tiny stages whose runs are counted."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.bucket import open_store
from pipelines.engines.board import Outcome, Row
from pipelines.engines.estimate import Expected
from pipelines.engines.job import Engine, Order
from pipelines.engines.schedule import Scheduler, Wish
from pipelines.execute import External, Run
from pipelines.graph import Graph, Needs, Stage
from pipelines.presets import Config, changed
from pipelines.stages.context import Context
from pipelines.store import Store, Where
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


def greedy(ctx: Context, params: Any, one: Numbers) -> Numbers:
    """Takes more memory than there is, or dies of it, unless its batch is small; TOY_HUNGER tells how."""
    how = os.environ.get("TOY_HUNGER", "")
    if params.rays > int(os.environ.get("TOY_ENOUGH", "1500")):
        if how == "rlimit":
            limit_memory(256)
            np.ones((1024, 2**20))
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "cuda":
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    return Numbers(one.values * params.rays, one.note)


def limit_memory(more_mib: int) -> None:
    """As on a machine that has only so much more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_mib * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def named(ctx: Context, params: Any, one: Numbers) -> Numbers:
    """Knows which stage it is; takes a while, or waits until another one is there too."""
    if "TOY_MEET" in os.environ:
        meet(Path(os.environ["TOY_MEET"]), ctx.stage)
    time.sleep(float(os.environ.get("TOY_SECONDS", "0.05")))
    return Numbers(one.values * len(ctx.stage), ctx.stage)


def meet(folder: Path, stage: str) -> None:
    """Nobody comes on if the others only run afterwards."""
    (folder / stage).touch()
    until = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2:
        if time.monotonic() > until:
            raise UserError("nobody came", stage, "run both at once")
        time.sleep(0.02)


def third(ctx: Context, params: Any, two: Numbers) -> Numbers:
    """The end of the chain."""
    return Numbers(two.values + params.max_iterations, two.note)


def asker(ctx: Context, params: Any, one: Numbers, ask: dict[str, Any]) -> Numbers:
    """Asks for the cheap branch, and for the dear one only if its answer is small."""
    values = ask["cheap"]().values
    if params.points > 5000:
        values = values + ask["dear"]().values
    return Numbers(values + one.values, one.note)


def both(ctx: Context, params: Any, one: Numbers, two: Numbers) -> Numbers:
    """Depends on two that do not depend on each other."""
    return Numbers(one.values + two.values + ctx.rng.normal(), one.note + two.note)


HERE, RECORD = "tests.pipelines.toy", "tests.pipelines.toy:Numbers"
GRAPH = Graph(
    [
        Stage("capture-up", "capture", f"{HERE}:first", RECORD, {}, "up"),
        Stage("clouds", "clouds", f"{HERE}:second", RECORD, {"one": "capture-up"}),
        Stage("side", "verify", f"{HERE}:second", RECORD, {"one": "capture-up"}),
        Stage("icp", "icp", f"{HERE}:third", RECORD, {"two": "clouds"}),
    ]
)
PAIR = Graph(
    [
        Stage("capture-up", "capture", f"{HERE}:first", RECORD, {}, "up"),
        Stage("nerf-up", "nerf", f"{HERE}:named", RECORD, {"one": "capture-up"}),
        Stage("nerf-down", "nerf", f"{HERE}:named", RECORD, {"one": "capture-up"}),
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
FORK = Graph(
    [
        Stage("capture-up", "capture", f"{HERE}:first", RECORD, {}, "up"),
        Stage("embedding-up", "embedding", f"{HERE}:named", RECORD, {"one": "capture-up"}),
        Stage("embedding-down", "embedding", f"{HERE}:named", RECORD, {"one": "capture-up"}),
        Stage("poses-cheap", "clouds", f"{HERE}:second", RECORD, {"one": "capture-up"}),
        Stage("poses-dear", "poses", f"{HERE}:both", RECORD, {"one": "embedding-up", "two": "embedding-down"}),
        Stage("verify", "verify", f"{HERE}:asker", RECORD, {"one": "capture-up"}, None, {"cheap": "poses-cheap", "dear": "poses-dear"}),
        Stage("icp", "icp", f"{HERE}:third", RECORD, {"two": "verify"}),
    ]
)
INSISTING = changed(Config(), "verify", "points", "6000", "toy")
"""With these the asker asks for the dear branch, too."""
GREEDY = Graph(
    [
        Stage("capture-up", "capture", f"{HERE}:first", RECORD, {}, "up"),
        Stage("nerf-up", "nerf", f"{HERE}:greedy", RECORD, {"one": "capture-up"}, needs=Needs(batch="rays", lower="nerf.rays")),
        Stage("nerf-full", "full", f"{HERE}:greedy", RECORD, {"one": "capture-up"}, needs=Needs(lower="full.rays")),
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


def all_at_once(runs: list[Run]) -> None:
    """Runs of one store side by side: each stage is made by one of them."""
    threads = [threading.Thread(target=run.go) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for run in runs for name in run.ran) == sorted(runs[0].graph.order)
    assert {step.state for step in runs[0].plan()} == {"fresh"}


class Noted:
    """A board that remembers what it was told."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.ended: list[tuple[str, str, bool]] = []
        self.logged: list[str] = []
        self.warned: list[str] = []
        self.closed: list[Outcome] = []
        self.rows: list[Row] = []
        self.most = 0

    def opens(self, name: str, fresh: list[str]) -> None:
        """Note it."""
        self.opened.append(name)

    def starts(self, name: str, stage: str, reasons: list[str]) -> None:
        """Nothing."""

    def ends(self, name: str, stage: str, seconds: float, fresh: bool) -> None:
        """Note it."""
        self.ended.append((name, stage, fresh))

    def log(self, name: str, record: dict[str, Any]) -> None:
        """Note the words."""
        self.logged.append(str(record["msg"]))

    def warns(self, name: str, text: str) -> None:
        """Note it."""
        self.warned.append(text)

    def closes(self, outcome: Outcome) -> None:
        """Note it."""
        self.closed.append(outcome)

    def shows(self, rows: list[Row], closed: int, objects: int, left: float) -> None:
        """Note how many stages ran at once."""
        self.rows = rows or self.rows
        self.most = max([self.most, *(len(row.active) for row in rows)])


def wish(root: Path, number: int, graph: Graph = GRAPH, config: Config | None = None) -> Wish:
    """One of many toy objects."""
    name = f"toy/obj_{number:06d}"
    order = Order(graph, Store(root), name, config or Config(), {"up": External(number, f"fp{number}")})
    return Wish(name, lambda: order)


def scheduled(
    root: Path, engine: Engine, count: int, board: Noted, graph: Graph = GRAPH, config: Config | None = None
) -> list[Outcome]:
    """So many toy objects on an engine."""
    expected = Expected(graph, config or Config())
    return Scheduler([wish(root, n, graph, config) for n in range(1, count + 1)], engine, board, expected).go()


def digests(run: Run) -> dict[str, Any]:
    """What every artifact holds."""
    return {name: (run.place(name).manifest(run.keys[name]) or {}).get("files") for name in run.graph.order}


if __name__ == "__main__":
    import sys

    toy(sys.argv[1]).go()
