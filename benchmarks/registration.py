"""Registration peers on the very half clouds that the pipeline registered, judged by the truth as `regpipe bench score` does.

    OMP_NUM_THREADS=1 python benchmarks/registration.py RUNS TRUTH [--store STORE] [--method NAME ...] [--json FILE] [--seed 0]

RUNS is what `regpipe run --dataset tless_dev --all` wrote; half clouds, hypotheses and our answer are read from its store. Peers get
points, outward normals and colours, no image; their lengths are shares of the diameter. Of several scales or starts, the fittest wins.

turn+colour-icp   the public way of joining up/down onboarding sequences: half a turn about a level axis known beforehand, centroids
                  put on each other, coloured multi-scale ICP (Open3D). The axis is not known here: two at right angles, level to
                  how the cameras stand, are tried; seeds other than 0 turn them at random.
turns+colour-icp  the same, generously: half turns about twelve level axes, every 15 degrees.
fpfh-ransac, fgr  FPFH at three scales with RANSAC or fast global registration, then multi-scale point-to-plane ICP (Open3D).
kiss-matcher      at four scales, each refined by small_gicp, as its authors do.
small_gicp        GICP from 256 rotations spread evenly, coarse to fine.
splatreg          made for splats: its registrar for partial overlap, which reads their centres alone; minutes without a GPU.
ours              after stage icp, in the seconds of poses, verify and icp that the run kept. Sees masks and free space too.
oracle            the best of all our hypotheses by the truth: what a perfect choice would give, no method.

Right is what `regpipe bench score` calls so: 95 % of the surface within 2 % of the diameter, which most turns of a part that is
nearly round are. Where the truth names symmetries, those whose turn is right to 5 degrees are counted, too.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.bench.score import judged, surface, truths
from pipelines.bucket import open_store
from pipelines.store import Store
from registration.geometry.rigid import Array, Rigid
from registration.geometry.rotation import spread_rotations
from registration.nerf.record import Cloud, Clouds

ICP_SCALES, FEATURE_SCALES, KISS_SCALES = (0.08, 0.04, 0.02, 0.01), (0.02, 0.03, 0.05), (0.015, 0.02, 0.03, 0.05)
GICP_COARSE, GICP_FINE = ((0.04, 0.2), (0.04, 0.04)), ((0.02, 0.06), (0.01, 0.03))  # voxel, reach
STARTS, KEPT, SPLAT_SIZE = 256, 32, 0.28
TURN_DEG = 5.0


@dataclass(frozen=True, eq=False)
class Pair:
    """Both half clouds, the axis that the cameras of each stand upright to, the diameter in mm."""

    up: Cloud
    down: Cloud
    axis_up: Array  # (3,)
    axis_down: Array  # (3,)
    d: float

    def centred(self, R: Array) -> Rigid:
        """A rotation that leaves the centroids on each other."""
        return Rigid(R, self.up.points.mean(0) - R @ self.down.points.mean(0))


@dataclass(frozen=True, eq=False)
class Part:
    """What is needed here of the records of poses, verify and icp (one motion or many) and of nerf-HALF."""

    T_up_from_down: Any = None
    axis: Any = None


def fittest(guesses: Iterable[Rigid], pair: Pair) -> Rigid:
    """That with most points of either half within 1 % of the diameter of the other half and 60 degrees of its normal."""
    trees, found = {id(c): KDTree(c.points) for c in (pair.up, pair.down)}, list(guesses)

    def fitness(T: Rigid) -> float:
        shares = []
        for here, there, move in ((pair.down, pair.up, T), (pair.up, pair.down, T.inverse())):
            far, near = trees[id(there)].query(move.apply(here.points))
            agree = (there.normals[near] * move.turn(here.normals)).sum(1) > 0.5
            shares.append(((far < 0.01 * pair.d) & agree).mean())
        return float(np.mean(shares))

    if not found:
        raise RuntimeError("no answer")
    return max(found, key=fitness)


def half_turns(pair: Pair, angles_deg: Array) -> list[Rigid]:
    """Half turns about axes that are level in the upper half's frame, these angles apart from the first."""
    z = pair.axis_up
    x = np.cross(np.eye(3)[np.abs(z).argmin()], z)
    x, upright = x / np.linalg.norm(x), Rotation.align_vectors(z[None], pair.axis_down[None])[0].as_matrix()
    axes = (np.cos(a) * x + np.sin(a) * np.cross(z, x) for a in np.radians(angles_deg))
    return [pair.centred((2 * np.outer(a, a) - np.eye(3)) @ upright) for a in axes]


def open3d_cloud(cloud: Cloud, voxel: float) -> Any:
    """Open3D's cloud with outward normals and colours, thinned."""
    o3d = importlib.import_module("open3d")
    out = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(cloud.points))
    out.normals, out.colors = map(o3d.utility.Vector3dVector, (cloud.normals, cloud.colours / 255))
    return out.voxel_down_sample(voxel).normalize_normals()


def open3d_icp(pair: Pair, starts: Iterable[Rigid], coloured: bool) -> Rigid:
    """Multi-scale ICP from several starts; those that lose all partners, sought within two voxels, are left out."""
    o3d = importlib.import_module("open3d")
    reg, found = o3d.pipelines.registration, []
    icp = reg.registration_colored_icp if coloured else reg.registration_icp
    how = (reg.TransformationEstimationForColoredICP if coloured else reg.TransformationEstimationPointToPlane)()
    scales = [(2 * v * pair.d, *(open3d_cloud(c, v * pair.d) for c in (pair.down, pair.up))) for v in ICP_SCALES]
    for start in starts:
        T = start.as_matrix()
        try:
            for reach, down, up in scales:
                T = icp(down, up, reach, T, how, reg.ICPConvergenceCriteria(1e-7, 1e-7, 60)).transformation
        except RuntimeError:
            continue
        found.append(Rigid.from_matrix(T))
    return fittest(found, pair)


def turn_colour(pair: Pair, seed: int, step_deg: float = 90.0) -> Rigid:
    """Half turns about level axes so far apart, then coloured ICP."""
    first = np.random.default_rng(seed).uniform(0, step_deg) if seed else 0.0
    return open3d_icp(pair, half_turns(pair, first + np.arange(0, 180, step_deg)), coloured=True)


def features(pair: Pair, seed: int, fast: bool = False) -> Rigid:
    """FPFH with RANSAC or fast global registration at several scales, then ICP."""
    o3d = importlib.import_module("open3d")
    reg, starts = o3d.pipelines.registration, []
    o3d.utility.random.seed(seed)
    for voxel in (v * pair.d for v in FEATURE_SCALES):
        clouds = [open3d_cloud(c, voxel) for c in (pair.down, pair.up)]
        near = o3d.geometry.KDTreeSearchParamHybrid(radius=5 * voxel, max_nn=100)
        given = (*clouds, *(reg.compute_fpfh_feature(c, near) for c in clouds))
        if fast:
            option = reg.FastGlobalRegistrationOption(1.4, False, True, voxel, 128, 0.95, 10_000)
            result = reg.registration_fgr_based_on_feature_matching(*given, option)
        else:
            checks = [
                reg.CorrespondenceCheckerBasedOnEdgeLength(),
                reg.CorrespondenceCheckerBasedOnDistance(1.5 * voxel),
            ]
            how, enough = reg.TransformationEstimationPointToPoint(), reg.RANSACConvergenceCriteria(1_000_000, 0.9999)
            result = reg.registration_ransac_based_on_feature_matching(
                *given, True, 1.5 * voxel, how, 3, checks, enough
            )
        starts.append(Rigid.from_matrix(result.transformation))
    return open3d_icp(pair, starts, coloured=False)


def gicp(pair: Pair, starts: Iterable[Rigid], scales: Iterable[tuple[float, float]]) -> list[Rigid]:
    """small_gicp from several starts at several (voxel, reach); those with most partners at the last one first."""
    small_gicp = importlib.import_module("small_gicp")
    thin, found = small_gicp.preprocess_points, []
    levels = [(r * pair.d, *(thin(c.points, v * pair.d, 20) for c in (pair.up, pair.down))) for v, r in scales]
    for start in starts:
        T, partners = start.as_matrix(), 0
        for reach, (up, tree), (down, _) in levels:
            result = small_gicp.align(up, down, tree, T, "GICP", reach, 1, 40, 1e-4, 1e-5 * pair.d)
            T, partners = result.T_target_source, result.num_inliers
        found += [(partners, Rigid.from_matrix(T))] if partners else []
    return [T for _, T in sorted(found, key=lambda f: -f[0])]


def multi_start(pair: Pair, seed: int) -> Rigid:
    """GICP from rotations spread evenly, finer for the first ones that differ by 5 degrees or 3 % of the diameter."""
    first: list[Rigid] = []
    for T in gicp(pair, (pair.centred(R) for R in spread_rotations(STARTS)), GICP_COARSE):
        if len(first) < KEPT and all(T.angle_deg(o) > 5 or np.linalg.norm(T.t - o.t) > 0.03 * pair.d for o in first):
            first.append(T)
    return fittest(gicp(pair, first, GICP_FINE), pair)


def kiss_matcher(pair: Pair, seed: int) -> Rigid:
    """KISS-Matcher at several scales, each refined; clouds of diameter 100, as it refuses small voxels."""
    kiss = importlib.import_module("kiss_matcher")
    scale, starts = 100 / pair.d, []
    clouds = [(scale * (c.points - c.points.mean(0))).astype(np.float32) for c in (pair.down, pair.up)]
    for voxel in KISS_SCALES:
        config = kiss.KISSMatcherConfig(100 * voxel, enable_noise_bound_clamping=False)
        result = kiss.KISSMatcher(config).estimate(*clouds)
        if result.valid:
            R = Rotation.from_matrix(np.asarray(result.rotation)).as_matrix()
            starts.append(Rigid(R, pair.centred(R).t + np.asarray(result.translation) / scale))
    return fittest(gicp(pair, starts, GICP_FINE), pair)


def splatreg(pair: Pair, seed: int) -> Rigid:
    """The points as splats, in a body of the 28 cm that splatreg's defaults are tuned for."""
    import torch

    api = importlib.import_module("splatreg.api")
    scale, both = SPLAT_SIZE / pair.d, []
    for cloud in (pair.up, pair.down):
        means, one = torch.tensor(scale * (cloud.points - cloud.points.mean(0))), torch.ones(len(cloud), 4)
        both.append(api.Gaussians(means, one / 2, one[:, :3] * SPLAT_SIZE / 100, one[:, 0]))
    T = Rigid.from_matrix(api.register(*both, init="features", transform="se3").T.numpy())
    return Rigid(T.R, pair.centred(T.R).t + T.t / scale)


Case = tuple[Pair, list[Rigid], float]  # what to register; our hypotheses, our answer first; the seconds they took
PEERS: dict[str, tuple[Callable[[Pair, int], Rigid], tuple[str, ...]]] = {  # how, and the packages it imports
    "turn+colour-icp": (turn_colour, ("open3d",)),
    "turns+colour-icp": (partial(turn_colour, step_deg=15.0), ("open3d",)),
    "fpfh-ransac": (features, ("open3d",)),
    "fgr": (partial(features, fast=True), ("open3d",)),
    "kiss-matcher": (kiss_matcher, ("kiss_matcher", "small_gicp")),
    "small_gicp": (multi_start, ("small_gicp",)),
    "splatreg": (splatreg, ("splatreg",)),
}


def lacking(packages: tuple[str, ...]) -> str:
    """What is missing, in words; empty if nothing is."""
    try:
        for name in packages:
            importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: a system library is missing
        if getattr(error, "name", None) in packages:
            return f"not installed: pip install {' '.join(packages).replace('kiss_', 'kiss-')}"
        return f"cannot be loaded: {error}"
    return ""


def case_of(store: Store, name: str) -> Case | None:
    """The newest registration of an object and what it was made from; None if there is none."""
    icp = store.place(name, "icp").newest()
    verify = icp and store.place(name, "verify").manifest(icp["inputs"]["verify"])
    if not icp or not verify:
        return None

    def part(stage: str, key: str, kind: type = Part) -> Any:
        return store.place(name, stage).load(kind, key)

    clouds = part("clouds", icp["inputs"]["clouds"], Clouds)
    up, down = (part(f"nerf-{half}", icp["inputs"][f"nerf_{half}"]).axis for half in ("up", "down"))
    asked = [(w.replace("ask ", "poses-"), k) for w, k in verify["inputs"].items() if w[:4] in ("ask ", "pose")]
    made = [verify, *(m for stage, key in asked if (m := store.place(name, stage).manifest(key)))]
    pool = [Rigid.from_matrix(T) for m in made for T in part(m["stage"], m["key"]).T_up_from_down]
    pool.insert(0, part("icp", icp["key"]).T_up_from_down)
    return Pair(clouds.up, clouds.down, up, down, clouds.diameter_mm), pool, sum(m["seconds"] for m in (icp, *made))


def row_of(case: Case, truth: Path, method: str, seed: int) -> dict[str, Any]:
    """One method on one object, and why it failed if it did."""
    (pair, pool, seconds), start = case, time.monotonic()
    row: dict[str, Any] = {"object": truth.stem, "method": method, "right": False, "loose": False}
    try:
        answers = [PEERS[method][0](pair, seed)] if method in PEERS else pool if method == "oracle" else pool[:1]
    except (RuntimeError, ValueError) as error:
        answers, row["failed"] = [], str(error)
    row["seconds"] = time.monotonic() - start if method in PEERS else seconds
    facts, points = json.loads(truth.read_text()), surface(truth.with_suffix(".ply"))
    row["kind"] = facts.get("symmetry", "")
    row |= min((judged(T, facts, points) for T in answers), key=lambda s: (not s["right"], s["h95"]), default={})
    return row | {"turn": row.get("degrees", np.inf) < TURN_DEG}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Counts and mean seconds of each method; right by the kind of symmetry that the truth names, or else h95 of each object.

    A turn counts within TURN_DEG of the truth, or of what its symmetries make of it; so only where it names them.
    """
    kinds = [kind for kind in dict.fromkeys(r["kind"] for r in rows) if kind]
    objects = [] if kinds else sorted({r["object"] for r in rows})
    heads = "".join(f"{k:>8}" for k in kinds) + "".join(f"{o[-4:]:>8}" for o in objects)
    counted = ("right", "loose", *(["turn"] if kinds else []))
    lines = [f"{'':<17}{''.join(f'{k:>7}' for k in counted)}{'h95':>8}{'seconds':>9}{heads}"]
    for method in dict.fromkeys(r["method"] for r in rows):
        own = {r["object"]: r for r in rows if r["method"] == method}
        counts = "".join(f"{sum(r[k] for r in own.values()):>4}/{len(own):<2}" for k in counted)
        h95 = np.median([r.get("h95", np.inf) for r in own.values()])
        marks = {o: "*" if r["right"] else " " if r["loose"] else "!" for o, r in own.items()}
        cells = "".join(f"{own[o].get('h95', np.nan):7.4f}{marks[o]}" if o in own else " " * 8 for o in objects)
        shares = [[r["right"] for r in own.values() if r["kind"] == kind] for kind in kinds]
        cells += "".join(f"{sum(of):>5}/{len(of):<2}" for of in shares)
        lines.append(f"{method:<17}{counts}{h95:8.4f}{np.mean([r['seconds'] for r in own.values()]):9.1f}{cells}")
    return [*lines, *(["objects: h95, * right, ! not even loose, nan no answer"] if objects else [])]


def main() -> None:
    """Register every object by every method and print the table."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("runs", "truth", "--store", "--json"):
        asked.add_argument(name, type=Path)
    asked.add_argument("--method", nargs="+", choices=[*PEERS, "ours", "oracle"], default=[*PEERS, "ours", "oracle"])
    asked.add_argument("--seed", type=int, default=0)
    args = asked.parse_args()
    packages = {m: PEERS[m][1] for m in args.method if m in PEERS}
    gone = {m: what for m, names in packages.items() if (what := lacking(names))}
    rows, runs = [], args.runs.resolve()
    for truth in truths(args.truth):
        case = case_of(open_store(args.store or runs.parent / ".store"), f"{runs.name}/{truth.stem}")
        of = [row_of(case, truth, m, args.seed) for m in args.method if case and m not in gone]
        marks = ", ".join(f"{row['method']} {'right' if row['right'] else 'wrong'}" for row in of)
        print(truth.stem, marks if case else "is not registered yet, left out", file=sys.stderr, flush=True)
        rows += of
    print(*table(rows), *(f"{m:<17} {what}" for m, what in gone.items()), sep="\n")
    print(*(f"{p} {version(p)}" for p in sorted({p for m in packages.keys() - gone for p in packages[m]})), sep=", ")
    if args.json:
        args.json.write_text(json.dumps({"seed": args.seed, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
