"""A Ray cluster: a task for each stage."""

from __future__ import annotations

import atexit
import logging
import os
from contextlib import suppress
from typing import Any

from pipelines.engines.job import Event, Job, Teller, alone_with_the_log, carry_out
from pipelines.graph import Needs
from registration.errors import UserError, require

MIB = 2**20
PULSE = 0.5
"""Seconds between two words of how far a stage is."""
QUEUED = 2
"""Stages handed over for each core of the cluster: some wait there, so that a cluster that can grow sees them."""
LEAST_QUEUED = 16


class OnRay:
    """Hands jobs to a cluster. Tries nothing again by itself: whoever hands over decides that."""

    def __init__(self, address: str, jobs: int | None, device: str = "auto") -> None:
        self.ray = connected(address)
        total = self.ray.cluster_resources()
        self.gpus = total.get("GPU", 0) if device != "cpu" else 0
        self.slots = jobs or max(1, int(total.get("CPU", 1)))
        self.most = jobs or max(LEAST_QUEUED, QUEUED * self.slots)
        self.largest = largest_node(self.ray)
        self.task = self.ray.remote(perform)
        self.mail = self.ray.remote(Mail).options(**beside_us(self.ray, address)).remote()
        self.jobs: dict[Any, Job] = {}

    def has_room(self, needs: Needs) -> bool:
        """Whether fewer jobs than the limit are on the cluster; it finds the node for each itself."""
        return len(self.jobs) < self.most

    def submit(self, job: Job) -> None:
        """One task."""
        needs, largest = job.needs, self.largest  # more than any node has would wait for ever
        task = self.task.options(
            num_cpus=min(needs.cpus, largest["CPU"]), memory=min(needs.memory_mib * MIB, largest["memory"]),
            num_gpus=needs.gpus if self.gpus else 0, max_retries=0, name=f"{job.order.name} {job.stage}",
        )  # fmt: skip
        self.jobs[task.remote(job, self.mail)] = job

    def events(self, timeout: float) -> list[Event]:
        """What the tasks told, and which of them died."""
        if not self.jobs:
            return []
        done, _ = self.ray.wait(list(self.jobs), num_returns=1, timeout=timeout)
        died = []
        for task in done:
            job = self.jobs.pop(task)
            how = fate(self.ray, task)
            if how:
                died.append(Event(job.number, job.stage, "died", how))
        return [*self._mail(), *died]

    def _mail(self) -> list[Event]:
        return self.ray.get(self.mail.take.remote())

    def stop(self) -> None:
        """Cancel what runs and leave the cluster."""
        for task in self.jobs:
            self.ray.cancel(task, force=True)
        end_monitor(self.ray)
        self.ray.shutdown()


class Mail:
    """Where tasks leave what they have to tell; an actor beside whoever handed them over."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def put(self, events: list[Event]) -> None:
        """Keep them until they are taken."""
        self.events += events

    def take(self) -> list[Event]:
        """All that came since."""
        events, self.events = self.events, []
        return events


def perform(job: Job, mail: Any) -> None:
    """One job on the node that Ray chose."""
    import ray  # pyright: ignore[reportMissingImports]

    alone_with_the_log()
    waiting: list[Event] = []

    def tell(event: Event) -> None:
        waiting.append(event)
        if event.kind in ("starts", "tick", "ends"):
            mail.put.remote(waiting[:])
            waiting.clear()

    carry_out(job, Teller(job, tell, PULSE))
    ray.get(mail.put.remote(waiting))  # all is there before the task counts as done


def connected(address: str) -> Any:
    """Ray, joined to a cluster, or to one that it starts on this machine and that nobody else can reach."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == "local":
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # its servers then bind to the loopback device
    ray = require("ray", "ray")
    atexit.register(end_monitor, ray)  # before Ray's own goodbye, if it is stopped while it starts
    more = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **more)
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        mend = "ray start --head, or --ray-address local for a cluster on this machine alone"
        raise UserError(f"no Ray cluster can be used ({' '.join(str(error).split())[:160]})", address, mend) from error
    return ray


def end_monitor(ray: Any) -> None:
    """Of a cluster of our own. Ray ends it after the server that it says goodbye to, and waits a second in vain."""
    with suppress(AttributeError):  # no public name ends it; without this the stop is a second slower
        ray._private.worker._global_node.kill_monitor(check_alive=False)


def largest_node(ray: Any) -> dict[str, float]:
    """The most that one node has to give; where none gives anything yet, one that will come may."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return {name: max((r.get(name, 0) for r in alive), default=0) or float("inf") for name in ("CPU", "memory")}


def beside_us(ray: Any, address: str) -> dict[str, Any]:
    """Where the mail is kept: on the node of this process, which must live anyway; a client has none."""
    if address.startswith("ray://"):
        return {"num_cpus": 0}
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # pyright: ignore[reportMissingImports]

    here = ray.get_runtime_context().get_node_id()
    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}


def fate(ray: Any, task: Any) -> tuple[str, bool] | None:
    """How a task that is over died, and whether for lack of memory; None if it did not."""
    try:
        ray.get(task)
    except ray.exceptions.OutOfMemoryError:
        return "Ray ended it, the node's memory was nearly full", True
    except ray.exceptions.RayTaskError as error:  # not the stage, whose errors are told: what carries it
        return f"{type(error.cause).__name__}: {error.cause}", False
    except ray.exceptions.RayError as error:
        return type(error).__name__, False
    return None
