"""What stages will take, by what they took."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from statistics import median
from typing import Any

from pipelines.engines.job import PUBLISH, PUBLISHING
from pipelines.graph import Graph
from pipelines.presets import Config
from pipelines.store import Store

LOOKED_AT = 12
"""Objects of the store whose seconds are read before the first stage runs."""
REMEMBERED = 20
"""Figures kept of a stage: the median of the last ones counts."""


class Expected:
    """Seconds of every stage: of the same parameters, else of any, else what was measured once."""

    def __init__(self, graph: Graph, config: Config) -> None:
        self.graph, self.config = graph, config
        self.same: dict[str, list[float]] = defaultdict(list)
        self.other: dict[str, list[float]] = defaultdict(list)

    def remember(self, store: Store) -> Expected:
        """Read what a store holds of some objects; of a bucket the copies that are here."""
        here = Store(store.root)
        for name in sorted(here.names())[:LOOKED_AT]:
            for stage in self.graph.order:
                manifest = here.place(name, stage).newest()
                if manifest:
                    self.learn(stage, manifest["seconds"], manifest["params"])
        return self

    def learn(self, stage: str, seconds: float, params: dict[str, Any] | None = None) -> None:
        """One more figure; without parameters it is of this very run."""
        ours = self.listed(asdict(getattr(self.config, self.graph[stage].section)))
        known = self.same if params is None or self.listed(params) == ours else self.other
        known[stage] = [*known[stage][-REMEMBERED + 1 :], seconds]

    @staticmethod
    def listed(params: dict[str, Any]) -> dict[str, Any]:
        """Parameters as JSON has them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in params.items()}

    def seconds(self, stage: str) -> float:
        """Of one stage alone."""
        if stage == PUBLISH:
            return PUBLISHING.seconds
        found = self.same.get(stage) or self.other.get(stage)
        return median(found) if found else self.graph[stage].needs.seconds

    def with_asked(self, stage: str) -> float:
        """Of a stage and what it asks for, each as often as that was asked for up to now."""
        asks = self.graph[stage].asks.values() if stage != PUBLISH else ()
        extra = set().union(*(self.graph.upstream(a) for a in asks)) - self.graph.always
        asked = max(1, len(self.same[stage]) or len(self.other[stage])) if extra else 1
        shares = {a: min(1.0, len(self.same.get(a) or self.other.get(a) or ()) / asked) for a in extra}
        return self.seconds(stage) + sum(share * self.seconds(a) for a, share in shares.items())

    def whole(self, until: str | None) -> float:
        """Of all stages of an object."""
        wanted = self.graph.upstream(until) if until else self.graph.always
        return sum(map(self.with_asked, wanted))
