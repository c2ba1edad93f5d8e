"""The stages and their edges."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from registration.errors import UserError


@dataclass(frozen=True)
class Needs:
    """What a stage takes of a machine: never part of a key."""

    cpus: float = 1.0
    gpus: float = 0.0
    """Share of a GPU, where there is one."""
    memory_mib: int = 1_000
    """Of the whole process that runs it."""
    seconds: float = 1.0
    """What it takes where no manifest tells."""
    retries: int = 2
    """How often it is tried again when the process or the machine that ran it died."""
    batch: str = ""
    """The parameter that is halved once if memory runs out: the stage answers the same question with it."""
    lower: str = ""
    """SECTION.PARAMETER that a user lowers if memory runs out."""

    def __or__(self, other: Needs) -> Needs:
        """What either takes at most."""
        return replace(
            self,
            cpus=max(self.cpus, other.cpus),
            gpus=max(self.gpus, other.gpus),
            memory_mib=max(self.memory_mib, other.memory_mib),
        )


@dataclass(frozen=True)
class Stage:
    """One step: what it reads, which parameters it obeys, what runs it, what it answers with."""

    name: str
    section: str
    """Parameter section; nerf-up and nerf-down share one."""
    run: str
    """``module:function``, imported only when the stage runs."""
    record: str
    """``module:class`` of the answer."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Argument name -> stage."""
    external: str | None = None
    """Name of an input from outside the graph."""
    asks: dict[str, str] = field(default_factory=dict)
    """Word -> stage that is only made if this one asks for it: the function gets ``ask``, word -> a call that answers."""
    version: int = 1
    """Raised when the code changes what it answers: part of the key."""
    needs: Needs = Needs()

    def function(self) -> Callable[..., Any]:
        """The function that runs the stage."""
        return load_object(self.run)

    def record_type(self) -> type:
        """The class of its answer."""
        return load_object(self.record)


def load_object(path: str) -> Any:
    """What ``module:name`` names."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


class Graph:
    """Stages in an order in which they can run."""

    def __init__(self, stages: list[Stage]) -> None:
        self.stages: dict[str, Stage] = {}
        for stage in stages:
            if stage.name in self.stages:
                raise ValueError(f"two stages are called {stage.name}: each artifact has one owner")
            self.stages[stage.name] = stage
        for stage in stages:
            for needed in (*stage.inputs.values(), *stage.asks.values()):
                if needed not in self.stages:
                    raise ValueError(f"{stage.name} reads {needed}, which no stage makes")
        self.order = self._sorted()

    def _sorted(self) -> list[str]:
        order: list[str] = []
        while len(order) < len(self.stages):
            ready = [
                s
                for s in self.stages.values()
                if s.name not in order and all(i in order for i in (*s.inputs.values(), *s.asks.values()))
            ]
            if not ready:
                raise ValueError(f"the stages {', '.join(sorted(set(self.stages) - set(order)))} wait for each other")
            order.append(ready[0].name)
        return order

    def __getitem__(self, name: str) -> Stage:
        return self.stages[name]

    def named(self, name: str) -> Stage:
        """A stage by the name a user typed."""
        if name not in self.stages:
            raise UserError(f"no stage {name!r}", "regpipe", f"stages: {', '.join(self.order)}")
        return self.stages[name]

    def upstream(self, name: str, asked: bool = False) -> set[str]:
        """A stage and all it needs; with ``asked`` also what it may ask for."""
        out, todo = set(), [name]
        while todo:
            current = self.stages[todo.pop()]
            if current.name not in out:
                out.add(current.name)
                todo += [*current.inputs.values(), *(current.asks.values() if asked else ())]
        return out

    def downstream(self, name: str) -> set[str]:
        """A stage and all that follow from it."""
        return {other for other in self.stages if name in self.upstream(other, asked=True)}

    def needs(self, name: str) -> Needs:
        """What the process takes that makes a stage: the stages that it asks for are made there too."""
        asked = set().union(*(self.upstream(a) for a in self.stages[name].asks.values()))
        out = self.stages[name].needs
        for other in asked - self.always:
            out = out | self.stages[other].needs
        return out

    def asked_by(self, name: str) -> str | None:
        """Who makes a stage that is made only if it is asked for; None if it always is."""
        if name in self.always:
            return None
        asking = (s for s in self.stages.values() if any(name in self.upstream(a) for a in s.asks.values()))
        return next((s.name for s in asking), None)

    @cached_property
    def always(self) -> set[str]:
        """Stages that every run makes: not those that serve only what may be asked for."""
        asked = {a for s in self.stages.values() for a in s.asks.values()}
        ends = [n for n in self.stages if n not in asked and self.downstream(n) == {n}]
        return set().union(*(self.upstream(n) for n in ends)) if ends else set()
