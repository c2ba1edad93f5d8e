"""Broken folders: what is wrong, in which image and file, and how to go on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from registration.data.bop import read_scene
from registration.data.capture import Capture
from registration.data.params import CaptureParams
from registration.errors import UserError
from tests.data.make import SIZE, edit


def load(folder: Path, **params: Any) -> Capture:
    return read_scene(folder, "toys/obj_000001_up", 1, CaptureParams(**params))


def message(folder: Path, **params: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(folder, **params)
    text = str(caught.value)
    assert "\n" not in text
    return text


def pose(key: str, value: Any) -> Callable[[Path], None]:
    return lambda s: edit(s / "scene_gt.json", lambda b: b["3"][0].__setitem__(key, value))


def lens(key: str, value: Any) -> Callable[[Path], None]:
    return lambda s: edit(s / "scene_camera.json", lambda b: b["3"].__setitem__(key, value))


def drop(name: str, *path: Any) -> Callable[[Path], None]:
    def change(body: Any) -> None:
        for step in path[:-1]:
            body = body[step]
        del body[path[-1]]

    return lambda s: edit(s / name, change)


def put(name: str, value: Any) -> Callable[[Path], None]:
    return lambda s: edit(s / name, lambda b: b.update({"3": value}))


def image(kind: str, change: Callable[[Path], Any]) -> Callable[[Path], None]:
    return lambda s: change(next((s / kind).glob("000003*")))


def fill(value: int, size: tuple[int, int] = SIZE) -> Callable[[Path], Any]:
    return lambda f: Image.fromarray(np.full(size[::-1], value, np.uint8)).save(f)


def depth(pixels: np.ndarray) -> Callable[[Path], None]:
    def change(scene: Path) -> None:
        (scene / "depth").mkdir()
        Image.fromarray(pixels).save(scene / "depth/000003.png")

    return change


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


NINETY = [0.0, -1, 0, 1, 0, 0, 0, 0, 1]
GT, CAMERA, MASK = "scene_gt.json", "scene_camera.json", "mask_visib/000003_000000.png"
FAULTS = {
    "no colour image": (image("rgb", Path.unlink), "the file is missing", "rgb/000003.png"),
    "truncated": (image("rgb", truncate), "cannot be read", "rgb/000003.png"),
    "not an image": (image("rgb", lambda f: f.write_text("hello")), "it is not an image", "rgb/000003.png"),
    "empty file": (image("rgb", lambda f: f.write_bytes(b"")), "it is not an image", "rgb/000003.png"),
    "other size": (image("rgb", fill(7, (60, 48))), "the mask is 64 x 48, its image 60 x 48", MASK),
    "no mask": (image("mask_visib", Path.unlink), "the file is missing", MASK),
    "mask not an image": (image("mask_visib", lambda f: f.write_text("x")), "it is not an image", MASK),
    "mask truncated": (image("mask_visib", truncate), "cannot be read", MASK),
    "mask size": (image("mask_visib", fill(255, (48, 64))), "the mask is 48 x 64, its image 64 x 48", MASK),
    "mask empty": (image("mask_visib", fill(0)), "the mask is empty", MASK),
    "mask full": (image("mask_visib", fill(255)), "covers the whole image", MASK),
    "depth size": (depth(np.ones((9, 9), np.uint16)), "the depth image is 9 x 9", "depth/000003.png"),
    "depth colour": (depth(np.ones((48, 64, 3), np.uint8)), "3 channels", "depth/000003.png"),
    "singular": (pose("cam_R_m2c", [1, 0, 0, 0, 1, 0, 0, 0, 0]), "singular", GT),
    "zero": (pose("cam_R_m2c", [0] * 9), "singular", GT),
    "NaN": (pose("cam_R_m2c", [float("nan")] * 9), "NaN", GT),
    "NaN in t": (pose("cam_t_m2c", [0, 0, float("inf")]), "NaN or infinity", GT),
    "mirror": (pose("cam_R_m2c", [1, 0, 0, 0, 1, 0, 0, 0, -1]), "mirror", GT),
    "scaled": (pose("cam_R_m2c", [1.2, 0, 0, 0, 1.2, 0, 0, 0, 1.2]), "scales by 1.2", GT),
    "eight numbers": (pose("cam_R_m2c", NINETY[:8]), "8 numbers, expected 9", GT),
    "two numbers": (pose("cam_t_m2c", [1, 2]), "2 numbers, expected 3", GT),
    "words": (pose("cam_t_m2c", ["a", "b", "c"]), "not a number", GT),
    "enormous": (pose("cam_t_m2c", [0, 0, 10**400]), "not a number", GT),
    "other pose": (pose("cam_t_m2c", [200, 0, 300]), "do not fit the mask", GT),
    "behind": (pose("cam_t_m2c", [0, 0, -120]), "behind the camera", GT),
    "null pose": (pose("cam_R_m2c", None), "not a number|expected 9", GT),
    "K short": (lens("cam_K", [1, 2, 3]), "3 numbers, expected 9", CAMERA),
    "K NaN": (lens("cam_K", [float("nan")] * 9), "NaN", CAMERA),
    "focal 0": (lens("cam_K", [0, 0, 31, 0, 110, 23, 0, 0, 1]), "focal length", CAMERA),
    "focal < 0": (lens("cam_K", [-9, 0, 31, 0, 110, 23, 0, 0, 1]), "focal length", CAMERA),
    "centre": (lens("cam_K", [110, 0, 900, 0, 110, 23, 0, 0, 1]), "principal point", CAMERA),
    "skew": (lens("cam_K", [110, 80, 31, 0, 110, 23, 0, 0, 1]), "not a pinhole matrix", CAMERA),
    "transposed": (lens("cam_K", [110, 0, 0, 0, 110, 0, 31, 23, 1]), "not a pinhole matrix", CAMERA),
    "focal x5": (lens("cam_K", [550, 0, 31, 0, 550, 23, 0, 0, 1]), "wrong intrinsics", CAMERA),
    "depth scale": (lens("depth_scale", "a"), "depth_scale is 'a'", CAMERA),
    "no K": (drop("scene_camera.json", "3", "cam_K"), "cam_K is missing", CAMERA),
    "no R": (drop("scene_gt.json", "3", 0, "cam_R_m2c"), "cam_R_m2c is missing", GT),
    "no camera": (drop("scene_camera.json", "3"), "the image is missing", CAMERA),
    "no gt": (drop("scene_gt.json", "3"), "the image is missing", GT),
    "no pose": (put("scene_gt.json", []), "no pose is given", GT),
    "gt a number": (put("scene_gt.json", 5), "not a list", GT),
    "camera a list": (put("scene_camera.json", []), "not an object", CAMERA),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_image_is_named_with_its_file_and_may_be_skipped(scene: Path, fault: str) -> None:
    change, reason, file = FAULTS[fault]
    change(scene)
    text = message(scene)
    assert text.startswith("image 3: ") and file in text and "--skip-bad 1" in text
    assert any(r in text for r in reason.split("|")), text
    capture = load(scene, skip_bad=1)
    assert len(capture) == 11 and 3 not in capture.ids
    (skipped,) = capture.notes["skipped"]
    assert skipped["id"] == 3 and skipped["file"] == file and skipped["reason"] in text


def test_several_faults_are_counted_and_the_first_is_named(scene: Path) -> None:
    (scene / "rgb/000009.png").unlink()
    FAULTS["mask empty"][0](scene)
    FAULTS["other pose"][0](scene)
    lens("cam_K", [550, 0, 31, 0, 550, 23, 0, 0, 1])(scene)
    edit(scene / "scene_gt.json", lambda b: b["5"][0].update(cam_t_m2c=[200, 0, 300]))
    text = message(scene, skip_bad=2)
    assert text.startswith("image 3: the mask is empty, and 2 more bad images") and "--skip-bad 3" in text
    assert load(scene, skip_bad=3).ids.tolist() == [0, 1, 2, 4, 6, 7, 8, 10, 11]


def test_a_key_that_is_no_image_is_a_fault(scene: Path) -> None:
    edit(scene / "scene_gt.json", lambda b: b.update(camera=[], other=[]))
    assert "the key 'camera' is not an image id" in message(scene)
    assert len(load(scene, skip_bad=2)) == 12


def test_images_of_another_size_are_named(scene: Path) -> None:
    for folder in ("rgb", "mask_visib"):
        file = next((scene / folder).glob("000003*"))
        Image.open(file).crop((0, 0, 60, 48)).save(file)
    assert "the image is 60 x 48, the others 64 x 48" in message(scene)


def test_too_few_usable_images(scene: Path) -> None:
    assert "only 12 usable images" in message(scene, min_views=13)
    for i in range(6):
        (scene / f"rgb/{i:06d}.png").unlink()
    text = message(scene, skip_bad=2)
    assert "5 more bad images" in text and "8 good images are needed" in text and "--skip-bad" not in text
    assert "only 6 usable images" in message(scene, skip_bad=6)


def test_poses_that_fit_nowhere_are_explained_by_the_convention(scene: Path) -> None:
    def invert(body: dict[str, Any]) -> None:
        for (entry,) in body.values():
            R, t = np.array(entry["cam_R_m2c"]).reshape(3, 3), np.array(entry["cam_t_m2c"])
            entry.update(cam_R_m2c=R.T.ravel().tolist(), cam_t_m2c=(-R.T @ t).tolist())

    edit(scene / "scene_gt.json", invert)
    text = message(scene)
    assert "poses do not fit their masks" in text and "x_cam = cam_R_m2c x + cam_t_m2c" in text


def test_metres_are_told_from_millimetres(scene: Path) -> None:
    def shrink(body: dict[str, Any]) -> None:
        for (entry,) in body.values():
            entry["cam_t_m2c"] = [v / 1000 for v in entry["cam_t_m2c"]]

    edit(scene / "scene_gt.json", shrink)
    assert "0.12 mm from the cameras" in message(scene) and "look like metres" in message(scene)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("scene_gt.json", None, "a file is missing"),
        ("scene_camera.json", None, "a file is missing"),
        ("scene_gt.json", '{"0": [', "not readable as JSON"),
        ("scene_camera.json", "[1, 2]", "not a JSON object"),
        ("scene_gt.json", b"\xff\xfe\x00", "not readable as JSON"),
        ("scene_gt.json", "[" * 100_000, "not readable as JSON"),
    ],
)
def test_broken_json_is_named(scene: Path, name: str, content: str | bytes | None, expected: str) -> None:
    (scene / name).unlink()
    if content is not None:
        (scene / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    text = message(scene)
    assert text.startswith(expected) and str(scene / name) in text


def test_missing_folders_are_named(scene: Path) -> None:
    shutil.rmtree(scene / "mask_visib")
    assert message(scene).startswith(f"no masks: {scene / 'mask_visib'}")
    shutil.rmtree(scene / "rgb")
    assert message(scene).startswith(f"no colour images: {scene / 'rgb'}")
    assert message(scene / "nowhere").startswith("no such folder")
