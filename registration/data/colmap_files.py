"""COLMAP's cameras and images, binary or text, read so that a damaged file is named and never believed."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from registration.data.images import BadFrame, Size
from registration.errors import UserError
from registration.geometry.rigid import Array

MODELS = {  # COLMAP's number -> its name and how many parameters
    0: ("SIMPLE_PINHOLE", 3),
    1: ("PINHOLE", 4),
    2: ("SIMPLE_RADIAL", 4),
    3: ("RADIAL", 5),
    4: ("OPENCV", 8),
    5: ("OPENCV_FISHEYE", 8),
    6: ("FULL_OPENCV", 12),
    7: ("FOV", 5),
    8: ("SIMPLE_RADIAL_FISHEYE", 4),
    9: ("RADIAL_FISHEYE", 5),
    10: ("THIN_PRISM_FISHEYE", 12),
}
COUNTS = dict(MODELS.values())
POINT = 24
"""Bytes of one observed point, which nothing here needs."""
MEND = "let COLMAP write it again: colmap model_converter"


@dataclass(frozen=True, eq=False)
class ColmapCamera:
    """One entry of cameras.bin or cameras.txt."""

    model: str
    size: Size
    params: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class ColmapImage:
    """One entry of images.bin or images.txt: ``x_cam = R(wxyz) x + t``."""

    id: int
    wxyz: Array  # (4,)
    t: Array  # (3,)
    camera: int
    name: str


class Bytes:
    """A binary file taken from its start; what is not there is refused, and no number in it is trusted with memory."""

    def __init__(self, file: Path) -> None:
        self.file, self.body, self.at = file, file.read_bytes(), 0

    def take(self, form: str) -> tuple:
        """The next values, little-endian."""
        size = struct.calcsize("<" + form)
        self.skip(size)
        return struct.unpack_from("<" + form, self.body, self.at - size)

    def skip(self, size: int) -> None:
        """Go on by so many bytes."""
        if size > len(self.body) - self.at:
            raise UserError(f"the file ends after {len(self.body)} bytes, in the midst of it", self.file, MEND)
        self.at += size

    def word(self) -> str:
        """Text up to the next zero byte."""
        end = self.body.find(b"\0", self.at)
        if end < 0:
            raise UserError("a name that does not end", self.file, MEND)
        raw, self.at = self.body[self.at : end], end + 1
        return raw.decode("utf-8", "replace")


def read_cameras_bin(file: Path) -> dict[int, ColmapCamera]:
    """cameras.bin: camera id -> camera."""
    source, out = Bytes(file), {}
    for _ in range(source.take("Q")[0]):
        id, number, width, height = source.take("IiQQ")
        if number not in MODELS:
            raise UserError(f"camera {id} has the unknown model {number}", file, MEND)
        name, count = MODELS[number]
        out[id] = ColmapCamera(name, (width, height), source.take(f"{count}d"))
    return out


def read_images_bin(file: Path) -> list[ColmapImage]:
    """images.bin."""
    source, out = Bytes(file), []
    for _ in range(source.take("Q")[0]):
        id, *pose, camera = source.take("I7dI")
        out.append(ColmapImage(id, np.array(pose[:4]), np.array(pose[4:]), camera, source.word()))
        source.skip(POINT * source.take("Q")[0])
    return out


def lines_of(file: Path) -> list[str]:
    """Lines of a text file but for comments; empty ones stay, they may mean an image without points."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError("not a text file", file, MEND) from error
    return [line.strip() for line in text.splitlines() if not line.startswith("#")]


def read_cameras_txt(file: Path) -> dict[int, ColmapCamera]:
    """cameras.txt: camera id -> camera."""
    out = {}
    for line in filter(None, lines_of(file)):
        try:
            id, model, width, height, *params = line.split()
            camera = ColmapCamera(model, (int(width), int(height)), tuple(map(float, params)))
            out[int(id)] = camera
        except ValueError as error:
            raise UserError(f"not a camera: {line[:60]!r}", file, "CAMERA_ID MODEL WIDTH HEIGHT PARAMS") from error
        if len(camera.params) != COUNTS.get(model, len(camera.params)):
            raise UserError(f"{model} with {len(params)} parameters", file, f"it has {COUNTS[model]}")
    return out


def read_images_txt(file: Path) -> list[ColmapImage]:
    """images.txt: a line with the pose, then one with points, which may be empty."""
    lines, out = iter(lines_of(file)), []
    for line in lines:
        if not line:
            continue
        try:
            id, *pose, camera, name = line.split(maxsplit=9)
            if len(pose) != 7:
                raise ValueError(line)
            values = np.array(pose, float)
            out.append(ColmapImage(int(id), values[:4], values[4:], int(camera), name))
        except ValueError as error:
            raise UserError(f"not an image: {line[:60]!r}", file, "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME") from error  # fmt: skip
        next(lines, None)
    return out


def rotation_of(image: ColmapImage, file: Path) -> Array:  # (3, 3)
    """The turn of a quaternion that is one but for rounding."""
    from scipy.spatial.transform import Rotation

    if not (np.isfinite(image.wxyz).all() and np.isfinite(image.t).all()):
        raise BadFrame(file, "the pose holds NaN or infinity")
    if abs(np.linalg.norm(image.wxyz) - 1) > 0.01:
        raise BadFrame(file, f"the quaternion has the length {np.linalg.norm(image.wxyz):.3g}, expected one")
    return Rotation.from_quat(image.wxyz, scalar_first=True).as_matrix()
