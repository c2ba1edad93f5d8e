"""What the scheduler itself costs: many tiny objects, four trivial stages each, on an engine.

    python benchmarks/load.py --objects 200
    python benchmarks/load.py --objects 200 --engine ray --ray-address local

Tells milliseconds per stage from the first object's end to the last one's (so not how long a worker or a cluster takes to start), and
the memory of the driver at the end of the twentieth object and of the last.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.cli.drive import How, engine_of
from pipelines.engines.board import Outcome
from tests.pipelines.toy import GRAPH, Noted, scheduled

EARLY = 20


class Weighed(Noted):
    """Notes when each object ended, and how large the driver was then."""

    def __init__(self) -> None:
        super().__init__()
        self.ends_at: list[float] = []
        self.mib: list[float] = []

    def log(self, name: str, record: dict[str, object]) -> None:
        """Nothing: the benchmark itself shall not grow."""

    def ends(self, name: str, stage: str, seconds: float, fresh: bool) -> None:
        """Nothing."""

    def closes(self, outcome: Outcome) -> None:
        """Time and memory."""
        super().closes(outcome)
        self.ends_at.append(time.monotonic())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.mib.append(pages * resource.getpagesize() / 2**20)


def measured(objects: int, how: How) -> dict[str, float]:
    """One run in a fresh store."""
    board = Weighed()
    start = time.monotonic()
    engine = engine_of(how, "cpu")
    ready = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = scheduled(Path(folder), engine, objects, board)
    if any(o.state != "done" for o in outcomes):
        raise SystemExit(f"not all objects were done: {outcomes}")
    spent = board.ends_at[-1] - board.ends_at[0]
    return {
        "objects": objects,
        "stages": objects * len(GRAPH.order),
        "engine_ready_s": round(ready - start, 2),
        "ms_per_stage": round(1000 * spent / ((objects - 1) * len(GRAPH.order)), 1),
        f"driver_mib_at_{EARLY}": round(board.mib[EARLY - 1], 1),
        "driver_mib_at_end": round(board.mib[-1], 1),
    }


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=200)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--ray-address", default="auto")
    given = parser.parse_args()
    print(json.dumps(measured(given.objects, How(given.engine, given.jobs, given.ray_address))))


if __name__ == "__main__":
    main()
