"""What single images guess, told and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from registration.geometry.rigid import Array, Rigid
from registration.sources.base import ImagePoses


@dataclass(frozen=True, eq=False)
class OfImage:
    """The guesses of one image of one half, the best first with all other images' votes."""

    half: str
    image: int
    T_cam_from_reference: Array  # (n, 4, 4)
    score: Array  # (n,)
    shared: NDArray[np.bool_]  # (n,) what all images together lead to


def guesses(images: ImagePoses, image: int, half: str | None) -> list[OfImage]:
    """Of the image of this id, in one half or in both."""
    out = []
    for name in ("up", "down") if half is None else (half,):
        at = images.of(name, image)
        if at:
            out.append(OfImage(name, image, images.T_cam_from_reference[at], images.score[at], images.shared[at]))
    return out


def told(found: list[OfImage]) -> list[str]:
    """Scores and poses (rotation vectors) in lines."""
    out = []
    for f in found:
        reference = "up" if f.half == "down" else "down"
        out.append(f"  {f.half} {f.image}: {len(f.score)} poses, x_cam = R x_{reference} + t (first what all images together find likeliest; score of this one, 0 is chance)")
        for T, score, shared in zip(f.T_cam_from_reference, f.score, f.shared, strict=True):
            turn = np.degrees(Rotation.from_matrix(T[:3, :3]).as_rotvec())
            R, t = (" ".join(f"{v:7.1f}" for v in row) for row in (turn, T[:3, 3]))
            out.append(f"    score {score:5.2f}  R {R} deg  t {t} mm{'  (of all images)' if shared else ''}")
    return out


def pictured(run: Any, found: list[OfImage], out: Path) -> list[Path]:
    """A picture of each image with its best pose."""
    from pipelines.cli.show import of_one_image
    from registration.viz.pictures import png

    files = []
    for f in found:
        file = out / "pictures" / f"image-{f.half}-{f.image:06d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pose = Rigid.from_matrix(f.T_cam_from_reference[0])
        file.write_bytes(png(of_one_image(run, f.half, f.image, pose, float(f.score[0]))))
        files.append(file)
    return files
