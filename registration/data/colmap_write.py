"""A capture as a COLMAP model in text form."""

from __future__ import annotations

from pathlib import Path

from scipy.spatial.transform import Rotation

from registration.data.capture import Capture
from registration.data.picture_write import grey, write_images


def write_colmap(capture: Capture, folder: Path) -> None:
    """images/, masks/ as COLMAP names them (000000.png.png), and sparse/0/: a pinhole per image, no points.

    Pixel centres lie at halves there, at whole numbers here. Lengths are the capture's.
    """
    names = [f"{i:06d}.png" for i in capture.ids]
    write_images(folder / "images", names, capture.rgb[..., ::-1])
    write_images(folder / "masks", [f"{name}.png" for name in names], grey(capture.mask))
    width, height = capture.cameras.width, capture.cameras.height
    cameras, images = ["# CAMERA_ID MODEL WIDTH HEIGHT FX FY CX CY"], ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"]
    for n, name in enumerate(names):
        K, wxyz = capture.K[n], Rotation.from_matrix(capture.R[n]).as_quat(scalar_first=True)
        lens = (K[0, 0], K[1, 1], K[0, 2] + 0.5, K[1, 2] + 0.5)
        cameras.append(f"{n + 1} PINHOLE {width} {height} {numbers(lens)}")
        images += [f"{n + 1} {numbers(wxyz)} {numbers(capture.t[n])} {n + 1} {name}", ""]
    model = folder / "sparse" / "0"
    model.mkdir(parents=True)
    for part, lines in (("cameras", cameras), ("images", images), ("points3D", ["# none"])):
        (model / f"{part}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def numbers(values: object) -> str:
    """Numbers in as many digits as they need."""
    return " ".join(repr(float(v)) for v in values)  # type: ignore[attr-defined]
