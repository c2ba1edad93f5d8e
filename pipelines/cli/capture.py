"""regpipe capture: a board to print, and captures from films and photographs of an object on it, or on any textured table."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import click

from pipelines.cli.main import Exit
from registration.errors import UserError, require

if TYPE_CHECKING:
    from registration.data.scan.board import Board
    from registration.data.scan.frames import Pictures
    from registration.data.scan.whole import Scan

NAMED = 6
"""Reasons for images that were left out that are told on the screen; scan.json has them all."""


@click.group()
def capture() -> None:
    """From a film or photographs of an object on a printed board, or on a textured table, to a capture.

    \b
    regpipe capture board --to board.pdf                      print it at 100 %
    regpipe capture from-video up.mp4 --to up                 the object as it stands
    regpipe capture from-video down.mp4 --to down             turned over
    regpipe run --up up --down down --out out
    """


@capture.command()
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    required=True,
    help="PDF to write; its description goes beside it as .json.",
)
@click.option("--paper", type=click.Choice(["a4", "a3", "letter"]), default="a4", show_default=True)
@click.option("--kind", type=click.Choice(["charuco"]), default="charuco", show_default=True)
@click.option("--black", is_flag=True, help="Black on white; masks of grey, black and white objects become worse.")
@click.option("--force", is_flag=True, help="Replace what is there.")
def board(to: Path, paper: str, kind: str, black: bool, force: bool) -> int:
    """Write the board as a PDF at true scale, with a line of 100 mm to check the printer by."""
    from registration.data.scan.board import BOARDS, write_board
    from registration.data.scan.pdf import write_pdf

    if to.suffix.lower() != ".pdf":
        raise UserError("a board is a PDF", to, "name it .pdf")
    if to.exists() and not force:
        raise UserError("something is there already", to, "name another place, or pass --force")
    to.parent.mkdir(parents=True, exist_ok=True)
    write_pdf(to, BOARDS[paper], black)
    write_board(to.with_suffix(".json"), BOARDS[paper])
    click.echo(f"{to}\n{to.with_suffix('.json')}   (--board {paper} means the same)")
    click.echo("Print at 100 %, then measure the line below the pattern: if it is not 100 mm, say so with --ruler.")
    return Exit.ACCEPTED


def common(command: Callable[..., int]) -> Callable[..., int]:
    """Options of both ways in."""
    for option in reversed([
        click.option("--to", type=click.Path(path_type=Path), required=True, help="The capture's folder."),
        click.option("--cameras", type=click.Choice(["auto", "board", "colmap"]), default="auto", show_default=True,
                     help="What they are found by. auto: the board if it is seen, else COLMAP if it is installed."),
        click.option("--board", default="a4", show_default=True, help="a4, a3, letter, or the JSON file of the board."),
        click.option("--ruler", type=click.FloatRange(50, 200), default=100.0, show_default=True, help="What the printed line of 100 mm measures, mm."),
        click.option("--frames", type=click.IntRange(8, 500), default=60, show_default=True, help="Images to take."),
        click.option("--size", type=click.IntRange(64, 1920), default=960, show_default=True, help="Longest side of the images written, pixels."),
        click.option("--intrinsics", type=click.Path(path_type=Path), help="A lens to believe: intrinsics.json of another capture."),
        click.option("--masks", type=click.Path(path_type=Path), help="Your own masks, named as the photographs or by the frame's number."),
        click.option("--segmenter", help="A segmenter that another package brings."),
        click.option("--turntable", is_flag=True, help="By COLMAP: the camera stood, the object turned; needs masks."),
        click.option("--marker-size", type=click.FloatRange(1, 1000), help="By COLMAP: side of an ArUco or AprilTag marker in the scene, mm."),
        click.option("--diameter", type=click.FloatRange(1, 10_000), help="By COLMAP: about the object's largest extent, mm."),
        click.option("--objid", type=click.IntRange(0), default=1, show_default=True),
        click.option("--force", is_flag=True, help="Replace what is there."),
        click.option("--quiet", is_flag=True),
    ]):  # fmt: skip
        command = option(command)
    return command


@capture.command("from-video")
@click.argument("film", type=click.Path(path_type=Path))
@common
def from_video(film: Path, **options: Any) -> int:
    """A film of the object at rest on the board or a textured table: the camera goes round it, or a turntable turns both."""
    from registration.data.scan.frames import Video

    return captured(Video(film), **options)


@capture.command("from-photos")
@click.argument("folder", type=click.Path(path_type=Path))
@common
def from_photos(folder: Path, **options: Any) -> int:
    """Photographs of the object at rest on the board or a textured table, all by one camera at one zoom."""
    from registration.data.scan.frames import Photos

    return captured(Photos(folder), **options)


def captured(
    pictures: Pictures, to: Path, cameras: Literal["auto", "board", "colmap"], board: str, ruler: float, frames: int,
    size: int, intrinsics: Path | None, masks: Path | None, segmenter: str | None, turntable: bool, marker_size: float | None,
    diameter: float | None, objid: int, force: bool, quiet: bool,
) -> int:  # fmt: skip
    """The capture's folder, whole or not at all, with pictures to check it by, and a table."""
    from pipelines.cli.bars import bar
    from registration.data.kinds import refuse_truth
    from registration.data.scan.board import read_board
    from registration.data.scan.lens import read_lens
    from registration.data.scan.placed import ScanParams
    from registration.data.scan.whole import scan

    refuse_truth(pictures.place)
    if masks:
        refuse_truth(masks)
    if cameras == "board" and (turntable or marker_size or diameter):
        raise UserError("the board tells sizes and turns", "--cameras board", "leave --turntable, --marker-size, --diameter out")
    if cameras == "colmap":
        require("pycolmap", "colmap")
    if masks and segmenter:
        raise UserError("two ways to masks", "--masks and --segmenter", "use one of them")
    if to.exists() and not force:
        raise UserError("something is there already", to, "name another place, or pass --force")
    known: Board = read_board(board).scaled(ruler / 100)
    lens = read_lens(intrinsics) if intrinsics else None
    params = ScanParams(frames, size, cameras, turntable, marker_size or 0.0, diameter or 0.0)
    with bar(f"capturing {pictures.place.name}", quiet) as tick:
        found = scan(pictures, known, lens, masks, segmenter, params, tick)
    files = written(found, to, objid)
    if not quiet:
        tell(found, lens is not None, cameras == "auto")
        for file in files:
            click.echo(str(file))
    click.echo(str(to))
    return Exit.ACCEPTED


def written(found: Scan, to: Path, objid: int) -> list[Path]:
    """Everything is written beside its place and moved there when whole; the pictures' places."""
    from registration.data.scan.write import write_capture
    from registration.viz.pictures import webp
    from registration.viz.scan import check_pictures

    beside = to.with_name(f".{to.name}-{uuid4().hex[:8]}")
    try:
        write_capture(beside, found, objid)
        (beside / "check").mkdir()
        pictures = check_pictures(found)
        for name, picture in pictures.items():
            (beside / "check" / f"{name}.webp").write_bytes(webp(picture))
        if to.is_dir():
            shutil.rmtree(to)
        beside.rename(to)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return [to / "check" / f"{name}.webp" for name in pictures]


def tell(found: Scan, given: bool, unasked: bool) -> None:
    """What was done, in figures."""
    import numpy as np

    c = found.cameras.calibration
    (w, h), each = c.lens.size, [float(np.sqrt((r**2).sum(1).mean())) for r in c.residuals.values()]
    k1, k2, p1, p2 = c.lens.distortion
    doubt = "given" if given else f"+- {c.f_sd:.1f} px by the corners' scatter" if c.f_sd else "by COLMAP"
    worst, what = int(np.argmin(found.agreement)), "corners" if found.cameras.by == "board" else "sightings of points"
    rows = {
        "images": f"{found.cameras.read} read, {len(found.numbers)} taken, {found.cameras.spare} good ones not needed, {len(found.dropped)} dropped",
        "reprojection": f"{c.rms:.2f} px over {sum(map(len, c.residuals.values()))} {what}, worst image {max(each):.2f} px (of {w} x {h})",
        "lens": f"f {c.lens.f:.1f} px ({doubt}), middle {c.lens.centre[0]:.1f} {c.lens.centre[1]:.1f}, k {k1:.3f} {k2:.3f}, p {p1:.4f} {p2:.4f}",
        "cameras": seen_from(found, unasked),
        "masks": f"by {found.masks_by}; agreement with what all have in common {np.median(found.agreement):.3f}, lowest {found.agreement[worst]:.3f} ({found.names[worst]})",
    }  # fmt: skip
    if not found.cameras.metric:
        rows["unit"] = "none: nothing of known size was seen; --marker-size here, or --diameter of regpipe run, gives one"
    for name, text in rows.items():
        click.echo(f"{name:<13} {text}")
    for name, why in list(found.dropped.items())[:NAMED]:
        click.echo(f"{'':<13} {name}: {why}")
    if len(found.dropped) > NAMED:
        click.echo(f"{'':<13} and {len(found.dropped) - NAMED} more, in scan.json")


def seen_from(found: Scan, unasked: bool) -> str:
    """Where the cameras stand, and who says so; ``unasked``: the user left it open who does."""
    import numpy as np

    by, metric = found.cameras.by, found.cameras.metric
    eyes = np.array([T.inverse().t for T in found.views.poses])
    away, up = np.linalg.norm(eyes, axis=1), np.degrees(np.arcsin(eyes[:, 2] / np.linalg.norm(eyes, axis=1)))
    who = "" if by == "board" else "by COLMAP, since no board is seen: " if unasked else "by COLMAP: "
    far = f"{away.mean():.0f} mm away" if metric else "around the object"
    high = f"{up.min():.0f} to {up.max():.0f} degrees above the {'board' if by == 'board' else 'table'}"
    return f"{who}{far}, {high}" if found.cameras.floor else f"{who}{far}"
