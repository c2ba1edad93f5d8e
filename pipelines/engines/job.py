"""One stage of one object, as it travels to a worker, and what the worker tells while it carries it out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from logging.handlers import QueueHandler
from pathlib import Path
from typing import Any, Literal, Protocol

from pipelines.engines.board import End
from pipelines.execute import Asked, External, Run, Watcher
from pipelines.graph import Graph, Needs
from pipelines.memory import OutOfMemory, ran_out
from pipelines.presets import Config
from pipelines.store import Store
from registration.errors import UserError, of_the_disk

PUBLISH = "publish"
"""What follows the last stage: the results become the files that the user reads."""
PUBLISHING = Needs(memory_mib=600, seconds=1.0, retries=1)
PULSE = 0.1
"""Seconds between two words of how far a stage is."""


@dataclass(frozen=True)
class Order:
    """One object's chain against a store."""

    graph: Graph
    store: Store
    name: str
    config: Config
    externals: dict[str, External]
    device: str = "auto"
    out: Path | None = None
    """Where its results go; None if nothing is published."""
    objid: int = 1
    index: bool = False
    """Whether its data set has an index page."""

    def run(self, watcher: Watcher, halved: frozenset[str] = frozenset()) -> Run:
        """The chain, ready to go in this process."""
        return Run(self.graph, self.store, self.name, self.config, self.externals, watcher, self.device, halved)


@dataclass(frozen=True)
class Job:
    """One stage of an order, or its publication."""

    number: int
    """Of the order."""
    order: Order
    stage: str
    needs: Needs
    forced: bool = False
    elsewhere: bool = False
    """Whether what it asks for may be made elsewhere."""
    halved: frozenset[str] = frozenset()
    seconds: dict[str, float] = field(default_factory=dict)
    """What the stages took: only the publication wants to know."""


@dataclass(frozen=True)
class Event:
    """What became of a job, or how far it is."""

    number: int
    """Of the order."""
    job: str
    """The job's own stage."""
    kind: Literal["starts", "tick", "ends", "log", "asks", "done", "failed", "died"]
    body: Any = None
    stage: str = ""
    """The stage that starts, ticks or ends: the job's own, or one that it asked for."""


Tell = Callable[[Event], None]


class Engine(Protocol):
    """Whoever carries out jobs."""

    slots: int
    """Stages at a time, for the time left."""

    def has_room(self, needs: Needs) -> bool:
        """Whether another job may be handed over now."""
        ...

    def submit(self, job: Job) -> None:
        """Take a job; its end comes as an event: done, failed, died, or asks for stages before it can be run again."""
        ...

    def events(self, timeout: float) -> list[Event]:
        """What happened; waits a while for something to happen."""
        ...

    def stop(self) -> None:
        """End all that runs, at once."""
        ...


class Teller:
    """Watches a run for whoever sent the job, and passes on what is logged."""

    def __init__(self, job: Job, tell: Tell, pulse: float = PULSE) -> None:
        self.job, self.pulse, self.last = job, pulse, 0.0
        self.tell = lambda kind, body, stage="": tell(Event(job.number, job.stage, kind, body, stage))

    def starts(self, stage: str, reasons: list[str]) -> None:
        """A stage begins."""
        self.tell("starts", reasons, stage)

    def tick(self, stage: str, done: int, total: int) -> None:
        """How far it is."""
        if time.monotonic() - self.last > self.pulse:
            self.last = time.monotonic()
            self.tell("tick", (done, total), stage)

    def ends(self, stage: str, seconds: float, fresh: bool) -> None:
        """A stage is whole."""
        self.tell("ends", (seconds, fresh), stage)


class LogTeller(QueueHandler):
    """Passes on what is logged."""

    def __init__(self, teller: Teller) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.teller = teller

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """As text, and whether that holds a traceback."""
        traced = record.exc_info is not None
        record = super().prepare(record)
        record.traced = traced
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """As an event."""
        self.teller.tell("log", dict(record.__dict__))


def carry_out(job: Job, teller: Teller, run: Run | None = None) -> Run:
    """Do it in this process; the run may be one that still remembers earlier stages."""
    run = run or job.order.run(teller, job.halved)
    run.watcher, run.elsewhere = teller, job.elsewhere
    log, handler = logging.getLogger("regpipe"), LogTeller(teller)
    log.addHandler(handler)
    try:
        result = published(job, run) if job.stage == PUBLISH else run.make(job.stage, force=job.forced)
        teller.tell("done", result)
    except Asked as asked:
        log.info("%s: waits for %s", job.stage, asked)
        teller.tell("asks", asked.stages)
    except Exception as error:
        if ran_out(error):  # outside the stage itself, which knows how to help itself
            error = OutOfMemory(job.stage, job.needs.lower)
        log.debug("traceback", exc_info=error)
        teller.tell("failed", told_of(error))
    finally:
        log.removeHandler(handler)
    return run


def told_of(error: Exception) -> tuple[str, End]:
    """An error in one line, and whose it is."""
    if isinstance(error, UserError):
        return str(error), "wrong"
    disk = of_the_disk(error)
    return (disk, "disk") if disk else (f"{type(error).__name__}: {error}".strip(), "failed")


def alone_with_the_log() -> None:
    """What a worker logs goes to whoever sent the job, and nowhere else."""
    log = logging.getLogger("regpipe")
    log.setLevel(logging.DEBUG)
    log.propagate = False


def published(job: Job, run: Run) -> dict[str, Any]:
    """Write what the user reads; the content of result.json."""
    from pipelines.publish import publish
    from pipelines.report.finished import write_index

    assert job.order.out is not None
    run.seconds = dict(job.seconds)
    result = publish(run, job.order.out, job.order.objid)
    if job.order.index:
        write_index(job.order.out.parent)
    return result
