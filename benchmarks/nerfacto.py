"""Our field and nerfstudio's nerfacto on the same half, the same machine and the same seconds, judged by the true surface.

REGPIPE_NERFSTUDIO names the environment, see docs/nerfstudio.md. The seconds are those of training: ours from the first ray to
the finished level, the steps of the preset, cut in proportion if they do not fit; nerfacto's as many steps as fit by the speed
of a short training before, start-up left out. Reading off and exporting are not counted for either. Both are trained without
the held-out views.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.bench.halves import judge
from registration.data.capture import Capture
from registration.data.kinds import find_pair, read
from registration.data.params import CaptureParams
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh, read_mesh
from registration.geometry.rigid import Array, Rigid
from registration.nerf.cloud import cloud_of
from registration.nerf.command import environment, versions
from registration.nerf.extract import half_of
from registration.nerf.level import Level
from registration.nerf.params import CloudParams, NerfParams
from registration.nerf.rays import mask_distances
from registration.nerf.record import Cloud
from registration.nerf.studio import cloud_from
from registration.nerf.surface import level_around, level_of
from registration.nerf.train import held_out, hull_start, train
from registration.progress import silent

SPEED_STEPS, SETTLED = 60, 20
"""Steps of the training that nerfacto's speed is measured on, and how many of them come before the clock starts."""
PARTS = ("fog_steps", "rough_steps", "coarse_steps", "middle_steps", "fine_steps")
COLUMNS = ("mean", "p95", "within", "cover", "psnr", "iou")
OWN = NerfParams()


class Clock:
    """A tick that notes when each step was reported."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def __call__(self, done: int, total: int) -> None:
        """Note it."""
        if done and done < total and (not self.seen or done > self.seen[-1][1]):
            self.seen.append((time.monotonic(), done))

    def per_step(self, start: int) -> float:
        """Seconds per step from about this step on."""
        later = [s for s in self.seen if s[1] >= start]
        return (later[-1][0] - later[0][0]) / (later[-1][1] - later[0][1])


def ours(capture: Capture, seconds: float, scratch: Path) -> tuple[Level, str]:
    """Our field in the given seconds, all steps of the preset if they fit; and what it took."""
    params, took = OWN, 0.0
    for n in range(3):
        start = time.monotonic()
        level, _ = train(capture, params, 0, "cpu", scratch / f"own{n}.pt", silent)
        took = time.monotonic() - start
        steps = [getattr(params, name) for name in PARTS]
        if took <= 1.05 * seconds:
            break
        params = replace(params, **{k: int(seconds / took * v) for k, v in zip(PARTS, steps, strict=True)})
    return level, f"{'+'.join(map(str, steps))} steps, {took:.0f} s"


def nerfacto(capture: Capture, box: Box, seconds: float, scratch: Path) -> tuple[Array, Array, str]:
    """Points and normals of nerfacto in the given seconds, as many steps as fit; and what it took."""
    short = replace(OWN, nerfstudio_steps=SPEED_STEPS, nerfstudio_points=1)
    per_step = clocked(capture, box, short, scratch / "speed")[2].per_step(SETTLED)
    for n in range(3):  # again if the machine was faster or slower than it had been
        steps = max(SPEED_STEPS, int(seconds / per_step))
        points, normals, clock = clocked(capture, box, replace(OWN, nerfstudio_steps=steps), scratch / f"whole{n}")
        per_step = clock.per_step(0)
        if abs(steps * per_step / seconds - 1) < 0.1:
            break
    return points, normals, f"{steps} steps, {steps * per_step:.0f} s"


def clocked(capture: Capture, box: Box, params: NerfParams, scratch: Path) -> tuple[Array, Array, Clock]:
    """Points and normals of one training, and its clock."""
    scratch.mkdir()
    clock = Clock()
    return *cloud_from(capture, box, params, 0, "cpu", scratch, clock), clock


def as_cloud(points: Array) -> Cloud:
    """Bare points, all of them trusted."""
    n = len(points)
    return Cloud(points, points * 0, np.zeros((n, 3), np.uint8), np.full(n, 3), *2 * [np.ones(n, np.float32)])


def judged(level: Level, capture: Capture, held: NDArray[np.int64], mesh: TriMesh, d: float) -> dict[str, float]:
    """The measure on the cloud that stage clouds draws from a level."""
    half = half_of(capture, level, [], held)
    cloud = cloud_of(half, capture, CloudParams(), np.random.default_rng(0))
    return judge(cloud, capture, mesh, d) | {"psnr": half.psnr, "iou": half.mask_iou}


def truth_of(folder: Path, objid: int, side: str) -> tuple[TriMesh, float]:
    """The true surface in the frame of one half, and its diameter."""
    file = folder / f"obj_{objid:06d}.json"
    facts, mesh = json.loads(file.read_text()), read_mesh(file.with_suffix(".ply"))
    T_up_from_down = Rigid.from_matrix(facts["T_up_from_down"])
    return (mesh if side == "up" else mesh.moved(T_up_from_down.inverse())), float(facts["diameter"])


def compare(capture: Capture, mesh: TriMesh, d: float, seconds: float) -> dict[str, dict[str, float]]:
    """The rows of the table; the last two say what is nerfacto's and what the silhouettes alone would give."""
    held = held_out(len(capture))
    kept = capture.only(np.setdiff1d(np.arange(len(capture)), held))
    box, hull = hull_start(kept, mask_distances(kept), replace(OWN, coarse_grid=OWN.fine_grid))
    with tempfile.TemporaryDirectory() as folder:
        level, told_own = ours(kept, seconds, Path(folder))
        points, normals, told = nerfacto(kept, box, seconds, Path(folder))
    through = level_around(points, normals, kept, box, hull, OWN, "cpu")
    return {
        f"ours ({told_own})": judged(level, capture, held, mesh, d),
        f"nerfacto ({told})": judged(through, capture, held, mesh, d),
        "nerfacto, points as exported": judge(as_cloud(points), capture, mesh, d),
        "no training: the hull": judged(level_of(hull, kept, box, OWN, "cpu"), capture, held, mesh, d),
    }


def main() -> None:
    """Train both, judge both, print a table."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--bop-root", type=Path, required=True)
    asked.add_argument("--dataset", default="tless_dev")
    asked.add_argument("--objid", type=int, required=True)
    asked.add_argument("--side", choices=["up", "down"], default="up")
    asked.add_argument("--truth", type=Path, required=True)
    asked.add_argument("--seconds", type=float, default=80.0)
    args = asked.parse_args()
    print("environment", versions(environment()), "load", os.getloadavg())
    up, down = find_pair(args.bop_root, args.dataset, args.objid)
    capture = read(up if args.side == "up" else down, CaptureParams())
    rows = compare(capture, *truth_of(args.truth, args.objid, args.side), args.seconds)
    print(f"{f'object {args.objid} {args.side}':<44}", *(f"{c:>8}" for c in COLUMNS))
    for name, row in rows.items():
        print(f"{name:<44}", *(f"{row[c]:8.4f}" if c in row else f"{'':8}" for c in COLUMNS))
    own, *others = rows.values()
    for name, row in zip(list(rows)[1:], others, strict=True):
        print(f"{name} / ours: mean {row['mean'] / own['mean']:.2f}, p95 {row['p95'] / own['p95']:.2f}")
    print("load", os.getloadavg())


if __name__ == "__main__":
    main()
