"""Many objects at once: hands ready stages to an engine, tries again what died, and says how far all is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.engines.board import Active, Board, End, Outcome
from pipelines.engines.chains import Chain, chain_of
from pipelines.engines.estimate import Expected
from pipelines.engines.job import PUBLISH, PUBLISHING, Engine, Event, Job, Order, told_of
from pipelines.graph import Needs
from pipelines.memory import OutOfMemory

WAIT = 0.25
"""Seconds until the board is shown anew even if nothing happens."""


@dataclass(frozen=True)
class Wish:
    """An object, and how to get at its order: its captures are looked at when it is its turn."""

    name: str
    order: Callable[[], Order]


class Scheduler:
    """Runs wishes on an engine."""

    def __init__(
        self, wishes: list[Wish], engine: Engine, board: Board, expected: Expected, until: str | None = None,
        forced: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.wishes, self.engine, self.board, self.expected = wishes, engine, board, expected
        self.until, self.forced = until, forced
        self.next, self.shown = 0, 0.0
        self.chains: dict[int, Chain] = {}
        self.outcomes: list[Outcome] = []

    def go(self) -> list[Outcome]:
        """All objects, to their ends; one that fails does not stop the others."""
        try:
            while self.next < len(self.wishes) or self.chains:
                self._hand_out()
                for event in self.engine.events(WAIT if self.chains else 0.0):
                    if event.number in self.chains:
                        self._hear(self.chains[event.number], event)
                for chain in [c for c in self.chains.values() if c.over()]:
                    self._close(chain)
                self._show()
        finally:
            self.engine.stop()
        return self.outcomes

    def _hand_out(self) -> None:
        for chain in self.chains.values():
            self._submit_ready(chain)
        while self.next < len(self.wishes) and self.engine.has_room(Needs()):
            chain = self._open(self.next, self.wishes[self.next])
            self.next += 1
            if chain is None:
                continue
            self.chains[chain.number] = chain
            self._submit_ready(chain)
            if chain.over():  # it was done already
                self._close(chain)

    def _submit_ready(self, chain: Chain) -> None:
        for stage in chain.ready():
            needs = PUBLISHING if stage == PUBLISH else chain.order.graph.needs(stage)
            if self.engine.has_room(needs):
                seconds = chain.seconds if stage == PUBLISH else {}
                spare = self.engine.slots > len(self.chains)  # else every slot has an object of its own
                job = Job(chain.number, chain.order, stage, needs, stage in self.forced, spare, chain.halved, seconds)
                chain.running[stage] = job
                self.engine.submit(job)

    def _open(self, number: int, wish: Wish) -> Chain | None:
        try:
            order = wish.order()
        except Exception as error:
            text, end = told_of(error)
            self._ended(Outcome(wish.name, end, None, text))
            return None
        chain, fresh = chain_of(number, order, self.until, self.forced)
        self.board.opens(wish.name, fresh)
        return chain

    def _hear(self, chain: Chain, event: Event) -> None:
        name, stage = chain.order.name, event.stage
        match event.kind:
            case "starts":
                chain.active[stage] = Active(event.job, time.monotonic())
                self.board.starts(name, stage, event.body)
            case "tick" if stage in chain.active:
                chain.active[stage].done, chain.active[stage].total = event.body
            case "ends":
                seconds, fresh = event.body
                chain.active.pop(stage, None)
                chain.seconds[stage] = seconds
                if not fresh:
                    self.expected.learn(stage, seconds)
                self.board.ends(name, stage, seconds, fresh)
            case "log":
                self.board.log(name, event.body)
            case "done" | "failed" | "died" | "asks" if event.job in chain.running:
                self._end(chain, event)

    def _end(self, chain: Chain, event: Event) -> None:
        job = chain.running.pop(event.job)
        at = [s for s, active in chain.active.items() if active.job == event.job]
        for stage in at:
            chain.active.pop(stage)
        if event.kind == "done":
            chain.todo.remove(event.job)
            chain.result = event.body or chain.result
        elif event.kind == "asks":
            chain.put_off(event.job, event.body)
        elif event.kind == "failed":
            text, end = event.body
            self._fail(chain, end, text)
        else:
            self._try_again(chain, job, at[-1] if at else event.job, *event.body)

    def _try_again(self, chain: Chain, job: Job, stage: str, how: str, starved: bool) -> None:
        """A process died: once more, with half the batch where it may have been for lack of memory."""
        chain.died[job.stage] += 1
        needs = PUBLISHING if stage == PUBLISH else chain.order.graph[stage].needs
        told = f"{stage}: the process that ran it died ({how})"
        if starved and chain.died[job.stage] > 1:
            self._fail(chain, "wrong", f"{told}; {OutOfMemory(stage, needs.lower)}")
        elif chain.died[job.stage] > needs.retries:
            self._fail(chain, "failed", f"{told}, {chain.died[job.stage]} times")
        else:
            if starved and needs.batch:
                chain.halved |= {stage}
            perhaps = ", perhaps for lack of memory" if starved else ""
            self.board.warns(chain.order.name, f"{told}{perhaps}; it is tried again")

    def _fail(self, chain: Chain, state: End, text: str) -> None:
        chain.failure = chain.failure or Outcome(chain.order.name, state, None, text)
        if chain.running:
            self.board.warns(chain.order.name, f"{text}; what runs of it is finished first")

    def _close(self, chain: Chain) -> None:
        del self.chains[chain.number]
        self._ended(chain.failure or Outcome(chain.order.name, "done", chain.result))

    def _ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.board.closes(outcome)

    def _show(self) -> None:
        """How far all is; not so often that it costs anything."""
        now = time.monotonic()
        if now - self.shown < WAIT:
            return
        self.shown = now
        lefts = {c: c.left(self.expected) for c in self.chains.values()}
        coming = (len(self.wishes) - self.next) * self.expected.whole(self.until)
        work = (sum(work for work, _ in lefts.values()) + coming) / self.engine.slots
        left = max([work, *(longest for _, longest in lefts.values())])
        rows = [chain.row(work, max(longest, work / self.engine.slots)) for chain, (work, longest) in lefts.items()]
        self.board.shows(rows, len(self.outcomes), len(self.wishes), left)
