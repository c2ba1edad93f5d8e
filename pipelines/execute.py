"""One object's chain: runs what is stale, loads what is fresh, in this process."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

from pipelines import artifacts
from pipelines.graph import Graph, Stage
from pipelines.keys import key_of, why
from pipelines.memory import OutOfMemory, free, peak_mib, ran_out, watch_peak, with_half
from pipelines.presets import Config
from pipelines.stages.context import Context
from pipelines.store import Damaged, Place, Store
from registration.errors import UserError

log = logging.getLogger("regpipe")


class Watcher(Protocol):
    """Whoever wants to see a run."""

    def starts(self, stage: str, reasons: list[str]) -> None:
        """A stage begins, and why."""

    def tick(self, stage: str, done: int, total: int) -> None:
        """How far it is."""

    def ends(self, stage: str, seconds: float, fresh: bool) -> None:
        """A stage is whole."""


@dataclass(frozen=True)
class External:
    """An input from outside: what the stage is given, and a hash of it."""

    value: Any
    fingerprint: str


@dataclass(frozen=True)
class Step:
    """One stage of a plan."""

    stage: str
    key: str
    state: Literal["fresh", "stale", "missing", "failed", "skipped"]
    reasons: list[str]
    """Why it would run; for a failed stage how it failed, for a skipped one why."""
    manifest: dict[str, Any] | None


class Asked(BaseException):
    """A stage asks for others of which some can be made side by side: it is run again when they are whole."""

    def __init__(self, stages: list[str]) -> None:
        super().__init__(", ".join(stages))
        self.stages = stages


@dataclass
class Run:
    """One object's chain against a store."""

    graph: Graph
    store: Store
    name: str
    config: Config
    externals: dict[str, External]
    watcher: Watcher
    device: str = "auto"
    halved: frozenset[str] = frozenset()
    """Stages that make do with half their batch from the start: they died for lack of memory."""
    elsewhere: bool = False
    """Whether others make what a stage asks for, if they can do so side by side; else it is made here."""
    records: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    asking: list[float] = field(default_factory=list)
    """Seconds that the running stages spent on others that they asked for."""

    def __post_init__(self) -> None:
        self.keys: dict[str, str] = {}
        for name in self.graph.order:
            self.keys[name] = key_of(**self._facts(self.graph[name]))

    def _facts(self, stage: Stage, plain: bool = False) -> dict[str, Any]:
        inputs = {argument: self.keys[needed] for argument, needed in stage.inputs.items()}
        if stage.external:
            inputs[stage.external] = self.externals[stage.external].fingerprint
        inputs |= {f"ask {word}": self.keys[asked] for word, asked in stage.asks.items()}
        params = getattr(self.config, stage.section)
        return {
            "stage": stage.name,
            "version": stage.version,
            "params": asdict(params) if plain else params,
            "inputs": inputs,
            "seed": self.config.seed,
        }

    def place(self, name: str) -> Place:
        """Where a stage's artifacts live."""
        return self.store.place(self.name, name)

    def plan(self) -> list[Step]:
        """State of every stage, in order."""
        return [self.step(name) for name in self.graph.order]

    def step(self, name: str) -> Step:
        """State of one stage."""
        place, key = self.place(name), self.keys[name]
        manifest = place.manifest(key)
        if manifest:
            return Step(name, key, "fresh", [], manifest)
        failed = place.failed()
        if failed and failed.get("key") == key:
            return Step(name, key, "failed", [str(failed.get("reason"))], None)
        asker = self.graph.asked_by(name)
        if asker and self.place(asker).manifest(self.keys[asker]):
            return Step(name, key, "skipped", [f"{asker} did not ask for it"], None)
        newest = place.newest()
        return Step(
            name, key, "stale" if newest else "missing", why(newest, self._facts(self.graph[name], plain=True)), newest
        )

    def go(self, until: str | None = None, forced: frozenset[str] = frozenset()) -> None:
        """Make every artifact up to a stage; the forced ones anew, whatever is there."""
        wanted = self.graph.upstream(until) if until else self.graph.always
        for name in self.graph.order:
            if name in wanted:
                self.make(name, force=name in forced)

    def make(self, name: str, force: bool = False) -> None:
        """Make one artifact if it is not there."""
        step = self.step(name)
        if step.state == "fresh" and step.manifest and not force:
            self._done(name, step.manifest, fresh=True)
            return
        place, key = self.place(name), self.keys[name]
        with place.alone(key, waiting=lambda: log.info("%s: another run is making this, waiting", name)):
            other = place.manifest(key)
            if other and not force:  # another run was faster
                self._done(name, other, fresh=True)
                return
            self._compute(name, ["asked for"] if step.state == "fresh" else step.reasons)

    def _done(self, name: str, manifest: dict[str, Any], fresh: bool) -> None:
        if fresh and name in self.seconds:
            return
        self.seconds[name] = manifest["seconds"]
        self.watcher.ends(name, manifest["seconds"], fresh)

    def _compute(self, name: str, reasons: list[str]) -> None:
        stage, place, key = self.graph[name], self.place(name), self.keys[name]
        inputs = {argument: self.record(needed) for argument, needed in stage.inputs.items()}
        if stage.external:
            inputs["spec"] = self.externals[stage.external].value
        if stage.asks:
            inputs["ask"] = {word: partial(self._answer, asked) for word, asked in stage.asks.items()}
        self.watcher.starts(name, reasons)
        log.info("%s: runs (%s)", name, "; ".join(reasons))
        start = time.monotonic()
        self.asking.append(0.0)
        watch_peak()
        try:
            record, made_do = self._answered(stage, key, inputs)
        except Exception as error:
            log.error("%s: failed", name, exc_info=not isinstance(error, UserError))
            place.note_failure(key, str(error) or type(error).__name__)
            raise
        finally:
            elsewhere = self.asking.pop()
        seconds = round(time.monotonic() - start - elsewhere, 3)
        facts = {**self._facts(stage, plain=True), "seconds": seconds, "peak_mib": peak_mib(), **made_do}
        manifest = place.commit(key, facts, lambda folder: artifacts.save(record, folder))
        place.prune(key)
        self.records[name] = record
        self.ran.append(name)
        log.info("%s: done in %.1f s, %s", name, seconds, place.where(key))
        self._done(name, manifest, fresh=False)

    def _answered(self, stage: Stage, key: str, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """A stage's answer, with half the batch if memory runs out; and what its manifest shall say of that."""
        params, batch = getattr(self.config, stage.section), stage.needs.batch
        made_do: dict[str, Any] = {}
        for half in (True,) if stage.name in self.halved else (False, True):
            if half:
                params, halved = with_half(params, batch)
                made_do = {"halved": halved}
                log.warning("%s: memory ran out; it makes do with %s=%d", stage.name, batch, halved[batch])
            try:
                return stage.function()(self._context(stage.name, key), params, **inputs), made_do
            except Exception as error:
                if not ran_out(error):
                    raise
                if half or not batch:
                    raise OutOfMemory(stage.name, stage.needs.lower) from error
            free()  # not within the except: its traceback holds what the first try allocated
        raise AssertionError("both tries return or raise")

    def _answer(self, name: str) -> Any:
        """A stage's answer, for one that asks while it runs."""
        if self.elsewhere:
            lacking = self.lacking(name)
            if not all(first in self.graph.upstream(second) for first, second in pairwise(lacking)):
                raise Asked(lacking)
        start = time.monotonic()
        self.make(name)
        record = self.record(name)
        self.asking[-1] += time.monotonic() - start
        return record

    def lacking(self, name: str) -> list[str]:
        """What is to be made for a stage, itself included, in order."""
        out, todo = set(), [name]
        while todo:
            stage = todo.pop()
            if stage not in out and not self.place(stage).manifest(self.keys[stage]):
                out.add(stage)
                todo += self.graph[stage].inputs.values()
        return [stage for stage in self.graph.order if stage in out]

    def _context(self, name: str, key: str) -> Context:
        import numpy as np

        rng = np.random.default_rng([self.config.seed, zlib.crc32(name.encode())])
        return Context(
            rng,
            self.device,
            self.place(name).scratch(key),
            lambda done, total: self.watcher.tick(name, done, total),
            log,
            name,
            self.store.root / ".curves" / self.name / name / key,
        )

    def record(self, name: str) -> Any:
        """The answer of a stage: from memory, from the store if it is as it was written, else made again."""
        if name not in self.records and not self.place(name).manifest(self.keys[name]):
            self.make(name)
        if name not in self.records:
            place, key = self.place(name), self.keys[name]
            try:
                self.records[name] = place.load(self.graph[name].record_type(), key)
            except Damaged as error:
                log.warning("%s: %s", name, error)
                place.remove(key)
                self.make(name)
        return self.records[name]


def capture_inputs(specs: Iterable[Any], memo: Path, files_of: Callable[[Any], list[Path]]) -> dict[str, External]:
    """Captures as inputs of the graph: their contents count, not where they lie."""
    from pipelines.keys import Fingerprints

    prints = Fingerprints(memo)
    out = {}
    for spec in specs:
        description = {k: v for k, v in asdict(spec).items() if k not in ("folder", "name")}
        out[spec.half] = External(spec, prints.of(files_of(spec), Path(spec.folder), description))
    return out
