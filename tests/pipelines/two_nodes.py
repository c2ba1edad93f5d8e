"""A Ray cluster of two nodes on this machine; the second is killed while a stage runs on it. Prints what came of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.graph import Graph, Stage
from pipelines.stages.context import Context
from tests.pipelines.toy import HERE, RECORD, Noted, Numbers, scheduled, toy


def slow(ctx: Context, params: Any, one: Numbers) -> Numbers:
    """Says where it runs, and takes its time."""
    import ray

    place = Path(os.environ["TOY_PLACES"]) / f"{time.time_ns()}"
    place.write_text(json.dumps([ctx.stage, ray.get_runtime_context().get_node_id(), os.getpid()]))
    time.sleep(3)
    return Numbers(one.values * 2, ctx.stage)


SLOW = "tests.pipelines.two_nodes:slow"
GRAPH = Graph(
    [
        Stage("capture-up", "capture", f"{HERE}:first", RECORD, {}, "up"),
        Stage("clouds", "clouds", SLOW, RECORD, {"one": "capture-up"}),
        Stage("side", "verify", SLOW, RECORD, {"one": "capture-up"}),
        Stage("icp", "icp", f"{HERE}:third", RECORD, {"two": "clouds"}),
    ]
)


def places() -> list[tuple[str, str, int]]:
    """Stage, node and process of every attempt."""
    return [tuple(json.loads(f.read_text())) for f in sorted(Path(os.environ["TOY_PLACES"]).iterdir())]


def kill_when_busy(node: Any, killed: list[str]) -> None:
    """As when somebody pulls the plug: the node and what runs there, without a goodbye."""
    while True:
        here = [p for p in places() if p[1] == node.node_id]
        if here:
            os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)
            os.kill(here[0][2], signal.SIGKILL)
            killed.append(here[0][0])
            return
        time.sleep(0.05)


def main() -> None:
    """Run, kill, and tell."""
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # every server binds to the loopback device
    from ray.cluster_utils import Cluster

    from pipelines.engines.on_ray import OnRay

    root = Path(sys.argv[1])
    (root / "places").mkdir(parents=True)
    os.environ["TOY_PLACES"] = str(root / "places")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    engine, board, killed = OnRay(cluster.address, None), Noted(), []
    threading.Thread(target=kill_when_busy, args=(second, killed), daemon=True).start()
    outcomes = scheduled(root / "store", engine, 1, board, GRAPH)
    states = [s.state for s in toy(root / "store", number=1, graph=GRAPH).plan()]
    told = {"killed": killed, "warned": board.warned, "states": states, "slots": engine.slots}
    print(json.dumps({**told, "tries": len(places()), "outcomes": [asdict(o) for o in outcomes]}))  # noqa: T201
    cluster.shutdown()


if __name__ == "__main__":
    main()
