"""One object whose turn it is: which stages are ready, which run, what is left."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipelines.engines.board import Active, Outcome, Row
from pipelines.engines.estimate import Expected
from pipelines.engines.job import PUBLISH, Job, Order


@dataclass(eq=False)
class Chain:
    """One object whose turn it is."""

    number: int
    order: Order
    todo: list[str]
    """Stages that are not whole yet, in order; then the publication."""
    seconds: dict[str, float]
    since: float = field(default_factory=time.monotonic)
    running: dict[str, Job] = field(default_factory=dict)
    active: dict[str, Active] = field(default_factory=dict)
    died: Counter[str] = field(default_factory=Counter)
    halved: frozenset[str] = frozenset()
    asked: dict[str, set[str]] = field(default_factory=dict)
    """Stage -> those that it asked for and waits for."""
    result: dict[str, Any] | None = None
    failure: Outcome | None = None
    whole: float = 0.0
    """Seconds of work that were left when it was its turn."""

    def awaits(self, stage: str) -> set[str]:
        """What must be whole before a stage can run."""
        return set(self.order.graph[stage].inputs.values()) | self.asked.get(stage, set())

    def put_off(self, stage: str, asked: list[str]) -> None:
        """Make others first."""
        self.asked[stage] = set(asked)
        todo = {*self.todo, *asked}
        self.todo = [s for s in (*self.order.graph.order, PUBLISH) if s in todo]

    def ready(self) -> list[str]:
        """Stages of which all that they wait for is whole."""
        todo = set(self.todo)
        if self.failure:
            return []
        if self.todo == [PUBLISH]:
            return [] if self.running else [PUBLISH]
        waiting = [s for s in self.todo if s != PUBLISH and s not in self.running]
        return [s for s in waiting if not todo & self.awaits(s)]

    def over(self) -> bool:
        """Whether nothing is left to do."""
        return not self.running and (not self.todo or self.failure is not None)

    def left(self, expected: Expected) -> tuple[float, float]:
        """Seconds of work left, and of its longest path through the graph."""
        now, longest, work = time.monotonic(), {PUBLISH: 0.0}, 0.0
        for stage in reversed(self.todo):
            own = self.own(stage, expected, now)
            after = [longest[s] for s in self.todo if s != PUBLISH and stage in self.awaits(s)]
            longest[stage] = own + max(after, default=longest[PUBLISH] if stage != PUBLISH else 0.0)
            work += own
        return work, max(longest.values())

    def own(self, stage: str, expected: Expected, now: float) -> float:
        """Seconds left of one stage and what it asked for."""
        mine = [(s, a) for s, a in self.active.items() if a.job == stage]
        if mine:
            return sum(a.left(expected.seconds(s), now) for s, a in mine)
        return expected.seconds(stage) if stage in self.asked else expected.with_asked(stage)

    def row(self, work: float, left: float) -> Row:
        """How far it is, with so many seconds of work left."""
        self.whole = max(self.whole, work)
        share = 1 - work / self.whole if self.whole else 1.0
        return Row(self.order.name, self.active, share, time.monotonic() - self.since, left)


def chain_of(number: int, order: Order, until: str | None, forced: frozenset[str]) -> tuple[Chain, list[str]]:
    """What is to be done for an object, and the stages that are whole already."""
    from pipelines.publish import standing

    graph, run = order.graph, order.run(Nobody())
    wanted = graph.upstream(until) if until else graph.always
    steps = [step for step in run.plan() if step.stage in wanted]
    fresh = {
        s.stage: s.manifest["seconds"] for s in steps if s.manifest and s.state == "fresh" and s.stage not in forced
    }
    chain = Chain(number, order, [s.stage for s in steps if s.stage not in fresh], fresh)
    if order.out is not None:
        chain.result = None if chain.todo else standing(run, order.out, order.objid)
        chain.todo += [] if chain.result else [PUBLISH]
    return chain, list(fresh)


class Nobody:
    """Watches nothing."""

    def starts(self, stage: str, reasons: list[str]) -> None:
        """Nothing."""

    def tick(self, stage: str, done: int, total: int) -> None:
        """Nothing."""

    def ends(self, stage: str, seconds: float, fresh: bool) -> None:
        """Nothing."""
