"""A run of both toy halves that tells its workers as soon as both are busy, and waits to be stopped."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from pipelines.cli.drive import stop
from pipelines.cli.main import main
from pipelines.engines.board import Row
from pipelines.engines.local import Local
from tests.pipelines.toy import PAIR, Noted, scheduled


class Telling(Noted):
    """Prints the processes that both stages run in, once."""

    def __init__(self, engine: Local) -> None:
        super().__init__()
        self.engine = engine

    def shows(self, rows: list[Row], closed: int, objects: int, left: float) -> None:
        """Only when there is something new to tell."""
        if self.most < 2 and sum(len(row.active) for row in rows) == 2:
            self.most = 2
            print(json.dumps([w.process.pid for w in self.engine.workers]), flush=True)  # noqa: T201


def run() -> None:
    """As the command does it."""
    signal.signal(signal.SIGTERM, stop)
    engine = Local(2)
    scheduled(Path(sys.argv[1]), engine, 1, Telling(engine), PAIR)


if __name__ == "__main__":
    import pipelines.cli.main as command

    command.cli.main = lambda **_: run()  # type: ignore[method-assign]
    main([])
