"""Peers of registration on the very half clouds that the pipeline registered, judged by the true transform.

    python benchmarks/registration.py runs/tless_dev TRUTH [--store STORE] [--method NAME ...] [--json FILE] [--seed 0]

RUNS is what `regpipe run --dataset tless_dev --all` wrote; the half clouds, our hypotheses and our answer are read from its store.
All of a peer's lengths are shares of the diameter; all get the outward normals and the colours where they can use them, and
several scales or starts. Where a peer's own parts give several candidates, that with the best fitness is its answer: the share of
either half's points that meet the other half within 1 % of the diameter and 60 degrees of its normal. No peer sees an image.

turn+colour-icp   the public way of joining up/down onboarding sequences: half a turn about a level axis known beforehand, centroids put
                  on each other, coloured multi-scale ICP (Open3D). The axis is not known here: x and y of the frame that the
                  cameras of each half stand upright in are tried.
turns+colour-icp  the same, generously: half turns about twelve level axes, every 15 degrees.
fpfh-ransac, fgr  FPFH at three scales with RANSAC or fast global registration, then multi-scale point-to-plane ICP (Open3D).
kiss-matcher      at four scales, each refined by small_gicp as its authors do.
small_gicp        GICP from 256 rotations spread evenly, coarse to fine.
splatreg          made for splats: every point becomes a flat Gaussian along its normal, the body of the size (28 cm) that the defaults
                  are tuned for; its registrar for partial overlap and the one that starts from Open3D's features, in both directions.
ours              the pipeline's answer (stages poses, verify, icp; their seconds as the run kept them). It also sees masks and free space.
oracle            the best of our hypotheses and our answer by the truth: what a perfect choice would give. Not a method.

Seconds are of the wall, one thread, imports left out. Turning and refining are judged as `regpipe bench score` does.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from registration.geometry.rigid import Array, Rigid
from registration.geometry.rotation import spread_rotations
from registration.nerf.record import Cloud
from registration.sources.base import Hypotheses

ICP_SCALES = (0.08, 0.04, 0.02, 0.01)
"""Voxels of every multi-scale ICP, shares of the diameter; partners are sought within twice that."""
FEATURE_SCALES = (0.02, 0.03, 0.05)
KISS_SCALES = (0.015, 0.02, 0.03, 0.05)
STARTS, KEPT = 256, 32
FITS = 0.01
"""A point meets the other half within this share of the diameter; so many points of each half are asked."""
SPLAT_SIZE = 0.28
PIP = {"kiss_matcher": "kiss-matcher"}
COLUMNS = ("right", "loose", "seconds")


@dataclass(frozen=True, eq=False)
class Pair:
    """Both half clouds, and the axis that the cameras of each stand upright to."""

    up: Cloud
    down: Cloud
    axis_up: Array  # (3,)
    axis_down: Array  # (3,)
    d: float
    """Diameter in mm, as estimated from the halves."""

    def centred(self, R: Array) -> Rigid:
        """A rotation that leaves the centroids on each other."""
        return Rigid(R, self.up.points.mean(0) - R @ self.down.points.mean(0))


@dataclass(frozen=True, eq=False)
class Case:
    """One object: what there is to register, our answer, and where its truth lies."""

    pair: Pair
    ours: Rigid
    seconds: float
    pool: Hypotheses
    truth: Path


class Fitness:
    """The share of either half's points that meet the other half; higher is better."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self.trees = pair, (KDTree(pair.up.points), KDTree(pair.down.points))

    def __call__(self, T: Rigid) -> float:
        """Of one transform."""
        up, down, back = self.pair.up, self.pair.down, T.inverse()
        there = self.share(T.apply(down.points), T.turn(down.normals), up, self.trees[0])
        return (there + self.share(back.apply(up.points), back.turn(up.normals), down, self.trees[1])) / 2

    def share(self, points: Array, normals: Array, other: Cloud, tree: KDTree) -> float:
        """Of points already moved into the other half's frame."""
        far, near = tree.query(points)
        return float(((far < FITS * self.pair.d) & ((other.normals[near] * normals).sum(1) > 0.5)).mean())

    def best(self, candidates: Iterable[Rigid]) -> Rigid:
        """The fittest of some."""
        found = list(candidates)
        if not found:
            raise RuntimeError("no candidate")
        return max(found, key=self)


def rigid(matrix: Any) -> Rigid:
    """The rotation nearest to a matrix of single precision, and its shift."""
    M = np.asarray(matrix, float)
    u, _, vt = np.linalg.svd(M[:3, :3])
    return Rigid(u @ vt, M[:3, 3])


def upright_frame(axis: Array) -> Array:  # (3, 3), its columns x, y, z
    """A frame whose z is the axis and whose x is the capture's own, levelled."""
    x = np.eye(3)[0] if abs(axis[0]) < 0.9 else np.eye(3)[1]
    x = x - axis * (axis @ x)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(axis, x), axis], 1)


def half_turns(pair: Pair, angles_deg: Iterable[float]) -> list[Rigid]:
    """Half turns about level axes, this far from x."""
    up, down = upright_frame(pair.axis_up), upright_frame(pair.axis_down)
    axes = [np.array([np.cos(a), np.sin(a), 0]) for a in np.radians(list(angles_deg))]
    return [pair.centred(up @ (2 * np.outer(a, a) - np.eye(3)) @ down.T) for a in axes]


def open3d_cloud(cloud: Cloud, voxel: float) -> Any:
    """Open3D's cloud with outward normals and colours, thinned."""
    import open3d as o3d

    out = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(cloud.points))
    out.normals = o3d.utility.Vector3dVector(cloud.normals)
    out.colors = o3d.utility.Vector3dVector(cloud.colours / 255.0)
    return out.voxel_down_sample(voxel).normalize_normals()


def open3d_icp(pair: Pair, starts: Iterable[Rigid], coloured: bool) -> list[Rigid]:
    """Multi-scale ICP from several starts; those that lose all partners are left out."""
    import open3d as o3d

    o3d.utility.set_verbosity_level(o3d.utility.VerbosityLevel.Error)
    reg = o3d.pipelines.registration
    icp = reg.registration_colored_icp if coloured else reg.registration_icp
    how = (reg.TransformationEstimationForColoredICP if coloured else reg.TransformationEstimationPointToPlane)()
    scales = [(v * pair.d, *(open3d_cloud(c, v * pair.d) for c in (pair.down, pair.up))) for v in ICP_SCALES]
    enough, found = reg.ICPConvergenceCriteria(1e-7, 1e-7, 60), []
    for start in starts:
        T = start.as_matrix()
        try:
            for voxel, down, up in scales:
                T = icp(down, up, 2 * voxel, T, how, enough).transformation
        except RuntimeError:  # no partner within reach
            continue
        found.append(rigid(T))
    return found


def turn_colour(pair: Pair, seed: int, step_deg: float = 90.0) -> Rigid:
    """Half turns about level axes so far apart, then coloured ICP."""
    starts = half_turns(pair, np.arange(0, 180, step_deg))
    return Fitness(pair).best(open3d_icp(pair, starts, coloured=True))


def features(pair: Pair, seed: int, fast: bool = False) -> Rigid:
    """FPFH with RANSAC or fast global registration at several scales, then ICP."""
    import open3d as o3d

    reg, starts = o3d.pipelines.registration, []
    o3d.utility.random.seed(seed)
    for voxel in (v * pair.d for v in FEATURE_SCALES):
        down, up = (open3d_cloud(c, voxel) for c in (pair.down, pair.up))
        near = o3d.geometry.KDTreeSearchParamHybrid(radius=5 * voxel, max_nn=100)
        pair_of_features = [reg.compute_fpfh_feature(c, near) for c in (down, up)]
        if fast:
            option = reg.FastGlobalRegistrationOption(
                maximum_correspondence_distance=voxel, iteration_number=128, maximum_tuple_count=10_000
            )
            result = reg.registration_fgr_based_on_feature_matching(down, up, *pair_of_features, option)
        else:
            checks = [
                reg.CorrespondenceCheckerBasedOnEdgeLength(0.9),
                reg.CorrespondenceCheckerBasedOnDistance(1.5 * voxel),
            ]
            result = reg.registration_ransac_based_on_feature_matching(
                down, up, *pair_of_features, True, 1.5 * voxel, reg.TransformationEstimationPointToPoint(False), 3, checks,
                reg.RANSACConvergenceCriteria(1_000_000, 0.9999),
            )  # fmt: skip
        starts.append(rigid(result.transformation))
    return Fitness(pair).best(open3d_icp(pair, starts, coloured=False))


def small_gicp_from(
    pair: Pair, starts: Iterable[Rigid], scales: Iterable[tuple[float, float]]
) -> list[tuple[int, Rigid]]:
    """GICP from several starts at several (voxel, reach); the partners found at the last scale, and where it ended."""
    import small_gicp

    clouds = [
        (reach * pair.d, *(small_gicp.preprocess_points(c.points, voxel * pair.d, 20) for c in (pair.up, pair.down)))
        for voxel, reach in scales
    ]
    found = []
    for start in starts:
        T, partners = start.as_matrix(), 0
        for reach, (up, tree), (down, _) in clouds:
            result = small_gicp.align(
                up, down, tree, T, "GICP", reach, max_iterations=40, rotation_epsilon=1e-4, translation_epsilon=1e-5 * pair.d
            )  # fmt: skip
            T, partners = result.T_target_source, result.num_inliers
        if partners:
            found.append((partners, rigid(T)))
    return found


def apart(guesses: Iterable[Rigid], d: float, most: int) -> list[Rigid]:
    """The first ones that differ from all before by 5 degrees or 3 % of the diameter."""
    out: list[Rigid] = []
    for T in guesses:
        if len(out) < most and all(T.angle_deg(o) > 5 or np.linalg.norm(T.t - o.t) > 0.03 * d for o in out):
            out.append(T)
    return out


def multi_start(pair: Pair, seed: int) -> Rigid:
    """GICP from rotations spread evenly: coarse for all, finer for the different ones that found most partners."""
    starts = (pair.centred(R) for R in spread_rotations(STARTS))
    coarse = sorted(small_gicp_from(pair, starts, [(0.04, 0.2), (0.04, 0.04)]), key=lambda f: -f[0])
    first = apart((T for _, T in coarse), pair.d, KEPT)
    return Fitness(pair).best(T for _, T in small_gicp_from(pair, first, [(0.02, 0.06), (0.01, 0.03)]))


def kiss_matcher(pair: Pair, seed: int) -> Rigid:
    """KISS-Matcher at several scales, each refined by small_gicp; clouds of diameter 100, as it refuses small voxels."""
    import kiss_matcher as kiss

    scale, starts = 100 / pair.d, []
    clouds = [(scale * (c.points - c.points.mean(0))).astype(np.float32) for c in (pair.down, pair.up)]
    for voxel in KISS_SCALES:
        config = kiss.KISSMatcherConfig(voxel_size=100 * voxel, enable_noise_bound_clamping=False)
        result = kiss.KISSMatcher(config).estimate(*clouds)
        if result.valid:
            R = rigid(np.column_stack([result.rotation, np.zeros(3)])).R
            T = Rigid(R, np.asarray(result.translation, float) / scale)
            starts.append(Rigid(R, T.t + pair.up.points.mean(0) - R @ pair.down.points.mean(0)))
    return Fitness(pair).best(T for _, T in small_gicp_from(pair, starts, [(0.02, 0.06), (0.01, 0.03)]))
