"""Films of a part on the printed board, or on a newspaper, through `regpipe capture` and `regpipe run`, judged by the truth: python benchmarks/scan.py --help."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from pipelines.cli.main import main as regpipe
from registration.data.capture import Capture
from registration.data.kinds import read, spec_of
from registration.data.params import CaptureParams
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


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:  # (n, 3) x2 -> (4, 4)
    """The turn, shift and scale that bring points a nearest to points b (Umeyama)."""
    ma, mb = a.mean(0), b.mean(0)
    u, stretch, vt = np.linalg.svd((b - mb).T @ (a - ma))
    flip = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (stretch * np.diag(flip)).sum() / ((a - ma) ** 2).sum()
    M = np.eye(4)
    M[:3, :3] = scale * u @ flip @ vt
    M[:3, 3] = mb - M[:3, :3] @ ma
    return M


def laid_down(folder: Path, truth: dict) -> tuple[Capture, np.ndarray]:
    """A capture in the unit of its files, and what brings it into the film's frame: nothing if the board gave its own."""
    capture = read(spec_of(folder, "up", "--up"), CaptureParams(max_size=4000))
    capture = capture.scaled(1 / capture.unit_mm)
    if json.loads((folder / "scan.json").read_text())["cameras_by"] == "board":
        return capture, np.eye(4)
    true = [Rigid.from_matrix(truth["T_cam_from_board"][i]).inverse().t for i in capture.ids]
    return capture, similarity(capture.cameras.centres(), np.array(true))


def judge_capture(folder: Path, part: TriMesh, truth: dict) -> dict[str, float]:
    """Masks and poses of a capture against those of the film."""
    capture, M = laid_down(folder, truth)
    scale, turn = np.cbrt(np.linalg.det(M[:3, :3])), Rigid.from_similarity(M)
    there = part.moved(Rigid.from_matrix(truth["T_board_from_part"]))
    caster, overlaps, turns, shifts = Caster(there.vertices, there.faces), [], [], []
    cameras = capture.scaled(scale).moved(turn).cameras
    for n, i in enumerate(capture.ids):
        true, found = Rigid.from_matrix(truth["T_cam_from_board"][i]), Rigid(cameras.R[n], cameras.t[n])
        there_too = Cameras(capture.K[n : n + 1], true.R[None], true.t[None], cameras.width, cameras.height)
        seen, mask = np.isfinite(depth_image(caster, there_too, 0)[0]), capture.mask[n]
        overlaps.append((mask & seen).sum() / (mask | seen).sum())
        turns.append(found.angle_deg(true))
        shifts.append(np.linalg.norm(found.inverse().t - true.inverse().t) / np.linalg.norm(true.inverse().t))
    facts = json.loads((folder / "scan.json").read_text())
    return {
        "views": len(capture), "reprojection_px": facts["reprojection_px"], "iou": float(np.mean(overlaps)),
        "iou_worst": float(np.min(overlaps)), "turn_deg": float(np.median(turns)), "turn_deg_worst": float(np.max(turns)),
        "place_percent": float(100 * np.median(shifts)), "place_percent_worst": float(100 * np.max(shifts)),
        "unit_percent_off": float(100 * (scale - 1)) if facts["unit"] == "mm" else None,
    }  # fmt: skip


def chamfer(a: TriMesh, b: TriMesh, rng: np.random.Generator) -> float:
    """Mean distance of both surfaces to each other, mm."""
    return float(np.mean([surface_distance(x.sample(POINTS, rng)[0], y, rng).mean() for x, y in ((a, b), (b, a))]))


def judge_model(out: Path, captures: Path, part: TriMesh, truth: dict) -> dict[str, object]:
    """The model against the true part where it stood, and with what is left of a free motion taken away."""
    from scipy.spatial import KDTree

    rng, d = np.random.default_rng(0), truth["diameter"]
    model, result = mesh_of(out / "model.ply"), json.loads((out / "result.json").read_text())
    up, down = (Rigid.from_matrix(truth[h]["T_board_from_part"]) for h in ("up", "down"))
    lay_up, lay_down = (laid_down(captures / h, truth[h])[1] for h in ("up", "down"))
    unit = {h: np.diag([u, u, u, 1.0]) for h, u in result["unit_mm"].items()}
    to_film = lay_up @ np.linalg.inv(unit["up"])  # from the frame of up, millimetres or nearly such
    film_up_from_down = to_film @ np.array(result["T_up_from_down"]) @ unit["down"] @ np.linalg.inv(lay_down)
    found, grown = Rigid.from_similarity(film_up_from_down), np.cbrt(np.linalg.det(film_up_from_down[:3, :3]))
    there = down.apply(part.vertices) @ film_up_from_down[:3, :3].T + film_up_from_down[:3, 3]
    moved = np.linalg.norm(there - up.apply(part.vertices), axis=1)
    laid = TriMesh(model.vertices @ to_film[:3, :3].T + to_film[:3, 3], model.faces)
    true = part.moved(up)
    ours, theirs = laid.sample(5000, rng)[0], true.sample(5000, rng)
    _, T = followed(ours, theirs[0], true.face_normals()[theirs[1]], KDTree(theirs[0]), Rigid.identity(), 30)
    return {
        "accepted": result["accepted"], "confidence": result["confidence"], "degrees_off": found.angle_deg(up @ down.inverse()),
        "scale_percent_off": float(100 * (grown - 1)), "h95_d": float(np.quantile(moved, 0.95) / d),
        "chamfer_d_as_it_lies": chamfer(laid, true, rng) / d, "chamfer_d": chamfer(laid.moved(T), true, rng) / d,
        "diameter_mm": result["diameter_mm"],
    }  # fmt: skip


def main() -> None:
    """Capture, register, judge; what is there already is only judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path, help="what `regpipe data video` made: BOP_ROOT/NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/scan"))
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--halves", nargs="+", default=["up", "down"])
    parser.add_argument("--capture", default="", help="more for `regpipe capture`, such as '--cameras colmap --marker-size 30'")
    parser.add_argument("--run", default="", help="more for `regpipe run`, such as '--diameter 88'")
    a = parser.parse_args()
    truth_folder = a.films.with_name(f"{a.films.name}_truth")
    truth, part = json.loads((truth_folder / "films.json").read_text()), mesh_of(truth_folder / "part.ply")
    for half in a.halves:
        folder = a.out / half
        seconds = 0.0 if folder.exists() else called("capture", "from-video", a.films / f"{half}.mp4", "--to", folder, *a.capture.split())
        print(half, json.dumps({**judge_capture(folder, part, truth[half]), "seconds": round(seconds)}), flush=True)
    if len(a.halves) == 2:
        out = a.out / "out"
        seconds = 0.0
        if not (out / "result.json").exists():
            seconds = called(
                "run", "--up", a.out / "up", "--down", a.out / "down", "--out", out, "--preset", a.preset, "--quiet",
                *a.run.split(),
            )
        print("model", json.dumps({**judge_model(out, a.out, part, truth), "seconds": round(seconds)}))


if __name__ == "__main__":
    main()
