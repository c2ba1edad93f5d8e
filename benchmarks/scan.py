"""Films of a part on the printed board through `regpipe capture` and `regpipe run`, judged by the truth: python benchmarks/scan.py --help."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from pipelines.cli.main import main as regpipe
from registration.geometry.camera import Cameras
from registration.geometry.distance import surface_distance
from registration.geometry.laying import followed
from registration.geometry.mesh import TriMesh
from registration.geometry.ply import read_ply
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Rigid

POINTS = 20_000


def called(*arguments: object) -> float:
    """Seconds that a command took; its failure ends the benchmark, but for an answer that was not accepted."""
    start = time.monotonic()
    try:
        regpipe([str(a) for a in arguments])
    except SystemExit as stop:
        if stop.code not in (0, 3):
            raise
    return time.monotonic() - start


def mesh_of(file: Path) -> TriMesh:
    """A PLY file's surface."""
    points, _, _, faces = read_ply(file)
    return TriMesh(points, faces)


def judge_capture(folder: Path, part: TriMesh, truth: dict) -> dict[str, float]:
    """Masks and poses of a capture against those of the film."""
    gt, camera = (json.loads((folder / f"scene_{n}.json").read_text()) for n in ("gt", "camera"))
    there = part.moved(Rigid.from_matrix(truth["T_board_from_part"]))
    caster, overlaps, turns, shifts = Caster(there.vertices, there.faces), [], [], []
    for key, (pose,) in gt.items():
        true = Rigid.from_matrix(truth["T_cam_from_board"][int(key)])
        found = Rigid(np.reshape(pose["cam_R_m2c"], (3, 3)), np.array(pose["cam_t_m2c"]))
        mask = np.asarray(Image.open(folder / "mask_visib" / f"{int(key):06d}_000000.png")) > 0
        K = np.reshape(camera[key]["cam_K"], (1, 3, 3))
        seen = np.isfinite(depth_image(caster, Cameras(K, true.R[None], true.t[None], *mask.shape[::-1]), 0)[0])
        overlaps.append((mask & seen).sum() / (mask | seen).sum())
        turns.append(found.angle_deg(true))
        shifts.append(np.linalg.norm(found.inverse().t - true.inverse().t))
    facts = json.loads((folder / "scan.json").read_text())
    return {
        "views": len(gt), "reprojection_px": facts["reprojection_px"], "iou": float(np.mean(overlaps)),
        "iou_worst": float(np.min(overlaps)), "turn_deg": float(np.median(turns)), "turn_deg_worst": float(np.max(turns)),
        "shift_mm": float(np.median(shifts)), "shift_mm_worst": float(np.max(shifts)),
    }  # fmt: skip


def chamfer(a: TriMesh, b: TriMesh, rng: np.random.Generator) -> float:
    """Mean distance of both surfaces to each other, mm."""
    return float(np.mean([surface_distance(x.sample(POINTS, rng)[0], y, rng).mean() for x, y in ((a, b), (b, a))]))


def judge_model(out: Path, part: TriMesh, truth: dict) -> dict[str, object]:
    """The model against the true part where it stood on the board, and with what is left of a free motion taken away."""
    rng = np.random.default_rng(0)
    model, result = mesh_of(out / "model.ply"), json.loads((out / "result.json").read_text())
    true = part.moved(Rigid.from_matrix(truth["up"]["T_board_from_part"]))
    up, down = (Rigid.from_matrix(truth[h]["T_board_from_part"]) for h in ("up", "down"))
    G, found = up @ down.inverse(), Rigid.from_matrix(result["T_up_from_down"])
    ours, theirs = model.sample(5000, rng)[0], true.sample(5000, rng)
    from scipy.spatial import KDTree

    _, T = followed(ours, theirs[0], true.face_normals()[theirs[1]], KDTree(theirs[0]), Rigid.identity(), 30)
    d = truth["diameter"]
    moved = np.linalg.norm(found.apply(down.apply(part.vertices)) - G.apply(down.apply(part.vertices)), axis=1)
    return {
        "accepted": result["accepted"], "confidence": result["confidence"], "degrees_off": found.angle_deg(G),
        "h95_d": float(np.quantile(moved, 0.95) / d), "chamfer_d_as_it_lies": chamfer(model, true, rng) / d,
        "chamfer_d": chamfer(model.moved(T), true, rng) / d,
    }  # fmt: skip


def main() -> None:
    """Capture, register, judge; what is there already is only judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path, help="what `regpipe data video` made: BOP_ROOT/NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/scan"))
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--halves", nargs="+", default=["up", "down"])
    a = parser.parse_args()
    truth_folder = a.films.with_name(f"{a.films.name}_truth")
    truth, part = json.loads((truth_folder / "films.json").read_text()), mesh_of(truth_folder / "part.ply")
    for half in a.halves:
        folder = a.out / half
        seconds = 0.0 if folder.exists() else called("capture", "from-video", a.films / f"{half}.mp4", "--to", folder)
        print(half, json.dumps({**judge_capture(folder, part, truth[half]), "seconds": round(seconds)}), flush=True)
    if len(a.halves) == 2:
        out = a.out / "out"
        seconds = 0.0
        if not (out / "result.json").exists():
            seconds = called(
                "run", "--up", a.out / "up", "--down", a.out / "down", "--out", out, "--preset", a.preset, "--quiet"
            )
        print("model", json.dumps({**judge_model(out, part, truth), "seconds": round(seconds)}))


if __name__ == "__main__":
    main()
