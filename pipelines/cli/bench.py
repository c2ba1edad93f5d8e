"""regpipe bench: runs against ground truth, by our own measure."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pipelines.cli.main import Exit


@click.group()
def bench() -> None:
    """Score runs against ground truth. The pipeline itself never sees it."""


@bench.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def score(runs: Path, truth: Path, as_json: bool) -> int:
    """Compare RUNS/obj_NNNNNN/result.json with TRUTH/obj_NNNNNN.json and .ply.

    All distances are shares of the object's diameter. h95: 95 % of the true surface moved by the found transform lies nearer
    than this to where it belongs; right below 0.02. loose: the mean of it below 0.1.
    """
    from pipelines.bench.score import score_all

    rows = score_all(runs, truth)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return Exit.ACCEPTED
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 1))
    heads = ["object", "right", "accepted", "confidence", "degrees", "mean", "h95", "chamfer", "complete", "seconds"]
    for head in heads:
        table.add_column(head, justify="left" if head == "object" else "right", header_style="dim")
    for row in rows:
        table.add_row(*(f"{row[h]:.4f}" if isinstance(row.get(h), float) else str(row.get(h, "-")) for h in heads))
    console = Console(highlight=False)
    console.print(table)
    done = [r for r in rows if "right" in r]
    wrong = sum(bool(r["accepted"]) and not r["right"] for r in done)
    console.print(
        f"{len(rows)} objects, right {sum(r['right'] for r in done)}, loose {sum(r['loose'] for r in done)}, accepted {sum(r['accepted'] for r in done)}, of these wrong {wrong}"
    )
    return Exit.ACCEPTED
