"""COLMAP models: as pycolmap writes them, with bent images, and damaged in every way."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import cv2
import numpy as np
import pycolmap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from registration.data.capture import Capture
from registration.data.colmap_files import MODELS, read_cameras_bin, read_images_bin
from registration.data.colmap_write import write_colmap
from registration.data.kinds import files_of, pair_of, read, spec_of
from registration.data.params import CaptureParams
from registration.errors import UserError
from registration.geometry.rigid import Array
from tests.data.make import make_scene, refusal

IN_MM = CaptureParams(unit="mm")
BENT = {  # parameters of a camera of 96 x 96 pixels
    "SIMPLE_PINHOLE": [180, 48, 47],
    "PINHOLE": [180, 182, 48, 47],
    "SIMPLE_RADIAL": [180, 48, 47, -0.2],
    "RADIAL": [180, 48, 47, -0.2, 0.1],
    "OPENCV": [180, 182, 48, 47, -0.2, 0.1, 0.01, -0.02],
    "FULL_OPENCV": [180, 182, 48, 47, -0.2, 0.1, 0.01, -0.02, 0.05, 0.02, 0.01, 0.03],
    "OPENCV_FISHEYE": [180, 182, 48, 47, 0.1, -0.05, 0.02, 0.01],
    "SIMPLE_RADIAL_FISHEYE": [180, 48, 47, 0.1],
    "RADIAL_FISHEYE": [180, 48, 47, 0.1, -0.05],
}


@pytest.fixture
def folder(made: Capture, tmp_path: Path) -> Path:
    write_colmap(made, tmp_path / "c")
    return tmp_path / "c"


def by_pycolmap(capture: Capture, model: str, params: list[float], place: Path) -> pycolmap.Camera:
    """A binary model with one camera for all images."""
    camera = pycolmap.Camera(model=model, width=96, height=96, params=params, camera_id=4)
    book = pycolmap.Reconstruction()
    book.add_camera_with_trivial_rig(camera)
    for n, i in enumerate(capture.ids):
        image = pycolmap.Image(name=f"{i:06d}.png", camera_id=4, image_id=50 - n)
        book.add_image_with_trivial_frame(image, pycolmap.Rigid3d(pycolmap.Rotation3d(capture.R[n]), capture.t[n]))
    place.mkdir(parents=True)
    book.write_binary(place)
    return camera


def test_pycolmap_reads_what_we_write(made: Capture, folder: Path) -> None:
    book = pycolmap.Reconstruction(folder / "sparse" / "0")
    assert len(book.images) == len(made)
    points = np.random.default_rng(0).uniform(-20, 20, (30, 3))
    for image in book.images.values():
        n = made.ids.tolist().index(int(image.name[:6]))
        pose = image.cam_from_world().matrix()
        pixels = book.cameras[image.camera_id].img_from_cam(points @ pose[:, :3].T + pose[:, 3])
        assert np.allclose(pixels - 0.5, made.cameras.project(n, points)[0], atol=1e-6)


@pytest.mark.parametrize("model", BENT)
def test_bent_images_become_those_of_a_pinhole(made: Capture, tmp_path: Path, model: str) -> None:
    """Dots are drawn where pycolmap sees points; made straight, they lie where a pinhole sees them."""
    camera = by_pycolmap(made, model, BENT[model], tmp_path / "c" / "sparse" / "0")
    points = np.array([[-16, -8, 0], [15, 9, 4], [0, 0, -12.0], [-9, 12, 5]])
    for name in ("images", "masks"):
        (tmp_path / "c" / name).mkdir()
    for n, i in enumerate(made.ids):
        spots = camera.img_from_cam(points @ made.R[n].T + made.t[n]) - 0.5
        cv2.imwrite(str(tmp_path / "c/images" / f"{i:06d}.png"), dots(spots))
        mask = np.zeros((96, 96), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(spots).astype(np.int32)), 255)
        cv2.imwrite(str(tmp_path / "c/masks" / f"{i:06d}.png"), cv2.dilate(mask, np.ones((5, 5))))
    capture = read(spec_of(tmp_path / "c", "up", "--up"), IN_MM)
    assert ("undistorted" in capture.notes) == ("PINHOLE" not in model)
    off = []
    for n in range(len(capture)):
        wanted = capture.cameras.project(n, points)[0]
        alone = squareform(pdist(wanted)) + 99 * np.eye(len(points)) > 8
        off += [np.linalg.norm(brightest(capture.rgb[n, ..., 0], spot) - spot) for spot in wanted[alone.all(1)]]
    assert len(off) > 15 and max(off) < 0.2


def dots(spots: Array) -> np.ndarray:  # (n, 2) -> (96, 96)
    """A soft dot at each place."""
    y, x = np.mgrid[:96, :96]
    light = sum(250 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 2) for u, v in spots)
    return np.round(light).clip(0, 255).astype(np.uint8)


def brightest(image: np.ndarray, near: Array) -> Array:  # (2,)
    """The middle of the light around a place."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    light = image * (np.hypot(x - near[0], y - near[1]) < 3.5).astype(float)
    return np.array([(x * light).sum(), (y * light).sum()]) / light.sum()


def test_binary_and_text_say_the_same(made: Capture, folder: Path, tmp_path: Path) -> None:
    text = read(spec_of(folder, "up", "--up"), IN_MM)
    by_pycolmap(made, "PINHOLE", [made.K[0, 0, 0], made.K[0, 1, 1], *(made.K[0, :2, 2] + 0.5)], tmp_path / "m")
    shutil.rmtree(folder / "sparse")
    shutil.copytree(tmp_path / "m", folder / "sparse")  # another of the usual places
    binary = read(spec_of(folder, "up", "--up"), IN_MM)
    assert np.allclose(text.K, binary.K) and np.allclose(text.R, binary.R) and np.allclose(text.t, binary.t)
    assert np.array_equal(text.rgb, binary.rgb) and text.ids.tolist() == binary.ids.tolist()


def test_the_model_is_found_in_the_usual_places(folder: Path, tmp_path: Path) -> None:
    assert spec_of(folder, "up", "--up").model == "sparse/0"
    assert spec_of(folder / "sparse" / "0", "up", "--up").model == "sparse/0"
    shutil.copytree(folder / "sparse/0", folder / "sparse/1")
    lines = (folder / "sparse/0/images.txt").read_text().splitlines()
    (folder / "sparse/0/images.txt").write_text("\n".join(lines[:7]) + "\n")
    assert spec_of(folder, "up", "--up").model == "sparse/1"
    flat = tmp_path / "flat"
    shutil.copytree(folder / "sparse/1", flat)
    assert "without its images" in refusal(spec_of, flat, "up", "--up")
    for name in ("images", "masks"):
        shutil.copytree(folder / name, flat / name)
    spec = spec_of(flat, "up", "--up")
    assert len(read(spec, IN_MM)) == 10 and len(files_of(spec)) == 2 + 10 + 10


@pytest.mark.parametrize("name", ["{}.png", "{}", "alpha"])
def test_masks_by_either_name_or_in_the_alpha_channel(made: Capture, folder: Path, name: str) -> None:
    wanted = read(spec_of(folder, "up", "--up"), IN_MM).mask
    for file in list((folder / "masks").iterdir()):
        plain = file.name.removesuffix(".png")
        if name == "alpha":
            image, mask = cv2.imread(str(folder / "images" / plain)), cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
            cv2.imwrite(str(folder / "images" / plain), np.dstack([image, mask]))
            file.unlink()
        else:
            file.rename(file.with_name(name.format(plain)))
    assert np.array_equal(read(spec_of(folder, "up", "--up"), IN_MM).mask, wanted)


def test_kinds_may_be_mixed_and_a_missing_image_is_skipped(folder: Path, tmp_path: Path) -> None:
    up, down = pair_of(make_scene(tmp_path / "obj_000001_up"), folder)
    assert (up.kind, down.kind) == ("bop-onboarding", "colmap")
    (folder / "images/000003.png").unlink()
    assert "image 3: the file is missing" in refusal(read, down, IN_MM)
    capture = read(down, CaptureParams(skip_bad=1))
    assert 3 not in capture.ids and not capture.metric and read(up, CaptureParams()).metric


def edited(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("cameras.txt", "PINHOLE", "FOV", "FOV with 4 parameters"),
        ("cameras.txt", "2 PINHOLE 96 96", "2 BOX 96 96", "camera model BOX is not one of"),
        ("cameras.txt", "2 PINHOLE 96 96", "2 PINHOLE 96 90", "cameras.txt says 96 x 90"),
        ("cameras.txt", "2 PINHOLE 96", "2 PINHOLE many", "not a camera"),
        ("images.txt", "1 000000.png", "99 000000.png", "camera 99 is not in cameras.txt"),
        ("images.txt", "000000.png", "../../000000.png", "not inside the capture's folder"),
        ("images.txt", "2 000001.png", "000001.png", "not an image"),
    ],
)
def test_a_damaged_text_model_is_named(folder: Path, file: str, old: str, new: str, words: str) -> None:
    edited(folder / "sparse/0" / file, old, new)
    assert words in refusal(read, spec_of(folder, "up", "--up"), IN_MM)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damaged_binary_files_are_refused_and_never_crash(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:  # fmt: skip
    """Cut, enlarged and overwritten at random: an answer or one line, and no memory by a number in the file."""
    cameras = struct.pack("<Q", 1) + struct.pack("<IiQQ4d", 1, 1, 96, 96, 180, 180, 48, 48)
    images = struct.pack("<Q", 2) + 2 * (struct.pack("<I7dI", 1, 1, 0, 0, 0, 0, 0, 9, 1) + b"a.png\0" + struct.pack("<Q", 1) + bytes(24))  # fmt: skip
    for name, body, reader in (("cameras", cameras, read_cameras_bin), ("images", images, read_images_bin)):
        raw = bytearray(body)
        for _ in range(data.draw(st.integers(0, 4))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        file = tmp_path_factory.getbasetemp() / f"{name}.bin"
        file.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
        try:
            assert len(reader(file)) <= len(body)
        except UserError as error:
            assert "\n" not in str(error)


def test_the_binary_models_are_numbered_as_colmap_does() -> None:
    for number, (name, count) in MODELS.items():
        camera = pycolmap.Camera.create_from_model_name(1, name, 100.0, 96, 96)
        assert int(getattr(pycolmap.CameraModelId, name)) == number and len(camera.params) == count
