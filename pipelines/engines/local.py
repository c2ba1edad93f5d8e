"""A few worker processes on this machine, no service."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pipelines.engines.job import Event, Job, Teller, alone_with_the_log, carry_out
from pipelines.execute import Run
from pipelines.graph import Needs

GRACE = 1.0
"""Seconds that the workers have to tidy up when they are told to stop."""
MEMORY_SHARE = 0.9
"""Of the machine's memory that stages may be planned for."""


@dataclass
class Worker:
    """A process, the line to it, and what it is at."""

    process: BaseProcess
    line: Connection
    job: Job | None = None


class Local:
    """Worker processes; each is started when it is first needed and stays."""

    def __init__(self, jobs: int, device: str = "auto") -> None:
        self.slots = jobs
        self.gpus = 0 if device == "cpu" else gpus_here()
        self.memory_mib = MEMORY_SHARE * memory_here_mib()
        self.workers: list[Worker] = []
        if jobs > 1:
            os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))

    def _busy(self) -> list[Job]:
        return [w.job for w in self.workers if w.job]

    def has_room(self, needs: Needs) -> bool:
        """Whether a slot is free, and memory and a share of the GPU with it; alone anything may run."""
        busy = self._busy()
        memory = needs.memory_mib + sum(j.needs.memory_mib for j in busy)
        gpus = needs.gpus + sum(j.needs.gpus for j in busy)
        fits = memory <= self.memory_mib and (not self.gpus or gpus <= 1)
        return not busy or (len(busy) < self.slots and fits)

    def submit(self, job: Job) -> None:
        """To an idle worker, if there is a choice to the one that knows the object."""
        idle = [w for w in self.workers if w.job is None]
        worker = next((w for w in idle if w.process.name == job.order.name), None) or (idle[0] if idle else begin())
        if worker not in self.workers:
            self.workers.append(worker)
        worker.process.name = job.order.name
        worker.job = job
        with suppress(BrokenPipeError):  # it died while it was idle: its line tells so
            worker.line.send(job)

    def events(self, timeout: float) -> list[Event]:
        """What the workers told."""
        lines = {w.line: w for w in self.workers}
        ready = connection.wait(list(lines), timeout) if lines else []
        return [event for line in ready for event in self._heard(lines[line])]  # type: ignore[index]

    def _heard(self, worker: Worker) -> Iterable[Event]:
        try:
            while worker.line.poll():
                event: Event = worker.line.recv()
                if event.kind in ("done", "failed", "asks"):
                    worker.job = None
                yield event
        except (EOFError, OSError):
            self.workers.remove(worker)
            worker.process.join()
            if worker.job:
                yield Event(worker.job.number, worker.job.stage, "died", ending(worker.process.exitcode))

    def stop(self) -> None:
        """Ask all to stop, and end those that do not."""
        for worker in self.workers:
            worker.process.terminate()
        until = time.monotonic() + GRACE
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            worker.process.kill()
            worker.process.join()
        self.workers.clear()


def begin() -> Worker:
    """A new worker process."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # so that the line ends with the process
    return Worker(process, ours)


def serve(line: Connection) -> None:
    """What a worker does: job after job, until nobody sends any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever sent the job decides
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    threading.Thread(target=end_with_parent, daemon=True).start()
    alone_with_the_log()
    known: tuple[int, Run] | None = None
    with suppress(EOFError):
        while True:
            job: Job = line.recv()
            if known and (known[0] != job.number or job.forced or job.halved):
                known = None
            run = carry_out(job, Teller(job, line.send), known and known[1])
            known = None if job.forced else (job.number, run)


def end_with_parent() -> None:
    """A worker does not outlive the command that started it."""
    parent: Any = parent_process()
    connection.wait([parent.sentinel])
    os._exit(1)


def ending(code: int | None) -> tuple[str, bool]:
    """How a process ended, and whether that is how the system ends one when memory runs out."""
    if code is not None and code < 0:
        return signal.Signals(-code).name, -code == signal.SIGKILL
    return f"exit status {code}", False


def gpus_here() -> int:
    """GPUs of NVIDIA that may be used, without importing anything."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return found if visible is None else min(found, len([v for v in visible.split(",") if v.strip() not in ("", "-1")]))


def memory_here_mib() -> float:
    """Memory of the machine, or of the container if that has less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total / 2**20
