"""regpipe bench: runs against ground truth, by our own measure."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.main import Exit
from pipelines.cli.setup import ADDRESS
from pipelines.cli.tables import show
from pipelines.store import Where
from registration.errors import UserError

if TYPE_CHECKING:
    from pipelines.cli.setup import Request


@click.group()
def bench() -> None:
    """Score runs against ground truth. The pipeline itself never sees it."""


@bench.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--store", type=ADDRESS, help="[default: .store beside RUNS]")
@click.option("--against", type=click.Choice(["truth"]), help="Also let the truth choose among all hypotheses.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def score(runs: Path, truth: Path, store: Where | None, against: str | None, as_json: bool) -> int:
    """Compare RUNS/obj_NNNNNN/result.json with TRUTH/obj_NNNNNN.json and .ply.

    All distances are shares of the object's diameter. h95: 95 % of the true surface moved by the found transform lies nearer
    than this to where it belongs; right below 0.02. loose: the mean of it below 0.1.

    The second table judges the pose labels of the images of `down` as BOP does, in recalls: vsd, mssd and mspd at ten thresholds
    each and ar, their mean; add and adds (ADD-S) below 0.1 diameters, add02 and adds02 below 0.02. ar_both: over the images of
    `up` too, whose labels are right by definition. mssd and mspd know only the symmetries that the truth names
    (symmetries_discrete, symmetries_continuous), add knows none.

    With --against truth, three columns on the hypotheses that verification ranked, chosen by the truth and not by the program:
    pool, the smallest mean of any; seed_right, whether it is below 0.1; pool_h95, the smallest h95 of any.
    """
    from pipelines.bench.pool import pools
    from pipelines.bench.score import score_all

    rows = score_all(runs, truth, store)
    if against:
        rows = [row | pool for row, pool in zip(rows, pools(runs, truth, store), strict=True)]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        show_scores(rows, against is not None)
    return Exit.ACCEPTED


def show_scores(rows: list[dict[str, Any]], against_truth: bool) -> None:
    """Both tables, and a line below each."""
    from pipelines.bench.bop import RECALLS, means
    from pipelines.bench.pool import COLUMNS

    heads = ["object", "right", "accepted", "confidence", "degrees", "mean", "h95", "chamfer", "complete", "seconds"]
    show(rows, [*heads, *COLUMNS] if against_truth else heads)
    done = [r for r in rows if "right" in r]
    wrong = sum(bool(r["accepted"]) and not r["right"] for r in done)
    click.echo(
        f"{len(rows)} objects, right {sum(r['right'] for r in done)}, loose {sum(r['loose'] for r in done)}, accepted {sum(r['accepted'] for r in done)}, of these wrong {wrong}"
    )
    if against_truth:
        pools = [r for r in rows if "pool" in r]
        click.echo(
            f"chosen by the truth among the hypotheses of {len(pools)} objects: mean below 0.1 (seed_right) {sum(r['seed_right'] for r in pools)}, an h95 below 0.02 in the pool {sum(r['pool_h95'] < 0.02 for r in pools)}"
        )
    click.echo()
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


@bench.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--store", type=ADDRESS, help="[default: .store beside RUNS]")
@click.option("--against", type=click.Choice(["truth"]), help="Also fuse both halves by the true transform.")
@click.option(
    "--full", is_flag=True, help="With --against truth: train the field of both captures too, a minute an object."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def halves(runs: Path, truth: Path, store: Where | None, against: str | None, full: bool, as_json: bool) -> int:
    """Judge both halves' clouds of RUNS by the true surface, after `regpipe run` (--until clouds is enough).

    Distances are shares of the object's diameter. mean, p95: of the cloud to the surface; within: the share of the cloud
    nearer than 0.015; cover: the share of the surface seen by three views that is nearer than that to the cloud; psnr: of the
    held-out images in their masks' boxes, the render cut out by the mask as the image is, dB; uncut: the render whole; inside:
    in the masks alone, a pixel off their border; iou as the run found it; psnr_true, uncut_true, inside_true: the same if the
    surface is the true one, which masks that are off and noise still limit; fused, joint: mean
    two-sided Chamfer distance of both by the true transform, fused and as one field, exact to the triangles.
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


@bench.command("images")
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--store", type=ADDRESS, help="[default: .store beside RUNS]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def images_command(runs: Path, truth: Path, store: Where | None, as_json: bool) -> int:
    """How many images of each half the source surfemb places on the other half, after `regpipe stage poses-surfemb`.

    in_band: images of whose seen surface the other half knows half or more; placed: the share of these whose pose has an ADD
    below 0.1 diameters, chosen by what it says and what all images together lead to, which it is offered beside its own guesses;
    alone: chosen by the image itself among its own guesses; among_kept: the best of these by the truth; placed_of_all: as placed,
    of all images. ADD knows no symmetry: an image that cannot tell a part from its turned self counts as not placed.
    """
    from pipelines.bench.images import judge_images

    rows = judge_images(runs, truth, store)
    if not any("placed" in row for row in rows):
        raise UserError("no placed images", runs, "regpipe stage poses-surfemb --dataset D --all makes them")
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return Exit.ACCEPTED
    heads = ["images", "in_band", "placed", "alone", "among_kept", "placed_of_all", "seconds"]
    middle = {h: median(row[h] for row in rows if h in row and row[h] == row[h]) for h in heads}
    show([*rows, {"object": "median", **middle}], ["object", *heads])
    return Exit.ACCEPTED


@bench.command("strangers")
@click.argument("runs", type=click.Path(path_type=Path))
@click.option("--pairs", type=click.IntRange(1), default=20, show_default=True, help="Pairs of different objects.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws the pairs.")
@click.option("--store", type=ADDRESS, help="[default: .store beside RUNS]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def strangers_command(runs: Path, pairs: int, seed: int, store: Where | None, as_json: bool) -> int:
    """Register `up` of one object of RUNS with `down` of another: nothing of it may be accepted.

    The newest halves of the store are taken (`regpipe run --until clouds` is enough), the sources shape and print, and
    verification with its default parameters. mask, free, deep, bare, overlap: the evidence on the best hypothesis.
    """
    from pipelines.bench.strangers import TOLD, strangers
    from pipelines.cli.bars import bar

    with bar("strangers", as_json) as tick:
        rows = strangers(runs, store, pairs, seed, tick)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return Exit.ACCEPTED
    show(rows, ["up", "down", "accepted", "confidence", "source", "candidates", *TOLD, "seconds"])
    fewer = f" ({pairs} were asked for)" if len(rows) < pairs else ""
    highest = max(row["confidence"] for row in rows)
    click.echo(
        f"{len(rows)} pairs of strangers{fewer}, accepted {sum(r['accepted'] for r in rows)}, highest confidence {highest:.4f}"
    )
    return Exit.ACCEPTED


@bench.command("parts")
@click.option("--objects", type=click.IntRange(1), default=60, show_default=True, help="Parts in the data set.")
@click.option("--first", type=click.IntRange(1), default=1, show_default=True, help="Leave out those before it.")
@click.option("--seed", type=click.IntRange(0), default=1000, show_default=True, help="Of the parts.")
@click.option("--views", type=int, default=60, show_default=True, help="Images of each capture.")
@click.option("--size", type=int, default=200, show_default=True, help="Pixels along each side.")
@click.option("--print", "printed", is_flag=True, help="Parts wear a print.")
@click.option(
    "--bop-root",
    type=click.Path(path_type=Path),
    default=Path("bop"),
    envvar="REGPIPE_BOP_ROOT",
    show_default=True,
    help="Where data sets lie.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where results go."
)
@click.option("--preset", type=click.Choice(["quick", "standard", "best"]), default="standard", show_default=True)
@click.option("--set", "sets", multiple=True, metavar="STAGE.PARAM=VALUE", help="One parameter, repeatable.")
@click.option("--until", metavar="STAGE", help="Stop after this stage; icp is enough to judge the transform.")
@click.option("--jobs", type=click.IntRange(1), help="Stages at a time.  [default: 2, on one core 1]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def parts_command(
    objects: int, first: int, seed: int, views: int, size: int, printed: bool, until: str | None, jobs: int | None, as_json: bool,
    **options: Any,
) -> int:  # fmt: skip
    """Render procedural parts, register them, and say by kind of symmetry how often that was right.

    The data set parts-SEED is rendered if it is missing and what is in the store is not made again, so the same command
    goes on where it was stopped. right as in `bench score`; right_accepted: of the right ones; false_accepts: accepted, not
    right; h95: median; seconds: mean of the stages verify and icp.
    """
    from pipelines.bench.parts import PartSet, by_kind, ensure, score_part
    from pipelines.cli.bars import bar
    from pipelines.cli.setup import open_run
    from registration.data.synthetic import SynthParams

    if first > objects:
        raise UserError("no part is left", f"--first {first}", f"the data set has {objects}: raise --objects")
    whole = is_whole(until)
    wanted = PartSet(seed, objects, SynthParams(views, size, printed=printed))
    request = request_of(wanted.name, tuple(range(first, objects + 1)), quiet=as_json, **options)
    with bar(f"rendering {wanted.name}", as_json) as tick:
        ensure(request.bop_root, wanted, tick)
    with aside() if as_json else nullcontext():
        status = registered(request, until, jobs)
    rows = [
        score_part(open_run(request, n, None), request.folder(n), wanted.truth(request.bop_root, n), whole)
        for n in request.objid
    ]
    if as_json:
        click.echo(json.dumps({"kinds": by_kind(rows), "objects": rows}, indent=1))
    else:
        show_parts(rows, by_kind(rows))
    return status if status in (Exit.FAILED, Exit.WRONG_REQUEST) else Exit.ACCEPTED


def show_parts(rows: list[dict[str, Any]], table: list[dict[str, Any]]) -> None:
    """The table, and whom it lacks."""
    show(table, ["kind", "objects", "right", "accepted", "right_accepted", "false_accepts", "h95", "seconds"])
    silent = [row["object"] for row in rows if "right" not in row]
    if silent:
        click.echo(f"{len(silent)} without an answer, counted as not right: {', '.join(silent)}")


def is_whole(until: str | None) -> bool:
    """Whether the run goes to its end; there is nothing to judge before the stage icp."""
    from pipelines.chain import DEFAULT

    if until is not None and "icp" not in DEFAULT.upstream(DEFAULT.named(until).name):
        raise UserError("no transform to judge yet", f"--until {until}", "--until icp is the earliest")
    return until is None or until == DEFAULT.order[-1]


def request_of(dataset: str, objid: tuple[int, ...], **options: Any) -> Request:
    """What `regpipe run` would be asked for; parameters are checked before anything is rendered."""
    from pipelines.cli.setup import Request

    request = Request(
        dataset=dataset, objid=objid, everything=False, up=None, down=None, store=None, config=None, seed=None,
        skip_bad=None, device="auto", verbose=False, **options,
    )  # fmt: skip
    request.configuration()
    return request


def registered(request: Request, until: str | None, jobs: int | None) -> int:
    """What `regpipe run` does; the worst status of all objects."""
    from pipelines.cli.drive import How, drive
    from pipelines.cli.setup import objects_of

    return drive(request, objects_of(request), until, how=How(jobs=jobs))


@contextmanager
def aside() -> Iterator[None]:
    """What is printed meanwhile, also by processes that are started, goes to standard error: the answer stands alone."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
