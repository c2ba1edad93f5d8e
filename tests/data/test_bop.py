"""The reader of BOP folders: what it gives back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from registration.data.bop import read_scene
from registration.data.bop_write import write_json
from registration.data.capture import Capture
from registration.data.fit import middle_of
from registration.data.frames import spread
from registration.data.images import read_colour
from registration.data.kinds import find_pair, read
from registration.data.listing import Listed
from registration.data.params import CaptureParams
from registration.errors import UserError
from tests.data.make import AXES, MIDDLE, SIZE, edit, make_scene, surface

PARAMS = CaptureParams()


def load(folder: Path, **params: Any) -> Capture:
    return read_scene(folder, "toys/obj_000001_up", 1, CaptureParams(**params))


def test_a_sound_folder_gives_every_field(scene: Path) -> None:
    capture = load(scene)
    n, h, w = capture.mask.shape
    assert (n, capture.rgb.shape, capture.rgb.dtype) == (12, (12, h, w, 3), np.uint8)
    assert capture.mask.dtype == bool and capture.ids.tolist() == list(range(12))
    assert capture.K.shape == capture.R.shape == capture.K_full.shape == (12, 3, 3) and capture.t.shape == (
        12,
        3,
    )
    assert capture.size_full == SIZE and capture.depth is None
    assert capture.files[3] == "rgb/000003.png"
    known = {"skipped": [], "cut_off": [], "objid": 1, "depth_scale": 0.1}
    assert {key: capture.notes[key] for key in known} == known and (capture.metric, capture.unit_mm) == (True, 1.0)
    assert abs(capture.notes["size_mm"] / (2 * AXES.max()) - 1) < 0.06 and 117 < capture.notes["distance_mm"] < 122
    assert np.array_equal(capture.rgb[capture.mask], np.broadcast_to((180, 90, 40), (capture.mask.sum(), 3)))


def test_the_object_projects_into_its_masks(scene: Path) -> None:
    capture = load(scene)
    for i in range(len(capture)):
        pixels = np.round(capture.cameras.project(i, surface())[0]).astype(int)
        hit = capture.mask[i, pixels[:, 1], pixels[:, 0]]
        assert hit.mean() > 0.98


def test_crops_are_exact_copies_while_nothing_is_shrunk(scene: Path) -> None:
    capture = load(scene)
    for i in range(len(capture)):
        shift = capture.K_full[i, :2, 2] - capture.K[i, :2, 2]
        assert np.allclose(shift, np.round(shift), atol=1e-9)
        full = read_colour(scene / capture.files[i])
        x, y = np.round(shift).astype(int)
        inside = np.ones(capture.mask.shape[1:], bool) if capture.inside is None else capture.inside[i]
        rows, columns = np.nonzero(inside)
        assert np.array_equal(capture.rgb[i][rows, columns], full[rows + y, columns + x])


def test_beyond_the_image_all_is_dark_and_marked(scene: Path) -> None:
    def shift(body: dict[str, Any]) -> None:
        body["0"]["cam_K"][2] -= 26

    edit(scene / "scene_camera.json", shift)
    for folder in ("rgb", "mask_visib"):
        file = next((scene / folder).glob("000000*"))
        pixels = np.roll(np.array(Image.open(file)), -26, 1)
        pixels[:, 38:] = 0
        Image.fromarray(pixels).save(file)
    capture = load(scene)
    assert capture.notes["cut_off"] == [0]
    assert capture.inside is not None and not capture.inside[0].all()
    outside = ~capture.inside[0]
    assert not capture.rgb[0][outside].any() and not capture.mask[0][outside].any()


def test_large_images_shrink_to_the_wished_size(scene: Path) -> None:
    capture, full = load(scene, max_size=20), load(scene)
    assert max(capture.mask.shape[1:]) == 20
    i = 5
    small = capture.cameras.project(i, surface())[0]
    large = full.cameras.project(i, surface())[0]
    factor = np.array(capture.mask.shape[:0:-1]) / np.array(full.mask.shape[:0:-1])
    assert np.allclose((large + 0.5) * factor - 0.5, small, atol=1e-9)
    assert abs(capture.mask.mean() - full.mask.mean()) < 0.03


def test_depth_is_read_in_millimetres_and_may_be_missing_here_and_there(scene: Path) -> None:
    (scene / "depth").mkdir()
    for i in range(11):
        Image.fromarray(np.full(SIZE[::-1], 1000 + i, np.uint16)).save(scene / "depth" / f"{i:06d}.png")
    capture = load(scene)
    assert capture.depth is not None and capture.depth.dtype == np.float32
    assert np.allclose(capture.depth[4][capture.mask[4]], 100.4) and not capture.depth[11].any()


def test_jpg_gray_mask_and_ids_with_gaps(tmp_path: Path) -> None:
    folder = make_scene(tmp_path / "s", first=7, step=13, suffix=".jpg")
    (folder / "rgb").rename(folder / "gray")
    (folder / "mask_visib").rename(folder / "mask")
    for file in (folder / "gray").iterdir():
        Image.open(file).convert("L").save(file)
    capture = load(folder)
    assert capture.ids.tolist() == [7 + 13 * i for i in range(12)]
    assert (capture.rgb[..., 0] == capture.rgb[..., 2]).all() and capture.files[0] == "gray/000007.jpg"


def test_of_several_objects_the_one_asked_for_is_read(scene: Path) -> None:
    def crowd(body: dict[str, Any]) -> None:
        for poses in body.values():
            poses.insert(0, {**poses[0], "obj_id": 9, "cam_t_m2c": [50, 0, 400]})

    edit(scene / "scene_gt.json", crowd)
    for file in list((scene / "mask_visib").iterdir()):
        file.rename(file.with_name(file.name.replace("_000000", "_000001")))
    assert load(scene).notes["objid"] == 1
    with pytest.raises(UserError, match="object 4 is not in it"):
        read_scene(scene, "x", 4, PARAMS)


def test_the_folders_name_says_which_object_is_meant(scene: Path) -> None:
    def crowd(body: dict[str, Any]) -> None:
        for poses in body.values():
            poses.append({**poses[0], "obj_id": 9})

    edit(scene / "scene_gt.json", crowd)
    assert read_scene(scene, "x", None, PARAMS).notes["objid"] == 1
    renamed = scene.rename(scene.with_name("mine"))
    with pytest.raises(UserError, match=r"more than one object.*scene_gt\.json.*1, 9"):
        read_scene(renamed, "x", None, PARAMS)


def test_the_middle_does_not_mind_a_few_outliers(scene: Path) -> None:
    capture = load(scene)
    centres = np.stack([np.argwhere(m).mean(0)[::-1] for m in capture.mask])
    sound = middle_of(capture.K, capture.R, capture.t, centres)
    assert np.linalg.norm(sound - MIDDLE) < 1
    centres[2] += 200
    centres[7] -= 90
    assert np.linalg.norm(middle_of(capture.K, capture.R, capture.t, centres) - sound) < 1


def test_kept_views_are_spread_and_always_the_same(scene: Path) -> None:
    capture = load(scene, max_views=8)
    assert len(capture) == 8 and np.array_equal(capture.ids, load(scene, max_views=8).ids)
    twice = [Listed(i, np.eye(3), np.eye(3), np.array([0.0, 0, -1 - (i % 2)]), scene, None) for i in range(6)]
    assert len({e.id for e in spread(twice, 4)}) == 4


def test_sixty_views_in_half_a_second(tmp_path: Path) -> None:
    folder = make_scene(tmp_path / "many", n=60)
    load(folder)
    start = time.perf_counter()
    load(folder)
    assert time.perf_counter() - start < 2.0  # 0.1 s on an idle machine


@pytest.mark.skipif("REGPIPE_SHARED" not in os.environ, reason="REGPIPE_SHARED does not name the benchmark's folder")
def test_the_benchmark_reads_whole() -> None:
    root = Path(os.environ["REGPIPE_SHARED"]) / "bench"
    for spec in find_pair(root, "tless_dev", 1):
        capture = read(spec, PARAMS)
        assert len(capture) == 60 and not capture.notes["skipped"]
        json.dumps(capture.notes)


def test_written_files_refuse_what_is_not_a_number(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {})
    assert json.loads((tmp_path / "a.json").read_text()) == {}
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"0": float("nan")})
