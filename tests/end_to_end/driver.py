"""Runs the real chain on a tiny object, and can be told where to die: DIE=stage:moment."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from pipelines import artifacts
from pipelines.cli.setup import Request, open_run
from pipelines.execute import Run
from pipelines.publish import publish

SETTINGS = (
    "nerf.coarse_grid=28", "nerf.fine_grid=40", "nerf.fog_steps=45", "nerf.rough_steps=20", "nerf.coarse_steps=30", "nerf.middle_steps=10", "nerf.fine_steps=45", "nerf.rays=512", "nerf.checkpoint_every=15",
    "correspondences.views=40", "embedding.steps=8", "embedding.key_steps=20", "embedding.judge_every=2", "verify.sources=all", "features.points=300",
    "clouds.points=3000", "poses.rotations=1500", "poses.tried=30", "poses.refined=10", "poses.keep=6", "verify.points=800", "icp.points=2000",
    "fuse.grid=48", "fuse.points=4000", "full.steps=60", "full.grid=40", "full.rays=512", "full.points=4000", "report.pictures=2",
)  # fmt: skip


def die() -> None:
    """As the kernel kills: no goodbye."""
    os.kill(os.getpid(), signal.SIGKILL)


class Killer:
    """Watches a run and ends it at the chosen moment."""

    def __init__(self, stage: str, moment: str) -> None:
        self.stage, self.moment = stage, moment

    def starts(self, stage: str, reasons: list[str]) -> None:
        """Die at the start, or arm the trap in the writer."""
        if stage == self.stage and self.moment == "start":
            die()
        if stage == self.stage and self.moment == "write":
            whole = artifacts.save

            def half(record: Any, folder: Path) -> None:
                whole(record, folder)
                (folder / "arrays.npz").write_bytes((folder / "arrays.npz").read_bytes()[:40])
                die()

            artifacts.save = half

    def tick(self, stage: str, done: int, total: int) -> None:
        """Die in the middle."""
        if stage == self.stage and self.moment == "middle" and done >= 0.6 * total:
            die()

    def ends(self, stage: str, seconds: float, fresh: bool) -> None:
        """Nothing."""


def tiny_run(root: Path, out: Path, watcher: Any, sets: tuple[str, ...] = ()) -> Run:
    """The chain of the tiny object."""
    request = Request(
        "tiny",
        (1,),
        False,
        None,
        None,
        root,
        out,
        None,
        "quick",
        (*SETTINGS, *sets),
        None,
        None,
        None,
        "cpu",
        False,
        True,
    )
    return open_run(request, 1, watcher)


def main() -> None:
    """Run, publish, and die where it was said."""
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    stage, _, moment = os.environ.get("DIE", ":").partition(":")
    if stage == "publish":
        import pipelines.publish

        pipelines.publish.write_models = lambda *_: die()
    run = tiny_run(root, out, Killer(stage, moment))
    run.go()
    publish(run, out / "tiny" / "obj_000001", 1)


if __name__ == "__main__":
    main()
