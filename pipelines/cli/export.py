"""regpipe export: finished results, and captures, for other tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.main import Exit
from pipelines.cli.setup import ADDRESS
from pipelines.store import Store, Where
from registration.errors import UserError

if TYPE_CHECKING:
    from registration.data.kinds import CaptureSpec

KINDS = ["ply", "glb", "cloud", "splat", "chamfer", "labels", "pred6d", "turntable", "nerfstudio", "colmap", "bop"]
CAPTURES = ("nerfstudio", "colmap", "bop")
"""What a capture can be written as; the others are results."""


@click.command()
@click.argument("what", type=click.Choice(KINDS))
@click.option("--dataset")
@click.option("--objid", type=int)
@click.option("--capture", type=click.Path(path_type=Path), help="A capture's folder of any kind, instead of --dataset.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where results are."
)
@click.option(
    "--bop-root", type=click.Path(path_type=Path), default=Path("bop"), envvar="REGPIPE_BOP_ROOT", show_default=True
)
@click.option(
    "--half", type=click.Choice(["up", "down"]), help="Which capture, for nerfstudio, colmap, bop; cloud: of this half alone."
)
@click.option(
    "--level", type=click.Choice(["fine", "coarse"]), help="cloud of a half: of which level.  [default: fine]"
)
@click.option("--guessed", is_flag=True, help="pred6d: what single images guessed (stage poses-surfemb), not the labels.")
@click.option("--store", type=ADDRESS, help="Where cached artifacts are.  [default: OUT/.store]")
@click.option("--to", type=click.Path(path_type=Path), required=True, help="File or folder to write.")
@click.option("--force", is_flag=True, help="Replace what is there.")
def export(
    what: str,
    dataset: str | None,
    objid: int | None,
    capture: Path | None,
    out: Path,
    bop_root: Path,
    half: str | None,
    level: str | None,
    guessed: bool,
    store: Where | None,
    to: Path,
    force: bool,
) -> int:
    """Write a result, or a capture, for other tools.

    ply and glb: the model, in millimetres, and in metres with y up. cloud (with --half up: of that half alone, in its
    own frame, and with --level coarse as the coarse level left it); splat: the cloud as flat Gaussian splats.
    chamfer: its table, csv, json or xlsx by the name of the file. turntable: the model turning once, gif or webp. labels: BOP's files.
    pred6d: all poses; with --guessed those that each image guessed for itself, the best first. nerfstudio, colmap, bop: one capture
    (--half, or --capture DIR) cropped to the object, its images straight: transforms.json in metres, a text model or BOP's files in
    millimetres; it needs no run.
    """
    from pipelines.bucket import open_store
    from pipelines.report.finished import name_in
    from pipelines.results import read_result

    if what in CAPTURES and (capture is None) == (half is None):
        raise UserError("which capture?", f"regpipe export {what}", "add --half up or --half down, or --capture DIR alone")
    own = dataset is None and objid is None and what not in CAPTURES and read_result(out) is not None  # of capture folders
    if not own and not (what in CAPTURES and capture) and (dataset is None or objid is None):
        raise UserError("which object?", f"regpipe export {what}", "add --dataset D --objid N, or name a result's folder by --out")
    name = f"{dataset}/obj_{objid or 1:06d}"
    folder = out if own else out / name
    if level and (what != "cloud" or half is None):
        raise UserError("levels are those of a half's cloud", f"--level {level}", "regpipe export cloud --half up")
    if guessed and what != "pred6d":
        raise UserError("only poses are guessed by images", f"export {what} --guessed", "regpipe export pred6d --guessed")
    if what not in CAPTURES and not (what == "cloud" and half) and not guessed and read_result(folder) is None:
        raise UserError(
            "no finished result",
            folder,
            f"regpipe run --dataset {dataset} --objid {objid} first, or name the place with --out",
        )
    if to.exists() and not force:
        raise UserError("something is there already", to, "name another place, or pass --force")
    if to.exists() and to.is_dir() != (what in ("labels", *CAPTURES)):
        raise UserError("a folder is no file, and a file no folder", to, "name another place")
    if what == "turntable" and to.suffix not in (".gif", ".webp"):
        raise UserError("a turntable is a GIF or a WebP", to, "name it .gif or .webp")
    if own and (half or guessed):
        name = name_in(open_store(store or out / ".store"), out)
    to.parent.mkdir(parents=True, exist_ok=True)
    beside = to.with_name(f".{to.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    if what in CAPTURES:
        capture_to(what, beside, spec_for(capture, bop_root, dataset, objid, half), objid or 1)
    elif what == "cloud" and half:
        cloud_to(beside, open_store(store or out / ".store"), name, half, level == "coarse")
    elif guessed:
        from pipelines.halves import guesses_of_images

        beside.write_text(json.dumps(guesses_of_images(open_store(store or out / ".store"), name), indent=1))
    else:
        result_to(what, folder, objid or 1, beside, to.suffix)
    if to.is_dir():
        shutil.rmtree(to)
    beside.replace(to)
    click.echo(str(to))
    return Exit.ACCEPTED


def spec_for(capture: Path | None, root: Path, dataset: str | None, objid: int | None, half: str | None) -> CaptureSpec:
    """The capture that is meant."""
    from registration.data.kinds import find_pair, spec_of

    if capture:
        return spec_of(capture, "up", "--capture")
    return find_pair(root, dataset or "", objid or 0)[half == "down"]


def capture_to(what: str, place: Path, spec: CaptureSpec, objid: int) -> None:
    """One capture as a data set of another kind, at its full resolution; where nobody knows its unit, in that, but for BOP."""
    from registration.data.bop_write import write_bop
    from registration.data.colmap_write import write_colmap
    from registration.data.kinds import read
    from registration.data.nerfstudio_write import Unit, write_nerfstudio
    from registration.data.params import CaptureParams

    capture = read(spec, CaptureParams(max_size=8192, max_views=100_000))  # neither shrunk nor thinned
    if not capture.metric and what != "bop":  # there, lengths are millimetres by definition
        capture = capture.scaled(1 / capture.unit_mm)
    if what == "nerfstudio":
        write_nerfstudio(capture, place, None if capture.metric else Unit(1.0))
    elif what == "colmap":
        write_colmap(capture, place)
    else:
        write_bop(capture, place, capture.notes["objid"] or objid)


def cloud_to(place: Path, store: Store, name: str, half: str, coarse: bool) -> None:
    """The newest cloud of one half in its own frame, of the field's fine level or of its coarse one."""
    from pipelines.halves import cloud_of_half
    from registration.geometry.ply import write_ply

    cloud = cloud_of_half(store, name, half, coarse)
    write_ply(place, cloud.points, cloud.normals, cloud.colours)


def result_to(what: str, folder: Path, objid: int, place: Path, suffix: str) -> None:
    """A finished result in another form."""
    from registration.geometry.ply import read_ply, write_glb, write_splats

    if what == "labels":
        shutil.copytree(folder / "labels", place)
    elif what == "pred6d":
        place.write_text(json.dumps(pred6d(folder, objid), indent=1))
    elif what == "glb":
        write_glb(place, *read_ply(folder / "model.ply"))
    elif what == "splat":
        write_splats(place, *read_ply(folder / "cloud.ply")[:3])
    elif what == "turntable":
        place.write_bytes(turntable(folder / "model.ply", suffix))
    elif what == "chamfer" and suffix == ".xlsx":
        from pipelines.report.table import xlsx_of_file

        place.write_bytes(xlsx_of_file(folder / "report" / "chamfer.json"))
    else:
        files = {"ply": "model.ply", "cloud": "cloud.ply"}
        shutil.copyfile(folder / files.get(what, f"report/chamfer.{'json' if suffix == '.json' else 'csv'}"), place)


def turntable(file: Path, suffix: str) -> bytes:
    """The model turning once, drawn without a display."""
    from registration.geometry.ply import read_ply
    from registration.viz.scene import Skin
    from registration.viz.turntable import as_film, turned

    points, normals, colours, faces = read_ply(file)
    return as_film(turned(Skin(points, faces, normals, colours)), "webp" if suffix == ".webp" else "gif")


def pred6d(folder: Path, objid: int) -> dict[str, dict[str, list[list[float]]]]:
    """Capture -> image id -> the model's pose in the camera, 4x4, millimetres."""
    from registration.data.bop_entries import numbers, read_json
    from registration.data.images import BadFrame

    out: dict[str, dict[str, list[list[float]]]] = {}
    for file in sorted((folder / "labels").glob("*/scene_gt.json"), reverse=True):  # up before down
        half = file.parent.name
        out[half] = {}
        for image, entries in read_json(file).items():
            try:
                entry = entries[0]
                R, t = (numbers(entry, f"cam_{name}_m2c", n, file).tolist() for name, n in (("R", 9), ("t", 3)))
            except (BadFrame, TypeError, KeyError, IndexError) as error:
                what = getattr(error, "reason", "no pose is given")
                raise UserError(f"image {image}: {what}", file, "remove it, and regpipe run writes it anew") from error
            out[half][image] = [[*R[0:3], t[0]], [*R[3:6], t[1]], [*R[6:9], t[2]], [0, 0, 0, 1]]
    return out
