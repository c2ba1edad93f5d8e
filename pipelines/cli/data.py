"""regpipe data: make, download, list."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from pipelines.cli.main import Exit

ROOT = click.option(
    "--bop-root",
    type=click.Path(path_type=Path),
    default=Path("bop"),
    envvar="REGPIPE_BOP_ROOT",
    show_default=True,
    help="Where data sets lie.",
)


@click.group()
def data() -> None:
    """Make or download data sets."""


@data.command("list")
@ROOT
def list_sets(bop_root: Path) -> int:
    """Data sets that are here, and those that can be had."""
    from registration.data.download import CATALOGUE
    from registration.data.kinds import list_objects
    from registration.errors import UserError

    here = (
        sorted(
            p.name
            for p in bop_root.iterdir()
            if p.is_dir() and not p.name.startswith(".") and not p.name.endswith("_truth")
        )
        if bop_root.is_dir()
        else []
    )
    for name in here:
        try:
            click.echo(f"{name:<20} {len(list_objects(bop_root, name))} objects")
        except UserError:
            click.echo(f"{name:<20} not a layout regpipe reads")
    for name, entry in CATALOGUE.items():
        if name not in here:
            click.echo(f"{name:<20} not here: regpipe data download {name}   ({entry.about})")
    if "mini" not in here:
        click.echo(f"{'mini':<20} not here: made when it is first used")
    return Exit.ACCEPTED


@data.command()
@click.argument("name")
@ROOT
@click.option("--objects", type=int, default=3, show_default=True)
@click.option("--views", type=int, default=60, show_default=True, help="Images of each capture.")
@click.option("--size", type=int, default=200, show_default=True, help="Pixels along each side.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(["none", "near", "exact"]),
    multiple=True,
    help="Symmetry of the parts, repeatable.  [default: one of each in turn]",
)
@click.option(
    "--mesh",
    "meshes",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Your own mesh in millimetres, repeatable; instead of procedural parts.",
)
@click.option("--depth", is_flag=True, help="Depth images too.")
@click.option("--mask-noise", type=click.FloatRange(0, 5), default=1.0, show_default=True, help="0: perfect masks.")
@click.option("--noise", type=click.FloatRange(0, 10), default=1.0, show_default=True, help="Of the sensor.")
@click.option("--gloss", type=click.FloatRange(0, 2), default=0.35, show_default=True)
@click.option("--print", "printed", is_flag=True, help="Printed packages; with --kind or --mesh: those parts, printed.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--force", is_flag=True, help="Replace a data set of this name.")
def synth(name: str, bop_root: Path, objects: int, views: int, size: int, kinds: tuple[str, ...], meshes: tuple[Path, ...], depth: bool,
          mask_noise: float, noise: float, gloss: float, printed: bool, seed: int, force: bool) -> int:  # fmt: skip
    """Render a data set NAME: two captures of each part, turned over in between; the truth in NAME_truth."""
    from pipelines.cli.bars import bar
    from registration.data.synthetic import SynthParams, make_dataset

    params = SynthParams(views, size, depth, mask_noise, noise, gloss, printed=printed)
    with bar(f"rendering {name}") as tick:
        place = make_dataset(
            bop_root, name, objects=objects, seed=seed, kinds=kinds, meshes=meshes, params=params, force=force, tick=tick,  # type: ignore[arg-type]
        )  # fmt: skip
    click.echo(f"{place}   (truth, for judging only: {place}_truth)")
    return Exit.ACCEPTED


@data.command()
@click.argument("name")
@ROOT
@click.option("--frames", type=int, default=150, show_default=True, help="Of each film.")
@click.option("--size", type=(int, int), default=(960, 540), show_default=True, help="Width and height, pixels.")
@click.option("--kind", type=click.Choice(["none", "near", "exact"]), default="none", show_default=True, help="Symmetry of the part.")
@click.option("--mesh", type=click.Path(path_type=Path), help="Your own mesh in millimetres, instead of a procedural part.")
@click.option("--tone", type=click.FloatRange(0.01, 0.95), default=0.45, show_default=True, help="0.03: black, 0.9: white.")
@click.option("--print", "printed", is_flag=True, help="The part is printed as packages are, in place of a tone.")
@click.option("--ground", type=click.Choice(["board", "texture"]), default="board", show_default=True, help="texture: a newspaper in the board's place.")
@click.option("--marker-size", type=click.FloatRange(0, 60), default=0.0, help="A marker of so many mm lies on the newspaper.")
@click.option("--turntable", is_flag=True, help="The board turns with the part, the camera stands.")
@click.option("--black", is_flag=True, help="The board is printed in black.")
@click.option("--photos", is_flag=True, help="Folders of photographs in place of films.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--force", is_flag=True, help="Replace films of this name.")
def video(name: str, bop_root: Path, frames: int, size: tuple[int, int], kind: str, mesh: Path | None, tone: float, printed: bool, ground: Literal["board", "texture"],
          marker_size: float, turntable: bool, black: bool, photos: bool, seed: int, force: bool) -> int:  # fmt: skip
    """Film a part on the printed board, as it stands and turned over: NAME/up.mp4, NAME/down.mp4; the truth in NAME_truth."""
    import numpy as np

    from pipelines.cli.bars import bar
    from registration.data.scan.board import BOARDS
    from registration.data.synthetic.board_scene import FilmParams
    from registration.data.synthetic.dataset import load_part
    from registration.data.synthetic.film import make_films
    from registration.data.synthetic.paint import make_print
    from registration.data.synthetic.parts import make_part

    part = load_part(mesh) if mesh else make_part(kind, np.random.default_rng(seed))  # type: ignore[arg-type]
    params = FilmParams(frames, *size, turntable=turntable, black=black, ground=ground, marker_mm=marker_size)
    size_mm = np.ptp(part.mesh.vertices, axis=0)
    coat = make_print(size_mm, np.random.default_rng([seed, 2]), part.fold == 0) if printed else tone
    with bar(f"filming {name}") as tick:
        place = make_films(bop_root, name, part, coat, BOARDS["a4"], seed, params, photos, force, tick)
    click.echo(f"{place}   (truth, for judging only: {place}_truth)")
    return Exit.ACCEPTED


@data.command()
@click.argument("name")
@ROOT
@click.option("--url", envvar="REGPIPE_DATA_URL", help="A mirror: the folder that holds the archives.")
def download(name: str, bop_root: Path, url: str | None) -> int:
    """Fetch the public data set NAME; an interrupted download goes on where it stopped."""
    from pipelines.cli.bars import bar
    from registration.data.download import download as fetch

    with bar(f"downloading {name}", as_bytes=True) as tick:
        place = fetch(name, bop_root, url=url, tick=tick)
    click.echo(str(place))
    return Exit.ACCEPTED
