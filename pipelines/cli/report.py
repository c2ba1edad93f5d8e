"""regpipe report: the pages of finished results, and the index of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.main import Exit
from pipelines.cli.setup import ADDRESS
from registration.errors import UserError

if TYPE_CHECKING:
    from pipelines.report.finished import Finished
    from pipelines.store import Store, Where


@click.command()
@click.option("--dataset", help="Data set; without it every one below --out.")
@click.option("--objid", type=int, multiple=True, help="Object, repeatable.  [default: all that are finished]")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where results are."
)
@click.option("--store", type=ADDRESS, help="Where cached artifacts are.  [default: OUT/.store]")
@click.option(
    "--cad",
    type=click.Path(path_type=Path),
    help="CAD model of the one object, mm, any frame: the report measures against it.",
)
@click.option("--index-only", is_flag=True, help="Leave the pages of the objects as they are.")
def report(
    dataset: str | None, objid: tuple[int, ...], out: Path, store: Where | None, cad: Path | None, index_only: bool
) -> int:
    """Write the pages of finished results, and an index page for each data set.

    OUT/DATASET/index.html and OUT/DATASET/obj_NNNNNN/report/index.html open in any browser, without network. A run writes
    them too; this makes them anew without running anything. The CAD model is for the report alone: no result depends on it.
    """
    from pipelines.bucket import open_store
    from pipelines.report.finished import report_of, write_index, write_report

    kept = open_store(store or out / ".store")
    wanted = chosen(dataset, objid, out, kept)
    if cad is not None and (len(wanted) != 1 or index_only):
        raise UserError("a CAD model is that of one object", f"--cad {cad}", "name it with --dataset D --objid N")
    for finished in [] if index_only else wanted:
        made = report_of(finished, kept, cad)
        click.echo(str(write_report(finished.folder, made, finished.result)))
    for folder in dict.fromkeys(f.folder.parent for f in wanted if f.folder != out):
        click.echo(str(write_index(folder)))
    return Exit.ACCEPTED


def chosen(dataset: str | None, objid: tuple[int, ...], out: Path, store: Store) -> list[Finished]:
    """The finished results that are meant."""
    from pipelines.report.finished import name_in, read_finished

    if objid and not dataset:
        raise UserError("which data set?", f"--objid {objid[0]}", "add --dataset D")
    if not dataset and (out / "result.json").is_file():  # of two capture folders
        return [read_finished(out, name_in(store, out))]
    if objid:
        names = [f"{dataset}/obj_{n:06d}" for n in dict.fromkeys(objid)]
    else:
        found = sorted(out.glob(f"{dataset or '*'}/obj_*/result.json"))
        names = [f"{f.parent.parent.name}/{f.parent.name}" for f in found]
    if not names:
        raise UserError("no finished result", out / (dataset or ""), "regpipe run first, or name the place with --out")
    return [read_finished(out / name, name) for name in names]
