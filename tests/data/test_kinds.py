"""Finding captures: data sets, pairs, halves of a split scene."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from registration.data.bop_entries import read_entries
from registration.data.kinds import (
    CaptureSpec,
    elevation_deg,
    files_of,
    find_pair,
    hidden_transform,
    list_objects,
    pair_of,
    read,
)
from registration.data.params import CaptureParams
from tests.data.make import make_classic, make_onboarding, make_scene, refusal, surface


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bop")
    make_onboarding(root, "toys", (1, 12))
    make_classic(root, "parts", 3)
    return root


def test_objects_and_pairs_of_onboarding_captures(root: Path) -> None:
    assert list_objects(root, "toys") == [1, 12]
    up, down = find_pair(root, "toys", 12)
    assert up == CaptureSpec(
        "bop-onboarding", str(root / "toys/onboarding_static/obj_000012_up"), "toys/obj_000012_up", "up", 12
    )
    assert (down.half, down.name) == ("down", "toys/obj_000012_down")
    assert read(down, CaptureParams()).name == "toys/obj_000012_down"
    assert CaptureSpec(**json.loads(json.dumps(asdict(down)))) == down


def test_the_halves_of_a_scene_are_cut_by_elevation_and_overlap(root: Path) -> None:
    up, down = find_pair(root, "parts", 3)
    elevations = {e.id: elevation_deg(e) for e in read_entries(Path(up.folder), 3)[0]}
    params = CaptureParams(split_elevation_deg=5, overlap_deg=10)
    above, below = read(up, params), read(down, params)
    assert set(above.ids) == {i for i, e in elevations.items() if e > -5}
    assert set(below.ids) == {i for i, e in elevations.items() if e < 15}
    assert 0 < len(set(above.ids) & set(below.ids)) < len(elevations)


def test_moving_the_lower_half_back_gives_the_poses_of_the_scene(root: Path) -> None:
    up, down = find_pair(root, "parts", 3)
    T_up_from_down = hidden_transform(down)
    assert np.array_equal(T_up_from_down.as_matrix(), hidden_transform(up).as_matrix())
    capture = read(down, CaptureParams())
    back = capture.cameras.moved(T_up_from_down.inverse())
    poses = {e.id: e for e in read_entries(Path(down.folder), 3)[0]}
    assert np.allclose(back.R, [poses[i].R for i in capture.ids], atol=1e-9)
    assert np.allclose(back.t, [poses[i].t for i in capture.ids], atol=1e-9)
    moved = T_up_from_down.inverse().apply(surface())
    pixels = np.round(capture.cameras.project(0, moved)[0]).astype(int)
    assert capture.mask[0, pixels[:, 1], pixels[:, 0]].mean() > 0.98


def test_the_hidden_frame_depends_on_names_alone(tmp_path: Path, root: Path) -> None:
    shutil.copytree(root / "parts", tmp_path / "parts")
    shutil.copytree(root / "parts", tmp_path / "other")
    here, there, other = (find_pair(r, d, 3)[1] for r, d in ((root, "parts"), (tmp_path, "parts"), (tmp_path, "other")))
    assert np.array_equal(hidden_transform(here).as_matrix(), hidden_transform(there).as_matrix())
    assert hidden_transform(here).angle_deg(hidden_transform(other)) > 1
    with pytest.raises(ValueError, match="no half of a split scene"):
        hidden_transform(find_pair(root, "toys", 1)[0])


def test_a_data_set_that_is_not_here_says_how_to_get_it(root: Path) -> None:
    assert "regpipe data download tless" in refusal(list_objects, root, "tless")
    assert "regpipe run --dataset mini" in refusal(find_pair, root, "mini", 1)
    assert "did you mean 'toys'?" in refusal(list_objects, root, "toy")
    assert "there: parts, toys; --bop-root" in refusal(list_objects, root, "x")
    for sneaky in ("../toys", "", ".", "..", "toys/onboarding_static"):
        assert refusal(list_objects, root, sneaky).startswith("no data set")
    assert "there: none" in refusal(list_objects, root / "nowhere", "x")


def test_an_object_that_is_not_there_lists_those_that_are(root: Path, tmp_path: Path) -> None:
    assert "no object 4" in refusal(find_pair, root, "toys", 4) and "there: 1, 12" in refusal(
        find_pair, root, "toys", 4
    )
    make_scene(tmp_path / "half/onboarding_static/obj_000007_up")
    assert "object 7 has only its up capture" in refusal(find_pair, tmp_path, "half", 7)
    assert list_objects(tmp_path, "half") == []
    (tmp_path / "empty").mkdir()
    assert "not a BOP data set" in refusal(list_objects, tmp_path, "empty")


def test_the_truth_is_never_read(root: Path, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "toys_truth/obj_000001_up")
    assert "truth" in refusal(list_objects, tmp_path, "toys_truth")
    assert "truth" in refusal(pair_of, scene, root / "toys/onboarding_static/obj_000001_down")
    (tmp_path / "sly").symlink_to(tmp_path / "toys_truth")
    assert "truth" in refusal(list_objects, tmp_path, "sly")


def test_two_folders_make_a_pair(root: Path) -> None:
    base = root / "toys/onboarding_static"
    up, down = pair_of(base / "obj_000001_up", base / "obj_000001_down")
    assert (up.half, down.half, up.objid, up.name) == ("up", "down", None, "obj_000001_up")
    assert read(up, CaptureParams()).notes["objid"] == 1
    assert "same folder" in refusal(pair_of, base / "obj_000001_up", base / "obj_000001_up")
    assert refusal(pair_of, base / "nowhere", base / "obj_000001_up").startswith("no such folder")
    assert "no capture here" in refusal(pair_of, base, base / "obj_000001_up")


def test_files_of_lists_all_that_is_read_and_no_more(tmp_path: Path) -> None:
    folder = make_scene(tmp_path / "obj_000001_up", n=8)
    shutil.copytree(folder / "mask_visib", folder / "mask")
    (folder / "scene_gt_info.json").write_text("{}")
    spec, _ = pair_of(folder, make_scene(tmp_path / "obj_000001_down", n=8))
    files = files_of(spec)
    assert files == sorted(files) and len(files) == 2 + 8 + 8
    assert {f.parent.name for f in files} == {"obj_000001_up", "rgb", "mask_visib"}


def test_a_handal_like_folder_is_read_as_it_is(tmp_path: Path) -> None:
    """JPEG images, PNG masks, ids with gaps, other files beside."""
    make_onboarding(tmp_path, "handal", (4,), first=3, step=7, suffix=".jpg")
    for spec in find_pair(tmp_path, "handal", 4):
        (Path(spec.folder) / "scene_gt_info.json").write_text("{}")
        capture = read(spec, CaptureParams())
        assert capture.ids.tolist() == [3 + 7 * i for i in range(12)] and capture.files[1] == "rgb/000010.jpg"
