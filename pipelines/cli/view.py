"""regpipe view: one object in a window, in the browser, as a picture or as a recording."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.main import Exit
from pipelines.cli.setup import ADDRESS
from pipelines.store import Where
from registration.errors import UserError

if TYPE_CHECKING:
    from registration.viz.scene import Scene


@click.command()
@click.option("--dataset", help="Name of the data set.")
@click.option("--objid", type=click.IntRange(0), help="Object; needless where there is only one.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where results are."
)
@click.option("--store", type=ADDRESS, help="Where cached artifacts are.  [default: OUT/.store]")
@click.option("--cad", type=click.Path(path_type=Path), help="CAD model to be shown beside: ply, stl, obj, glb, off.")
@click.option("--save", type=click.Path(path_type=Path), metavar="PNG", help="Write a picture; needs no display.")
@click.option("--rerun", type=click.Path(path_type=Path), metavar="RRD", help="Write a recording for rerun's viewer.")
@click.option("--web", is_flag=True, help="Show it in the browser, on this machine only, until Ctrl-C.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Of --web.")
def view(
    dataset: str | None,
    objid: int | None,
    out: Path,
    store: Where | None,
    cad: Path | None,
    save: Path | None,
    rerun: Path | None,
    web: bool,
    port: int,
) -> int:
    """Look at one object: both clouds before and after the ICP, the model, the cameras, the CAD model.

    Opens a window; --save, --rerun and --web need no display, and can be asked for together. Shows the newest that was
    kept, whatever its parameters; where the store is gone, the files of the result.
    """
    from pipelines.view.find import find
    from pipelines.view.gather import gather

    for file, suffix in ((save, ".png"), (rerun, ".rrd")):
        if file is not None and (file.suffix.lower() != suffix or file.is_dir()):
            raise UserError(f"not the name of a {suffix} file", file, f"write it as NAME{suffix}")
    scene = gather(find(out, store, dataset, objid))
    if cad is not None:
        scene = with_cad(scene, cad)
    for line in scene.missing:
        click.echo(f"regpipe: {line}", err=True)
    try:
        write(scene, save, rerun)
    except OSError as error:
        raise UserError(error.strerror or str(error), error.filename, "name another file") from error
    if web:
        in_browser(scene, port)
    elif save is None and rerun is None:
        from registration.viz.window import show

        show(scene)
    return Exit.ACCEPTED


def write(scene: Scene, save: Path | None, rerun: Path | None) -> None:
    """The files that were asked for; says where each is."""
    if save is not None:
        from registration.viz.pictures import png
        from registration.viz.still import picture_of

        save.parent.mkdir(parents=True, exist_ok=True)
        save.write_bytes(png(picture_of(scene)))
        click.echo(str(save))
    if rerun is not None:
        from registration.viz.recording import record

        rerun.parent.mkdir(parents=True, exist_ok=True)
        record(scene, rerun)
        click.echo(str(rerun))


def with_cad(scene: Scene, file: Path) -> Scene:
    """The scene with a CAD model laid over what was found."""
    from registration.viz.cad import beside

    found = scene.model or scene.up.cloud
    assert found is not None  # a scene has one of them
    points = scene.model.vertices if scene.model is not None else scene.up.cloud.points  # type: ignore[union-attr]
    skin, said = beside(file, points, found.normals)
    return replace(scene, cad=skin, cad_said=said)


def in_browser(scene: Scene, port: int) -> None:
    """Serve until Ctrl-C."""
    from registration.viz.web import HOST, serve

    server = serve(scene, port)
    click.echo(f"http://{HOST}:{server.get_port()} shows {scene.name}; Ctrl-C ends it")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        server.stop()
