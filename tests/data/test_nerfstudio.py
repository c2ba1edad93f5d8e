"""Reading transforms.json: intrinsics, lenses, masks, depth, what was applied; and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from registration.data.capture import Capture
from registration.data.kinds import files_of, read, spec_of
from registration.data.nerfstudio_write import write_nerfstudio
from registration.data.params import CaptureParams
from registration.geometry.rigid import Rigid
from tests.data.make import edit, refusal


@pytest.fixture
def folder(made: Capture, tmp_path: Path) -> Path:
    write_nerfstudio(made, tmp_path / "c")
    return tmp_path / "c"


def change(folder: Path, edit_body: Callable[[dict[str, Any]], Any]) -> None:
    def in_place(body: dict[str, Any]) -> None:
        edit_body(body)

    edit(folder / "transforms.json", in_place)


def load(folder: Path, **params: Any) -> Capture:
    return read(spec_of(folder, "up", "--up"), CaptureParams(**params))


def same(a: Capture, b: Capture) -> bool:
    return np.allclose(a.K, b.K) and np.allclose(a.R, b.R) and np.allclose(a.t, b.t, atol=1e-5)


def test_intrinsics_may_be_shared_or_follow_from_the_angle_of_view(folder: Path) -> None:
    wanted = load(folder)

    def share(body: dict[str, Any]) -> None:
        for frame in body["frames"]:
            body.update({key: frame.pop(key) for key in ("fl_x", "fl_y", "cx", "cy")})

    change(folder, share)
    assert same(load(folder), wanted)
    angle = 2 * np.arctan(48 / wanted.K[0, 0, 0])

    def by_angle(body: dict[str, Any]) -> None:
        for key in ("fl_x", "fl_y", "cx", "cy", "w", "h", "camera_model"):
            del body[key]
        body["camera_angle_x"] = angle
        for frame in body["frames"]:
            frame["file_path"] = "./" + frame["file_path"].removesuffix(".png")

    change(folder, by_angle)
    assert same(load(folder), wanted)


def test_what_was_applied_is_undone(folder: Path) -> None:
    wanted, T, scale = load(folder), Rigid.exp([0.3, -0.8, 1.1, 4, -5, 6]), 0.37

    def apply(body: dict[str, Any]) -> None:
        body.update(applied_transform=T.as_matrix()[:3].tolist(), applied_scale=scale)
        for frame in body["frames"]:
            M = T.as_matrix() @ np.array(frame["transform_matrix"])
            M[:3, 3] *= scale
            frame["transform_matrix"] = M.tolist()

    change(folder, apply)
    assert same(load(folder), wanted)


@pytest.mark.parametrize("model", ["OPENCV", "OPENCV_FISHEYE"])
def test_straight_lines_become_straight_again(made: Capture, folder: Path, model: str) -> None:
    """The images are bent by the lens's own formula; made straight they are the old ones, but for smoothing."""
    k1, k2 = -0.25, 0.1
    for i in made.ids:
        for name in ("images", "masks"):
            file = str(folder / name / f"{i:06d}.png")
            cv2.imwrite(file, bent(cv2.imread(file), made.K[0], k1, k2, model))
    change(folder, lambda b: b.update(camera_model=model, k1=k1, k2=k2))
    capture, plain = load(folder), made
    assert capture.notes["undistorted"]
    for n in range(len(capture)):
        x, y = np.round(plain.K[n, :2, 2] - capture.K[n, :2, 2]).astype(int)
        height, width = capture.mask.shape[1:]
        rows, columns = np.mgrid[y : y + height, x : x + width]
        known = (rows >= 0) & (rows < 96) & (columns >= 0) & (columns < 96)
        was = plain.mask[n][rows[known], columns[known]]
        assert (was != capture.mask[n][known]).sum() < 0.03 * was.sum()


def bent(image: np.ndarray, K: np.ndarray, k1: float, k2: float, model: str) -> np.ndarray:
    """What a lens makes of a pinhole's image: each bent pixel's ray is found by a few rounds of correction."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(float)
    a, b = (x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1]
    u, v = a.copy(), b.copy()
    for _ in range(30):
        r = np.hypot(u, v) + 1e-12
        angle = np.arctan(r) if model == "OPENCV_FISHEYE" else r
        stretch = angle * (1 + k1 * angle**2 + k2 * angle**4) / r
        u, v = a / stretch, b / stretch
    return cv2.remap(image, (u * K[0, 0] + K[0, 2]).astype(np.float32), (v * K[1, 1] + K[1, 2]).astype(np.float32), cv2.INTER_LINEAR)  # fmt: skip


def test_depth_says_that_the_poses_are_metres(folder: Path) -> None:
    change(folder, lambda b: b.pop("unit"))
    assert not load(folder).metric
    (folder / "depth").mkdir()

    def with_depth(body: dict[str, Any]) -> None:
        for frame in body["frames"]:
            frame["depth_file_path"] = frame["file_path"].replace("images", "depth")
            cv2.imwrite(str(folder / frame["depth_file_path"]), np.full((96, 96), 190, np.uint16))

    change(folder, with_depth)
    capture = load(folder)
    assert capture.metric and capture.unit_mm == 1000 and capture.depth is not None
    assert np.allclose(capture.depth[capture.mask], 190)
    assert len(files_of(spec_of(folder, "up", "--up"))) == 31


def test_masks_in_the_alpha_channel_or_beside(folder: Path, made: Capture) -> None:
    wanted = load(folder).mask
    change(folder, lambda b: [f.pop("mask_path") for f in b["frames"]])
    assert np.array_equal(load(folder).mask, wanted)  # masks/ lies beside images/
    for file in (folder / "images").iterdir():
        mask = cv2.imread(str(folder / "masks" / file.name), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(file), np.dstack([cv2.imread(str(file)), mask]))
        (folder / "masks" / file.name).unlink()
    assert np.array_equal(load(folder).mask, wanted)


def test_ids_are_the_files_numbers_or_their_order(folder: Path) -> None:
    def rename(body: dict[str, Any]) -> None:
        for frame, letter in zip(body["frames"], "jihgfedcba", strict=True):
            (folder / frame["file_path"]).rename(folder / f"{letter}.png")
            frame["file_path"] = f"{letter}.png"

    change(folder, rename)
    assert load(folder).ids.tolist() == list(range(10)) and load(folder).files[0] == "j.png"


def one(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda b: b["frames"][3].__setitem__(key, value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (one("file_path", "images/none.png"), "the file is missing"),
        (one("file_path", "../../etc/passwd"), "not inside the capture's folder"),
        (one("file_path", 7), "without file_path"),
        (one("mask_path", "masks/none.png"), "the file is missing"),
        (one("transform_matrix", [[1, 2], [3, 4]]), "4 numbers, expected 16"),
        (one("transform_matrix", "x"), "not a number"),
        (one("transform_matrix", np.diag([2.0, 2, 2, 1]).tolist()), "scales by 2"),
        (one("transform_matrix", np.diag([1.0, 1, -1, 1]).tolist()), "mirror"),
        (one("fl_x", float("nan")), "NaN"),
        (one("fl_x", -3), "not positive"),
        (one("camera_model", "EQUIRECTANGULAR"), "is not one of OPENCV"),
        (one("camera_model", [[]]), "is not one of OPENCV"),
        (one("file_path", "images/" + 300 * "[" + ".png"), "longer than any file's name"),
        (one("transform_matrix", [[1, 0, 0, 1e300], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "units away"),
        (one("k4", 0.1), "k4 is not zero"),
        (one("w", 90), "says 90 x 96"),
        (lambda b: b["frames"].__setitem__(3, []), "without file_path"),
    ],
)
def test_a_broken_frame_is_named_and_may_be_skipped(folder: Path, fault: Any, words: str) -> None:
    change(folder, fault)
    text = refusal(load, folder)
    assert text.startswith("image 3: ") and words in text and "--skip-bad 1" in text
    assert len(load(folder, skip_bad=1)) == 9


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda b: b.pop("frames"), "no frames"),
        (lambda b: b.update(frames={}), "no frames"),
        (lambda b: b.update(applied_scale=0), "applied_scale is 0"),
        (lambda b: b.update(applied_transform=[1]), "1 numbers, expected 12"),
        (lambda b: b.update(applied_transform="x"), "not a number"),
    ],
)
def test_a_broken_file_is_refused(folder: Path, fault: Any, words: str) -> None:
    change(folder, fault)
    assert words in refusal(load, folder)


def test_poses_with_the_wrong_axes_are_refused(folder: Path) -> None:
    def as_opencv(body: dict[str, Any]) -> None:
        for frame in body["frames"]:
            frame["transform_matrix"] = (np.array(frame["transform_matrix"]) @ np.diag([1, -1, -1, 1])).tolist()

    change(folder, as_opencv)
    assert "OpenGL axes" in refusal(load, folder)
