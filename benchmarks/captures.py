"""Three captures of a part, all together and every two of them, judged by the truth; and a wrong pair planted: python benchmarks/captures.py --help."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.scan import called, chamfer, mesh_of
from pipelines.bucket import open_store
from pipelines.chain import graph_of
from pipelines.pairs import argument, names_of, pairs_of, stage_of
from pipelines.placed import half_in
from pipelines.store import Place
from registration.data.synthetic.dataset import SynthParams, turned_over, write_capture
from registration.data.synthetic.parts import make_part
from registration.geometry.distance import surface_distance
from registration.geometry.mesh import diameter
from registration.geometry.ply import write_ply
from registration.geometry.rigid import Rigid
from registration.progress import silent
from registration.verify.params import VerifyParams
from registration.verify.together import joined

NAMES = ("up", "down", "side")
WITHIN = 0.01
"""Of the true surface so much of the diameter away from the model is not there."""


def make(root: Path, seed: int, views: int, lowest_deg: float) -> None:
    """Render the part as it stands, turned over, and lying on a side."""
    rng = np.random.default_rng([seed, 3])
    part = make_part("none", rng)
    size = diameter(part.mesh.vertices)
    rest = Rigid(Rotation.from_rotvec([0, 0, rng.uniform(0, 2 * np.pi)]).as_matrix(), np.zeros(3))
    lying = Rigid.exp([np.pi / 2 + rng.normal(0, 0.05), 0, 0, *rng.uniform(-0.04, 0.04, 3) * size])
    poses = {"up": rest, "down": turned_over(size, 4.0, rng).inverse() @ rest, "side": lying @ rest}
    params, tone = SynthParams(views=views, size=168, lowest_deg=lowest_deg), float(rng.uniform(0.35, 0.75))
    truth: dict[str, Any] = {"diameter": size}
    for name, pose in poses.items():
        frame = write_capture(root / name, part.mesh, pose, 1, params, tone, rng, silent)
        truth[name] = (frame.inverse() @ pose).as_matrix().tolist()
    (root.parent / f"{root.name}_truth").mkdir(exist_ok=True)
    (root.parent / f"{root.name}_truth" / "captures.json").write_text(json.dumps(truth, indent=1))
    mesh = part.mesh
    tint = np.full((len(mesh.vertices), 3), 150, np.uint8)
    write_ply(root.parent / f"{root.name}_truth" / "part.ply", mesh.vertices, mesh.vertex_normals(), tint, mesh.faces)


def off_by(T: Rigid, G: Rigid, points: np.ndarray) -> float:
    """95 % of the points come nearer than this to where they belong, mm."""
    return float(np.quantile(np.linalg.norm(T.apply(points) - G.apply(points), axis=1), 0.95))


def judge(out: Path, root: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The model and the captures' places against the truth."""
    folder, rng = root.parent / f"{root.name}_truth", np.random.default_rng(0)
    truth, part, result = json.loads((folder / "captures.json").read_text()), mesh_of(folder / "part.ply"), json.loads((out / "result.json").read_text())
    true = {name: Rigid.from_matrix(truth[name]) for name in names}  # T_capture_from_part
    model, d = mesh_of(out / "model.ply"), truth["diameter"]
    whole = part.moved(true[names[0]])
    far = surface_distance(whole.sample(20_000, rng)[0], model, rng) / d
    body = result.get("captures", {})
    places = [c.get("T_model_from_capture") for c in body.values()] or [np.eye(4).tolist(), result["T_up_from_down"]]
    off = [None if T is None else off_by(Rigid.from_similarity(T) @ true[n], true[names[0]], part.vertices) / d for n, T in zip(names, places, strict=True)]
    return {
        "accepted": result["accepted"], "confidence": result["confidence"], "places_off_d": [v and round(v, 4) for v in off[1:]],
        "chamfer_d": round(chamfer(model, whole, rng) / d, 5), "complete": round(float((far < WITHIN).mean()), 4),
        "seconds": round(sum(result["stages"].values())),
    }  # fmt: skip


def planted(out: Path, name: str, wrong: tuple[str, str], degrees: float) -> dict[str, Any]:
    """Turn one registration, say that it is accepted, and join again."""
    store, graph = open_store(out / ".store"), graph_of(3)

    def record(stage: str) -> Any:
        place: Place = store.place(name, stage)
        manifest = place.newest()
        assert manifest
        return place.load(graph[stage].record_type(), manifest["key"])

    names = names_of(3)
    inputs = {argument(s): record(s) for s in graph["join"].inputs.values()}
    halves, found = [half_in(inputs, n) for n in names], {}
    for pair in pairs_of(names):
        r = inputs[argument(stage_of("icp", pair))]
        if pair == wrong:
            middle = inputs[argument(stage_of("clouds", pair))].up.points.mean(0)
            turn = Rigid(Rotation.from_rotvec([0, 0, np.radians(degrees)]).as_matrix(), np.zeros(3))
            about = Rigid(turn.R, middle - turn.apply(middle))
            r = replace(r, T_up_from_down=about @ r.T_up_from_down, confidence=0.999, accepted=True)
        found[names.index(pair[0]), names.index(pair[1])] = r
    params = replace(VerifyParams(), same_side_cost=0.0, doubt_side=0.0)
    answer = joined(halves, found, names, params, np.random.default_rng(0))
    return {
        "wrong": "-".join(wrong), "turned": degrees, "confidence": round(answer.confidence, 4), "accepted": answer.accepted,
        "pairs": {f"{names[p['a']]}-{names[p['b']]}": p["state"] for p in answer.pairs},
    }  # fmt: skip


def main() -> None:
    """Render, run, judge; what is there already is only judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("runs/three/captures"), help="where the captures go")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--views", type=int, default=36)
    parser.add_argument("--lowest-deg", type=float, default=12.0, help="cameras stand so high at least")
    parser.add_argument("--preset", default="quick")
    a = parser.parse_args()
    if not a.root.exists():
        make(a.root, a.seed, a.views, a.lowest_deg)
    for names in (NAMES, *combinations(NAMES, 2)):
        out = a.root.parent / "+".join(names)
        if not (out / "result.json").exists():
            folders = [word for n in names for word in ("--capture", a.root / n)]
            called("run", *folders, "--out", out, "--preset", a.preset, "--quiet")
        print("+".join(names), json.dumps(judge(out, a.root, names)), flush=True)
    out = a.root.parent / "+".join(NAMES)
    for wrong in pairs_of(names_of(3)):
        for degrees in (180.0, 90.0, 12.0):
            print("planted", json.dumps(planted(out, "+".join(NAMES), wrong, degrees)), flush=True)


if __name__ == "__main__":
    main()
