"""A run of both toy halves that tells its processes as soon as both are busy, and waits to be stopped: FOLDER local|ray."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pipelines.cli.drive import stop
from pipelines.cli.main import main
from pipelines.engines.board import Row
from pipelines.engines.local import Local
from tests.pipelines.toy import PAIR, Noted, scheduled


class Telling(Noted):
    """Prints the processes, once."""

    def __init__(self, engine: Any) -> None:
        super().__init__()
        self.engine = engine

    def processes(self) -> list[int]:
        """The workers here; all that Ray started, its servers with them."""
        local = isinstance(self.engine, Local)
        return [w.process.pid for w in self.engine.workers] if local else children(os.getpid())

    def shows(self, rows: list[Row], closed: int, objects: int, left: float) -> None:
        """Only when there is something new to tell."""
        if self.most < 2 and sum(len(row.active) for row in rows) == 2:
            self.most = 2
            print(json.dumps(self.processes()), flush=True)  # noqa: T201


def children(pid: int) -> list[int]:
    """Of a process, and theirs."""
    own = [int(n) for f in Path(f"/proc/{pid}/task").glob("*/children") for n in f.read_text().split()]
    return [*own, *(n for child in own for n in children(child))]


def engine_called(name: str) -> Any:
    """Of two slots."""
    if name == "local":
        return Local(2)
    from pipelines.engines.on_ray import OnRay

    return OnRay("local", 2)


def run() -> None:
    """As the command does it."""
    engine = engine_called(sys.argv[2])
    signal.signal(signal.SIGTERM, stop)
    scheduled(Path(sys.argv[1]), engine, 1, Telling(engine), PAIR)


if __name__ == "__main__":
    import pipelines.cli.main as command

    command.cli.main = lambda **_: run()  # type: ignore[method-assign]
    main([])
