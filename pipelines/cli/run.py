"""regpipe run, regpipe stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipelines.cli.drive import How, drive, engine_options, worst
from pipelines.cli.main import Exit
from pipelines.cli.seed_flags import modern, seed_flags
from pipelines.cli.setup import ADDRESS, Request, objects_of, open_run
from registration.errors import UserError


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of run and stage."""
    options = [
        click.option("--dataset", help="Name of the data set under --bop-root."),
        click.option("--objid", type=int, multiple=True, help="Object, repeatable."),
        click.option("--all", "everything", is_flag=True, help="Every object of the data set."),
        click.option("--up", type=click.Path(path_type=Path), help="Capture folder, instead of --dataset."),
        click.option("--down", type=click.Path(path_type=Path), help="The other capture folder."),
        click.option(
            "--capture",
            type=click.Path(path_type=Path),
            multiple=True,
            help="Capture folder, repeatable: two or more of one object, instead of --up and --down.",
        ),
        click.option(
            "--bop-root",
            type=click.Path(path_type=Path),
            default=Path("bop"),
            envvar="REGPIPE_BOP_ROOT",
            show_default=True,
            help="Where data sets lie.",
        ),
        click.option(
            "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where results go."
        ),
        click.option(
            "--store", type=ADDRESS, help="Where cached artifacts go.  [default: OUT/.store]"
        ),
        click.option(
            "--preset",
            type=click.Choice(["quick", "standard", "best"]),
            default="standard",
            show_default=True,
            help="How much work.",
        ),
        click.option("--set", "sets", multiple=True, metavar="STAGE.PARAM=VALUE", help="One parameter, repeatable."),
        click.option("--config", type=click.Path(path_type=Path), help="TOML file of parameters."),
        click.option("--seed", type=click.IntRange(0), help="Of all chance.  [default: 0]"),
        click.option("--skip-bad", type=click.IntRange(0), help="Broken frames to tolerate in each capture."),
        click.option(
            "--unit",
            type=click.Choice(["auto", "mm", "cm", "m", "none"]),
            help="What the captures count lengths in.  [default: auto, as their format says]",
        ),
        click.option(
            "--diameter",
            type=click.FloatRange(0, min_open=True),
            metavar="MM",
            help="The object's largest extent: the scale of captures that have no unit.",
        ),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
        click.option("--verbose", "-v", is_flag=True, help="Say more."),
        click.option("--quiet", "-q", is_flag=True, help="Only the verdict."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def forced_from(graph: Any, start: str | None) -> frozenset[str]:
    """The stages --from makes anew."""
    return frozenset(graph.downstream(start)) if start else frozenset()


@click.command()
@common
@click.option("--from", "start", metavar="STAGE", help="Make this stage and all that follow anew.")
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
@click.option("--force", is_flag=True, help="Make everything anew.")
@click.option("--dry-run", is_flag=True, help="Only say what would run, where, and for how long.")
@engine_options
def run(
    start: str | None, until: str | None, force: bool, dry_run: bool, jobs: int | None, engine: str, ray_address: str,
    **options: Any,
) -> int:  # fmt: skip
    """Register two captures of an object, or more.

    Writes OUT/DATASET/obj_NNNNNN/: result.json, model.ply, cloud.ply, labels/, report/. Exit status 0: accepted; 3: done but
    not accepted; 2: the request or the input is wrong; 1: anything else.
    """
    request = Request(**options)
    graph = request.graph()
    for name in (start, until):
        if name:
            graph.named(name)
    forced = frozenset(graph.order) if force else forced_from(graph, start)
    wanted, how = objects_of(request), How(engine, jobs, ray_address)
    if dry_run:
        from pipelines.cli.dry import tell

        return tell(request, wanted, until, forced, how)
    return drive(request, wanted, until, forced, how)


@click.command()
@click.argument("name")
@common
@click.option("--force", is_flag=True, help="Make it anew even if it is fresh.")
@seed_flags
def stage(
    name: str,
    force: bool,
    half: str | None,
    viz: bool,
    cont: bool,
    image: int | None,
    bestimage: int | None,
    **options: Any,
) -> int:
    """Run one stage NAME; its inputs come from the cache, or are made if they are missing.

    \b
    Stages: capture-up capture-down nerf-up nerf-down clouds poses verify icp fuse nerf-full labels report,
    and for learned correspondences: correspondences-up embedding-up features-up, the same for down.

    poses means every source that verify would ask; poses-shape, poses-print and poses-surfemb are single ones.

    More than two captures (--capture) are called up, down, c3, c4; stages of two of them are icp-up-c3 and the like.
    """
    name = modern(name, half)
    if image is not None and name not in ("poses", "poses-surfemb"):
        raise UserError("--id names one image of stage poses", f"stage {name}", "regpipe stage poses --id N")
    if bestimage is not None:
        if name != "icp":
            raise UserError("--bestimage is where stage icp starts", f"stage {name}", "regpipe stage icp --bestimage N")
        options["sets"] = (*options["sets"], f"icp.image={half or 'down'}:{bestimage}")
    request = Request(**options)
    names = branches(request) if name == "poses" else [request.graph().named(name).name]
    if image is not None:
        return worst([one_image(request, objid, image, half, viz) for objid in objects_of(request)])
    return worst([one_stage(request, objid, n, force, viz, cont) for objid in objects_of(request) for n in names])


def one_image(request: Request, objid: int | None, image: int, half: str | None, viz: bool) -> int:
    """What the learned source says of one image: its poses, and a picture if it is wanted."""
    from pipelines.cli.images import guesses, pictured, told
    from pipelines.engines.chains import Nobody

    status = drive(request, [objid], "poses-surfemb", publish=False)
    if status:
        return status
    run = open_run(request, objid, Nobody())
    found = guesses(run.record("poses-surfemb").images, image, half)
    if not found:
        have = ", ".join(f"{h} {run.record(f'capture-{h}').ids.tolist()}" for h in ("up", "down"))
        raise UserError("no image of this id is placed", f"--id {image}", f"there are {have}"[:300])
    say(request, told(found))
    if viz:
        say(request, [f"  picture: {file}" for file in pictured(run, found, request.folder(objid))])
    return Exit.ACCEPTED


def say(request: Request, lines: list[str]) -> None:
    """Lines, unless only the verdict is wanted."""
    if not request.quiet:
        click.echo("\n".join(lines))


def branches(request: Request) -> list[str]:
    """The stages of the sources that verify asks, or would ask first; of every pair of captures."""
    from pipelines.chain import BRANCHES
    from pipelines.pairs import names_of, pairs_of, stage_of
    from registration.sources.catalogue import in_order

    wanted = request.configuration().verify.sources
    cheap, dear = in_order(wanted, list(BRANCHES))
    asked = cheap if wanted == ("auto",) else [*cheap, *dear]
    pairs = pairs_of(names_of(len(request.capture) or 2))
    return [request.graph().named(stage_of(BRANCHES[name], pair)).name for name in asked for pair in pairs]


def one_stage(request: Request, objid: int | None, name: str, force: bool, viz: bool, cont: bool) -> int:
    """One stage of one object."""
    import shutil

    from pipelines.engines.chains import Nobody

    run = open_run(request, objid, Nobody())
    if not cont:
        shutil.rmtree(run.place(name).scratch(run.keys[name]))
    status = drive(request, [objid], name, frozenset([name]) if force else frozenset(), publish=False)
    if viz and not status:
        from pipelines.cli.show import picture_of

        say(request, [f"  picture: {picture_of(run, name, request.folder(objid))}"])
    return status
