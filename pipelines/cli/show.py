"""Pictures of single stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from registration.errors import UserError


def picture_of(run: Any, stage: str, out: Path) -> Path:
    """Write a picture of a stage's artifact; works without a display."""
    from registration.geometry.mesh import TriMesh
    from registration.viz import pictures as p

    record = run.record(stage)
    if stage.startswith("capture"):
        image = p.sheet([record.rgb[i] for i in range(0, len(record), max(1, len(record) // 12))][:12], 4)
    elif stage.startswith("nerf") or stage == "fuse":
        record = record.fused if stage == "nerf-full" else record
        image = p.sheet(
            [
                p.shaded(TriMesh(record.vertices, record.faces), None, a, e, 360)
                for a, e in ((30, 25), (150, 25), (30, -35))
            ],
            3,
        )
    elif stage == "clouds":
        halves = ((record.up, p.UP), (record.down, p.DOWN))
        image = p.sheet([p.scattered([(c.points, c.normals, tint)], 35, 20, 480) for c, tint in halves], 2)
    elif stage == "icp":
        clouds, T = run.record("clouds"), record.T_up_from_down
        down = (T.apply(clouds.down.points), T.turn(clouds.down.normals), p.DOWN)
        image = p.scattered([(clouds.up.points, clouds.up.normals, p.UP), down], 35, 20, 640)
    else:
        raise UserError(
            f"stage {stage} has no picture of its own",
            "--viz",
            "look at the report, or at capture, nerf, clouds, icp, fuse",
        )
    file = out / "pictures" / f"{stage}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(p.png(image))
    return file
