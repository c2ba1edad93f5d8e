"""regpipe bench: runs against ground truth, by our own measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pipelines.cli.main import Exit
from registration.errors import UserError


@click.group()
def bench() -> None:
    """Score runs against ground truth. The pipeline itself never sees it."""


@bench.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--store", type=click.Path(path_type=Path), help="[default: .store beside RUNS]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def score(runs: Path, truth: Path, store: Path | None, as_json: bool) -> int:
    """Compare RUNS/obj_NNNNNN/result.json with TRUTH/obj_NNNNNN.json and .ply.

    All distances are shares of the object's diameter. h95: 95 % of the true surface moved by the found transform lies nearer
    than this to where it belongs; right below 0.02. loose: the mean of it below 0.1.

    The second table judges the pose labels of the images of `down` as BOP does, in recalls: vsd, mssd and mspd at ten thresholds
    each and ar, their mean; add and adds (ADD-S) below 0.1 diameters, add02 and adds02 below 0.02. ar_both: over the images of
    `up` too, whose labels are right by definition. mssd and mspd know only the symmetries that the truth names
    (symmetries_discrete, symmetries_continuous), add knows none.
    """
    from pipelines.bench.bop import RECALLS, means
    from pipelines.bench.score import score_all

    rows = score_all(runs, truth, store)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return Exit.ACCEPTED
    heads = ["object", "right", "accepted", "confidence", "degrees", "mean", "h95", "chamfer", "complete", "seconds"]
    show(rows, heads)
    done = [r for r in rows if "right" in r]
    wrong = sum(bool(r["accepted"]) and not r["right"] for r in done)
    click.echo(
        f"{len(rows)} objects, right {sum(r['right'] for r in done)}, loose {sum(r['loose'] for r in done)}, accepted {sum(r['accepted'] for r in done)}, of these wrong {wrong}\n"
    )
    shown = [*rows, {"object": "mean", **means(rows)}]
    show(
        [row | {n: f"{row[n]:.3f}" for n in RECALLS if n in row} for row in shown],
        ["object", *RECALLS, "symmetries"],
    )
    if not any(row.get("symmetries") for row in rows):
        click.echo("The truth names no symmetries: a turn that the shape does not show is wrong to mssd, mspd and add.")
    alone = sum(row.get("labels_against") == "themselves" for row in rows)
    if alone:
        click.echo(
            f"{alone} objects without their captures in the store: judged by the transform and their own labels."
        )
    return Exit.ACCEPTED


@bench.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--store", type=click.Path(path_type=Path), help="[default: .store beside RUNS]")
@click.option("--against", type=click.Choice(["truth"]), help="Also fuse both halves by the true transform.")
@click.option(
    "--full", is_flag=True, help="With --against truth: train the field of both captures too, a minute an object."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def halves(runs: Path, truth: Path, store: Path | None, against: str | None, full: bool, as_json: bool) -> int:
    """Judge both halves' clouds of RUNS by the true surface, after `regpipe run` (--until clouds is enough).

    Distances are shares of the object's diameter. mean, p95: of the cloud to the surface; within: the share of the cloud
    nearer than 0.015; cover: the share of the surface seen by three views that is nearer than that to the cloud; psnr in dB
    and iou as the run found them without the truth; fused, joint: mean two-sided Chamfer distance of both by the true transform,
    fused and as one field; least: what two samples of the true surface itself have, the least that can be reached.
    """
    from pipelines.bench.halves import medians, score_halves

    if full and against is None:
        raise UserError("the field of both captures needs the transform", "--full", "add --against truth")
    rows = score_halves(runs, truth, store, against == "truth", full)
    if not any("mean" in row for row in rows):
        raise UserError("no clouds", runs, "regpipe run --dataset D --all --until clouds makes them")
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return Exit.ACCEPTED
    middle = medians(rows)
    show([*rows, {"object": "median", "half": "", **middle}], ["object", "half", *middle])
    return Exit.ACCEPTED


def show(rows: list[dict[str, Any]], heads: list[str]) -> None:
    """A table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0))
    for head in heads:
        table.add_column(head, justify="left" if head == "object" else "right", header_style="dim", no_wrap=True)
    for row in rows:
        table.add_row(*(cell(row.get(head, "-")) for head in heads))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # into a file or a pipe nothing is cut
    console.print(table)


def cell(value: Any) -> str:
    """Shares with four digits after the point, larger numbers with one."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) < 2 else f"{value:.1f}"
