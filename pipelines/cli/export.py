"""regpipe export: finished results, and captures, for other tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import cast

import click

from pipelines.cli.main import Exit
from pipelines.cli.setup import ADDRESS
from pipelines.store import Store, Where
from registration.errors import UserError

KINDS = ["ply", "glb", "cloud", "splat", "chamfer", "labels", "pred6d", "turntable", "nerfstudio"]


@click.command()
@click.argument("what", type=click.Choice(KINDS))
@click.option("--dataset", required=True)
@click.option("--objid", type=int, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where results are."
)
@click.option(
    "--bop-root", type=click.Path(path_type=Path), default=Path("bop"), envvar="REGPIPE_BOP_ROOT", show_default=True
)
@click.option(
    "--half", type=click.Choice(["up", "down"]), help="Which capture, for nerfstudio; cloud: of this half alone."
)
@click.option(
    "--level", type=click.Choice(["fine", "coarse"]), help="cloud of a half: of which level.  [default: fine]"
)
@click.option("--store", type=ADDRESS, help="Where cached artifacts are.  [default: OUT/.store]")
@click.option("--to", type=click.Path(path_type=Path), required=True, help="File or folder to write.")
@click.option("--force", is_flag=True, help="Replace what is there.")
def export(
    what: str,
    dataset: str,
    objid: int,
    out: Path,
    bop_root: Path,
    half: str | None,
    level: str | None,
    store: Where | None,
    to: Path,
    force: bool,
) -> int:
    """Write a result, or a capture, for other tools.

    ply and glb: the model, in millimetres, and in metres with y up. cloud (with --half up: of that half alone, in its
    own frame, and with --level coarse as the coarse level left it); splat: the cloud as flat Gaussian splats.
    chamfer: its table, csv, json or xlsx by the name of the file. turntable: the model turning once, gif or webp. labels: BOP's files. pred6d: all poses. nerfstudio: one capture
    (--half) as images, masks and transforms.json in metres; it needs no run.
    """
    from pipelines.bucket import open_store
    from pipelines.results import read_result

    folder = out / dataset / f"obj_{objid:06d}"
    if what == "nerfstudio" and half is None:
        raise UserError("which capture?", "regpipe export nerfstudio", "add --half up or --half down")
    if level and (what != "cloud" or half is None):
        raise UserError("levels are those of a half's cloud", f"--level {level}", "regpipe export cloud --half up")
    if what != "nerfstudio" and not (what == "cloud" and half) and read_result(folder) is None:
        raise UserError(
            "no finished result",
            folder,
            f"regpipe run --dataset {dataset} --objid {objid} first, or name the place with --out",
        )
    if to.exists() and not force:
        raise UserError("something is there already", to, "name another place, or pass --force")
    if to.exists() and to.is_dir() != (what in ("labels", "nerfstudio")):
        raise UserError("a folder is no file, and a file no folder", to, "name another place")
    if what == "turntable" and to.suffix not in (".gif", ".webp"):
        raise UserError("a turntable is a GIF or a WebP", to, "name it .gif or .webp")
    to.parent.mkdir(parents=True, exist_ok=True)
    beside = to.with_name(f".{to.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    if what == "nerfstudio":
        capture_to(beside, bop_root, dataset, objid, cast(str, half))
    elif what == "cloud" and half:
        cloud_to(beside, open_store(store or out / ".store"), f"{dataset}/obj_{objid:06d}", half, level == "coarse")
    else:
        result_to(what, folder, objid, beside, to.suffix)
    if to.is_dir():
        shutil.rmtree(to)
    beside.replace(to)
    click.echo(str(to))
    return Exit.ACCEPTED


def capture_to(place: Path, root: Path, dataset: str, objid: int, half: str) -> None:
    """One capture as a nerfstudio data set, at its full resolution."""
    from registration.data.kinds import find_pair, read
    from registration.data.nerfstudio import write_nerfstudio
    from registration.data.params import CaptureParams

    whole = CaptureParams(max_size=8192, max_views=100_000)  # neither shrunk nor thinned
    up, down = find_pair(root, dataset, objid)
    write_nerfstudio(read(up if half == "up" else down, whole), place)


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
        from pipelines.report.table import xlsx_of

        place.write_bytes(xlsx_of((folder / "report" / "chamfer.json").read_text()))
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
    """Half -> image id -> the model's pose in the camera, 4x4, millimetres."""
    from registration.data.bop_entries import numbers, read_json
    from registration.data.images import BadFrame

    out: dict[str, dict[str, list[list[float]]]] = {}
    for half in ("up", "down"):
        file = folder / "labels" / half / "scene_gt.json"
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
