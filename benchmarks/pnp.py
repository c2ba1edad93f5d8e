"""Solvers of PnP on the learned correspondences of real images: OpenCV's, poselib's, and triangles with depth.

    python benchmarks/pnp.py runs/tless_dev ../shared/bench/tless_dev_truth

Reads the features of finished runs (`regpipe stage features --half up`). Every method gets the same draws of correspondences of the
same images, those in the band of overlap (see `regpipe bench images`). A pose is right below an ADD of 0.1 diameters.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import KDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.bench.images import PLACED, SHARED, shared
from pipelines.bench.score import truths
from pipelines.bench.strangers import half_of
from pipelines.bucket import open_store
from pipelines.halves import kept
from pipelines.store import Store
from registration.embedding.match import REPROJECTION, correspondences, pnp
from registration.embedding.pool import best_of, fit, spots_in, transforms
from registration.embedding.query import answers_of
from registration.embedding.record import Features
from registration.geometry.camera import Cameras
from registration.geometry.pose_error import add
from registration.geometry.rigid import Array, Rigid
from registration.sources.surfemb import DRAWN, seen_and_said

EVERY = 4
"""Every so many images are asked."""
Method = Callable[[Array, Array, Cameras], Rigid | None]


def by_opencv(flags: int, iterations: int, usac: int | None = None) -> Method:
    """One of OpenCV's."""

    def solve(pixels: Array, places: Array, camera: Cameras) -> Rigid | None:
        K = camera.K[0]
        if usac is None:
            ok, r, t, _ = cv2.solvePnPRansac(
                places, pixels, K, None, iterationsCount=iterations, reprojectionError=REPROJECTION, flags=flags
            )
        else:
            p = cv2.UsacParams()
            p.maxIterations, p.threshold, p.score = iterations, REPROJECTION, usac
            p.sampler, p.loMethod, p.confidence = cv2.SAMPLING_UNIFORM, cv2.LOCAL_OPTIM_INNER_LO, 0.9999
            ok, _, r, t, _ = cv2.solvePnPRansac(places, pixels, K, None, params=p)
        return Rigid(cv2.Rodrigues(r)[0], t.ravel()) if ok else None

    return solve


def by_poselib(iterations: int) -> Method:
    """poselib's."""

    def solve(pixels: Array, places: Array, camera: Cameras) -> Rigid | None:
        found = pnp(pixels, places, camera, 0, iterations)
        return None if found is None else found[0]

    return solve


METHODS: dict[str, Method] = {
    "cv2 EPnP RANSAC 1k": by_opencv(cv2.SOLVEPNP_EPNP, 1_000),
    "cv2 AP3P RANSAC 3k": by_opencv(cv2.SOLVEPNP_AP3P, 3_000),
    "cv2 USAC MAGSAC 3k": by_opencv(0, 3_000, cv2.SCORE_METHOD_MAGSAC),
    "cv2 USAC MSAC 3k": by_opencv(0, 3_000, cv2.SCORE_METHOD_MSAC),
    "poselib 3k": by_poselib(3_000),
    "poselib 20k": by_poselib(20_000),
}


def judge(store: Store, name: str, facts: dict, rows: dict[str, list[tuple[bool, float]]]) -> None:
    """All methods on the images of down against the features of up."""
    features = kept(store, name, "features-up", Features)
    if features is None:
        return
    F, up, down = features[0], half_of(store, name, "up"), half_of(store, name, "down")
    G, d = Rigid.from_matrix(np.array(facts["T_up_from_down"])), float(facts["diameter"])
    views = [int(v) for v in np.flatnonzero(shared(down, up, G, d) >= SHARED)[::EVERY]]
    if not views:
        return
    pictures, said = seen_and_said(F, down, "cpu", views)
    points, surface = up.cloud.points[::20], KDTree(F.points)
    for k in range(len(views)):
        camera, rng = pictures.looks.cameras.only(k), np.random.default_rng(k)
        true = camera.pose(0) @ G.inverse()
        answers = answers_of(F, said, k)
        if len(answers.pixels) < 20:
            continue
        pixels, at = correspondences(answers, DRAWN, rng)
        for title, solve in METHODS.items():
            start = time.perf_counter()
            T = solve(pixels, F.points[at], camera)
            spent = time.perf_counter() - start
            rows.setdefault(title, []).append((T is not None and add(T, true, points) < PLACED * d, spent))
        start = time.perf_counter()
        spots = spots_in(pictures.looks, said, F, k)
        best = best_of(transforms(spots, F, rng, 120, 20_000), partial(fit, spots, F, surface), 1)
        spent = time.perf_counter() - start
        right = bool(best) and add(camera.pose(0) @ best[0][0].inverse(), true, points) < PLACED * d
        rows.setdefault("triangles with depth", []).append((right, spent))


def main() -> None:
    """A row per method."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("runs", type=Path)
    ask.add_argument("truth", type=Path)
    ask.add_argument("--store")
    p = ask.parse_args()
    store, rows = open_store(p.store or p.runs.parent / ".store"), {}
    for file in truths(p.truth):
        judge(store, f"{p.runs.name}/{file.stem}", json.loads(file.read_text()), rows)
    print(f"{'method':24} {'images':>7} {'right':>7} {'ms':>7}")
    for title, found in rows.items():
        right, spent = np.array(found, float).T
        print(f"{title:24} {len(found):7} {right.mean():7.2f} {1000 * np.median(spent):7.0f}")


if __name__ == "__main__":
    main()
