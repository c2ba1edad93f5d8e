"""From a request to objects on an engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from pipelines.cli.main import Exit
from pipelines.cli.setup import Request, order_of


@dataclass(frozen=True)
class How:
    """Who carries out the stages."""

    engine: str = "local"
    jobs: int | None = None
    """Stages at a time: two here if there are two cores, what the cluster holds on Ray."""
    ray_address: str = "auto"

    @property
    def here(self) -> int:
        """Stages at a time on this machine: both halves of an object side by side."""
        return self.jobs or min(2, os.cpu_count() or 1)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Who carries out the stages of `run`."""
    options = [
        click.option(
            "--jobs", type=click.IntRange(1),
            help="Stages at a time, each in a process.  [default: 2, on one core 1; of Ray: all that fit]",
        ),
        click.option(
            "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
            help="Processes on this machine, or a Ray cluster.",
        ),
        click.option(
            "--ray-address", default="auto", show_default=True, metavar="auto|local|HOST:PORT|ray://HOST:PORT",
            help="The cluster; local starts one on this machine for the time of the run.",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def engine_of(how: How, device: str) -> Any:
    """The engine, ready."""
    if how.engine == "ray":
        from pipelines.engines.on_ray import OnRay

        return OnRay(how.ray_address, how.jobs, device)
    from pipelines.engines.local import Local

    return Local(how.here, device)


def worst(statuses: list[int]) -> int:
    """One exit status for many objects."""
    order = [Exit.FAILED, Exit.WRONG_REQUEST, Exit.NOT_ACCEPTED, Exit.ACCEPTED]
    return next((int(s) for s in order if s in statuses), 0)


def drive(
    request: Request, wanted: list[int | None], until: str | None = None, forced: frozenset[str] = frozenset(),
    how: How = How(), publish: bool = True,
) -> int:  # fmt: skip
    """Objects from captures to results, or to a stage; a broken one does not stop the others."""
    from pipelines.bucket import open_store
    from pipelines.cli.screen import Screen
    from pipelines.engines.estimate import Expected
    from pipelines.engines.schedule import Scheduler, Wish

    request = request.rooted() if how.engine == "ray" else request
    graph = request.graph()
    publish = publish and (until is None or until == graph.order[-1])
    folders = {request.name(objid): request.folder(objid) for objid in wanted}
    wishes = [Wish(request.name(objid), partial(order_of, request, objid, publish)) for objid in wanted]
    expected = Expected(graph, request.configuration()).remember(open_store(request.store or request.out / ".store"))
    engine = engine_of(how, request.device)
    signal.signal(signal.SIGTERM, stop)  # Ray has just set a handler of its own
    with Screen(request.out / "logs", folders.__getitem__, len(wanted), request.quiet, request.verbose) as screen:
        outcomes = Scheduler(wishes, engine, screen, expected, until, forced).go()
    if publish and request.dataset:
        finish_index(request)
    return worst([status_of(outcome) for outcome in outcomes])


def stop(_number: int, _frame: Any) -> None:
    """Told to end by another program: as if by Ctrl-C."""
    raise KeyboardInterrupt


def status_of(outcome: Any) -> int:
    """What the shell is told of one object."""
    if outcome.state == "done":
        return Exit.ACCEPTED if outcome.accepted else Exit.NOT_ACCEPTED
    return Exit.WRONG_REQUEST if outcome.state == "wrong" else Exit.FAILED


def finish_index(request: Request) -> None:
    """The index page of the data set, if anything of it was ever finished."""
    from pipelines.report.finished import write_index

    assert request.dataset
    folder = request.out / request.dataset
    if folder.exists():
        write_index(folder)
