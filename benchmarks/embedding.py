"""What the learned correspondences are worth by input channels, start-up weights and steps, on halves that a run left.

    OMP_NUM_THREADS=1 python benchmarks/embedding.py RUNS TRUTH [--objid 1 ...] [--channels normals,mask --channels rgb,mask,edges]
        [--start pretrained --start none] [--steps 60 --steps 180] [--store STORE]

Every combination is trained on both halves of every object. found: pixels of looks kept back that find their place; first: the place of the
first hypothesis within 15 degrees and 0.1 diameters of the truth in the list that goes to verification, which sees up to 24 (-: none);
placed: images in the band of overlap with an ADD below 0.1 diameters (see `regpipe bench images`); seconds of training both halves.
Symmetries that the truth names count as right.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.bench.images import PLACED, SHARED, errors, shared
from pipelines.bench.score import truths
from pipelines.bench.strangers import half_of
from pipelines.bucket import open_store
from registration.embedding.features import embedding_of, features_of, first_query
from registration.embedding.params import CorrespondenceParams, EmbeddingParams, FeatureParams
from registration.embedding.record import Features
from registration.embedding.train import train
from registration.geometry.mesh import diameter
from registration.geometry.pose_error import symmetries_of
from registration.geometry.rigid import Rigid
from registration.progress import silent
from registration.sources.base import HalfModel
from registration.sources.params import PosesParams
from registration.sources.surfemb import bank_of, guess

TURN_DEG, SHIFT = 15.0, 0.1


def learned(half: HalfModel, size: float, params: EmbeddingParams) -> Features:
    """One half's features."""
    rng = np.random.default_rng(0)
    bank = bank_of(half, size, CorrespondenceParams(), rng)
    with TemporaryDirectory() as scratch:
        trainee = train(bank, first_query(params.start, 0), params, 0, "cpu", Path(scratch) / "c.pt", silent)
    return features_of(embedding_of(trainee, bank, params), bank, FeatureParams(), rng)


def judge(halves: dict[str, HalfModel], facts: dict[str, Any], params: EmbeddingParams) -> dict[str, float]:
    """One object, one way to train."""
    up, down, d = halves["up"], halves["down"], float(facts["diameter"])
    size = max(diameter(h.nerf.vertices) for h in (up, down))
    start = time.monotonic()
    keys = learned(up, size, params), learned(down, size, params)
    seconds = time.monotonic() - start
    found = guess(up, down, keys, PosesParams(), np.random.default_rng(0), "cpu")
    G = Rigid.from_matrix(facts["T_up_from_down"])
    right = [S @ G for S in symmetries_of(facts)]
    points = down.cloud.points[::50]

    def good(T: Rigid) -> bool:
        off = [(T.angle_deg(g), float(np.linalg.norm(T.apply(points) - g.apply(points), axis=1).mean())) for g in right]
        return any(a < TURN_DEG and s < SHIFT * d for a, s in off)

    ranks = [k for k, T in enumerate(found.T_up_from_down) if good(Rigid.from_matrix(T))]
    hits: list[bool] = []
    for half, other, T in (("down", "up", G), ("up", "down", G.inverse())):
        band = shared(halves[half], halves[other], T, d) >= SHARED
        off = errors(found.images, half, halves[half], T, halves[other].cloud.points[::20], True)
        hits += [bool(e) and e[0] < PLACED * d for e, inside in zip(off, band, strict=True) if inside]
    return {
        "found": float(np.mean([k.embedding.curve[:, 3].max() for k in keys])), "first": ranks[0] + 1 if ranks else 0,
        "placed": float(np.mean(hits)) if hits else float("nan"), "seconds": seconds,
    }  # fmt: skip


def main() -> None:
    """A line per object and combination, and the means."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("runs", type=Path)
    ask.add_argument("truth", type=Path)
    ask.add_argument("--store")
    ask.add_argument("--objid", type=int, action="append")
    ask.add_argument("--channels", action="append")
    ask.add_argument("--start", action="append")
    ask.add_argument("--steps", type=int, action="append")
    p = ask.parse_args()
    store = open_store(p.store or p.runs.parent / ".store")
    files = [f for f in truths(p.truth) if not p.objid or int(f.stem.split("_")[-1]) in p.objid]
    plain = EmbeddingParams()
    ways = product(p.channels or [",".join(plain.channels)], p.start or [plain.start], p.steps or [plain.steps])
    for channels, start, steps in ways:
        params = EmbeddingParams(steps=steps, channels=tuple(channels.split(",")), start=start)
        rows = []
        for file in files:
            name = f"{p.runs.name}/{file.stem}"
            halves = {half: half_of(store, name, half) for half in ("up", "down")}
            row = judge(halves, json.loads(file.read_text()), params)
            rows.append(row)
            told = f"found {row['found']:.2f} first {row['first'] or '-'} placed {row['placed']:.2f} {row['seconds']:.0f} s"
            print(f"{channels} {start} {steps} {file.stem}: {told}", flush=True)
        within = [r["first"] for r in rows if r["first"]]
        mean = {k: float(np.nanmean([r[k] for r in rows])) for k in ("found", "placed", "seconds")}
        print(f"== {channels} {start} {steps}: found {mean['found']:.2f}, in the list {len(within)} of {len(rows)}, first in "
              f"{sum(f == 1 for f in within)}, placed {mean['placed']:.2f}, {mean['seconds']:.0f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
