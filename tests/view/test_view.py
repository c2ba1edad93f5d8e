"""What viewers are given: the newest that belongs together, the ICP run again, and what is missing said."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from pipelines.view.find import Shelf, find
from pipelines.view.gather import gather
from registration.errors import UserError
from registration.fuse.labels import scene_camera, scene_gt
from registration.geometry.rigid import Rigid
from tests.view.made import halves, keep, kept_run, publish, records

NAME = "toys/obj_000001"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_run(tmp_path_factory.mktemp("runs"))


def test_the_icp_is_run_again_step_by_step_to_the_same_end(out: Path) -> None:
    scene, icp = gather(find(out, None, None, None)), records()["icp"]
    assert len(scene.path) > 3
    assert np.allclose(scene.path[0].T_up_from_down.as_matrix(), icp.start)
    assert np.abs(scene.path[-1].T_up_from_down.as_matrix() - icp.T_up_from_down.as_matrix()).max() < 1e-9
    assert "run again" in scene.path_said and "0.00° and 0.00 mm" in scene.path_said
    gaps = [p.gap_mm for p in scene.path]
    assert gaps[-1] is not None and gaps[0] is not None and gaps[-1] < gaps[0]


def test_every_step_of_the_chain_has_its_place(out: Path) -> None:
    scene = gather(find(out, None, "toys", 1))
    assert [p.name for p in scene.places] == ["as captured", "before ICP", "after ICP", "after joint training"]
    assert scene.final is scene.places[-1].T_up_from_down
    assert scene.facts[0] == "Accepted, confidence 0.950" and scene.missing == ()
    assert len(scene.alternatives) == 1 and "another model" in scene.alternatives[0].said


@pytest.mark.parametrize(("until", "places"), [("clouds", 1), ("verify", 1), ("icp", 3), ("fuse", 3)])
def test_a_chain_that_has_not_come_far_is_shown_as_far_as_it_came(tmp_path: Path, until: str, places: int) -> None:
    scene = gather(find(kept_run(tmp_path, until=until), None, None, None))
    assert len(scene.places) == places and scene.up.cloud is not None
    assert (scene.model is None) == (until != "fuse")


def test_artifacts_of_another_run_are_not_mixed_in(tmp_path: Path) -> None:
    kept_run(tmp_path)
    time.sleep(0.01)
    keep(tmp_path / ".store", NAME, "clouds", "c9")  # newer, but the ICP was made of the older ones
    assert Shelf(find(tmp_path, None, None, None)).keys["clouds"] == "c0"


def test_a_newer_verdict_that_nothing_was_made_of_does_not_hide_the_icp(tmp_path: Path) -> None:
    kept_run(tmp_path)
    keep(tmp_path / ".store", NAME, "icp", "f9", verify="e9")  # its verdict is not kept
    keys = Shelf(find(tmp_path, None, None, None)).keys
    assert keys["icp"] == "f0" and keys["nerf-full"] == "ac"


def test_a_damaged_artifact_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    kept_run(tmp_path)
    (tmp_path / ".store" / NAME / "nerf-up" / "b1" / "arrays.npz").write_bytes(b"no")
    scene = gather(find(tmp_path, None, None, None))
    assert scene.up.skin is None and scene.up.cloud is not None and scene.path == ()
    assert any("nerf-up" in line and "not as it was written" in line for line in scene.missing)
    assert "cannot be run again" in scene.path_said


def test_without_a_store_the_result_is_shown_with_the_cameras_of_its_labels(tmp_path: Path) -> None:
    folder = publish(tmp_path)
    T = Rigid.from_matrix(json.loads((folder / "result.json").read_text())["T_up_from_down"])
    for half, model, X in zip(("up", "down"), halves(), (Rigid.identity(), T.inverse()), strict=True):
        place = folder / "labels" / half
        place.mkdir(parents=True)
        (place / "scene_gt.json").write_text(json.dumps(scene_gt(model.capture, X, 1)))
        (place / "scene_camera.json").write_text(json.dumps(scene_camera(model.capture)))
    scene = gather(find(tmp_path, None, None, None))
    assert scene.model is not None and scene.up.cloud is None and len(scene.alternatives) == 1
    for half, model in ((scene.up, halves()[0]), (scene.down, halves()[1])):
        assert half.shots is not None and half.shots.images is None
        assert np.allclose(half.shots.cameras.centres(), model.capture.cameras.centres(), atol=1e-6)
    assert sum("no artifact is kept" in line for line in scene.missing) == 3


def test_an_object_is_found_by_its_own_folder_too(tmp_path: Path) -> None:
    kept_run(tmp_path)
    folder = publish(tmp_path)
    assert find(folder, None, None, None).store.root.resolve() == (tmp_path / ".store").resolve()
    assert gather(find(folder, None, None, None)).name == NAME


def test_two_captures_that_were_named_are_found(tmp_path: Path) -> None:
    kept_run(tmp_path, "left+right", until="icp")
    found = find(tmp_path, None, None, None)
    assert found.name == "left+right" and found.folder == tmp_path


def test_which_object_is_asked(tmp_path: Path) -> None:
    for n in (1, 2):
        publish(tmp_path, f"toys/obj_{n:06d}")
    with pytest.raises(UserError, match="which object"):
        find(tmp_path, None, None, None)
    assert find(tmp_path, None, None, 2).name == "toys/obj_000002"
    with pytest.raises(UserError, match="there: toys/obj_000001"):
        find(tmp_path, None, "toys", 7)
    with pytest.raises(UserError, match="regpipe run first"):
        find(tmp_path / "empty", None, None, None)
