"""What a run would do: every stage, why, where, what it takes."""

from __future__ import annotations

from typing import Any

import click

from pipelines.cli.drive import How
from pipelines.cli.main import Exit
from pipelines.cli.setup import Request, order_of
from pipelines.engines.chains import Nobody, chain_of
from pipelines.engines.estimate import Expected
from pipelines.engines.job import PUBLISH, PUBLISHING

COLOURS = {"fresh": "dim", "stale": "yellow", "missing": "cyan", "failed": "red", "skipped": "dim"}


def tell(request: Request, wanted: list[int | None], until: str | None, forced: frozenset[str], how: How) -> int:
    """A table for each object, and what it comes to."""
    from pipelines.bucket import open_store
    from pipelines.cli.screen import clock

    graph = request.graph()
    expected = Expected(graph, request.configuration()).remember(open_store(request.store or request.out / ".store"))
    works, longest, stages = 0.0, 0.0, 0
    for objid in wanted:
        order = order_of(request, objid, publish=until in (None, graph.order[-1]))
        chain, _ = chain_of(0, order, until, forced)
        show(rows_of(order, set(chain.todo), until, forced, expected, request.device), order.name)
        work, path = chain.left(expected)
        works, longest, stages = works + work, max(longest, path), stages + len(chain.todo)
    where = f"on Ray ({how.ray_address})" if how.engine == "ray" else f"here, {how.here} at a time"
    least = max(longest, works / (how.jobs or how.here)) if how.engine == "local" or how.jobs else longest
    click.echo(f"{counted(stages, 'stage')} of {counted(len(wanted), 'object')} {where}: {clock(works)} of work, done in {clock(least)} at best")
    return Exit.ACCEPTED


def rows_of(
    order: Any, todo: set[str], until: str | None, forced: frozenset[str], expected: Expected, device: str
) -> list[dict[str, str]]:
    """What every stage would do; those that are only made if they are asked for say so."""
    graph, rows = order.graph, []
    wanted = graph.upstream(until) if until else graph.always
    asking = {a for s in todo - {PUBLISH} for asked in graph[s].asks.values() for a in graph.upstream(asked)} - wanted
    for step in order.run(Nobody()).plan():
        if step.stage not in wanted | asking:
            continue
        needs, asker = graph[step.stage].needs, graph.asked_by(step.stage)
        runs, asked = step.stage in todo, step.stage in asking and step.state != "fresh"
        why = "asked for" if step.stage in forced and step.state == "fresh" else "; ".join(step.reasons)
        rows.append(
            row(step.stage, step.state, f"only if {asker} asks" if asked else why, needs, expected, device)
            if runs or asked
            else {"stage": step.stage, "state": "fresh"}
        )
    if PUBLISH in todo:
        rows.append(row(PUBLISH, "missing", "the files of the result", PUBLISHING, expected, "cpu"))
    return rows


def row(stage: str, state: str, why: str, needs: Any, expected: Expected, device: str) -> dict[str, str]:
    """One stage that would run."""
    gpu = f"{needs.gpus:g}" if needs.gpus and device != "cpu" else ""
    figures = {"cpus": f"{needs.cpus:g}", "gpu": gpu, "MiB": f"{needs.memory_mib}"}
    return {"stage": stage, "state": state, **figures, "seconds": f"{expected.seconds(stage):.1f}", "why": why}


def show(rows: list[dict[str, str]], title: str) -> None:
    """As a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1))
    for head in ("stage", "state", "cpus", "gpu", "MiB", "seconds", "why"):
        table.add_column(
            head, justify="right" if head in ("cpus", "gpu", "MiB", "seconds") else "left", header_style="dim"
        )
    for r in rows:
        state = f"[{COLOURS[r['state']]}]{r['state']}"
        table.add_row(r["stage"], state, *(r.get(k, "") for k in ("cpus", "gpu", "MiB", "seconds", "why")))
    Console(highlight=False).print(table)


def counted(number: int, what: str) -> str:
    """1 stage, 2 stages."""
    return f"{number} {what}{'' if number == 1 else 's'}"
