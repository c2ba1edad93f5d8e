"""regpipe export: finished results for other tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from pipelines.cli.main import Exit
from registration.errors import UserError


@click.command()
@click.argument("what", type=click.Choice(["ply", "cloud", "chamfer", "labels", "pred6d"]))
@click.option("--dataset", required=True)
@click.option("--objid", type=int, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where results are."
)
@click.option("--to", type=click.Path(path_type=Path), required=True, help="File or folder to write.")
@click.option("--force", is_flag=True, help="Replace what is there.")
def export(what: str, dataset: str, objid: int, out: Path, to: Path, force: bool) -> int:
    """Write the model (ply), the cloud, the Chamfer table (csv or json by the file's name), BOP labels, or pred6d.json."""
    from pipelines.publish import read_result

    folder = out / dataset / f"obj_{objid:06d}"
    if read_result(folder) is None:
        raise UserError(
            "no finished result",
            folder,
            f"regpipe run --dataset {dataset} --objid {objid} first, or name the place with --out",
        )
    if to.exists() and not force:
        raise UserError("something is there already", to, "name another place, or pass --force")
    to.parent.mkdir(parents=True, exist_ok=True)
    if what == "labels":
        if to.is_dir():
            shutil.rmtree(to)
        shutil.copytree(folder / "labels", to)
    elif what == "pred6d":
        to.write_text(json.dumps(pred6d(folder, objid), indent=1))
    else:
        source = {"ply": "model.ply", "cloud": "cloud.ply"}.get(
            what
        ) or f"report/chamfer.{'json' if to.suffix == '.json' else 'csv'}"
        shutil.copyfile(folder / source, to)
    click.echo(str(to))
    return Exit.ACCEPTED


def pred6d(folder: Path, objid: int) -> dict[str, dict[str, list[list[float]]]]:
    """Half -> image id -> the model's pose in the camera, 4x4, millimetres."""
    out: dict[str, dict[str, list[list[float]]]] = {}
    for half in ("up", "down"):
        body = json.loads((folder / "labels" / half / "scene_gt.json").read_text())
        out[half] = {}
        for image, entries in body.items():
            R, t = entries[0]["cam_R_m2c"], entries[0]["cam_t_m2c"]
            out[half][image] = [[*R[0:3], t[0]], [*R[3:6], t[1]], [*R[6:9], t[2]], [0, 0, 0, 1]]
    return out
