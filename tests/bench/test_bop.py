"""Labels judged as BOP does: known registrations of a known body."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.bench.bop import labelled, pixels_of, recalls, score_labels
from pipelines.bench.score import score_one
from pipelines.cli.main import main
from pipelines.store import Store
from registration.errors import UserError
from registration.fuse.labels import scene_camera, scene_gt
from registration.geometry.mesh import TriMesh, diameter
from registration.geometry.ply import write_ply
from registration.geometry.rigid import Rigid
from tests.geometry.bodies import capture_of, knob

G = Rigid.exp([np.pi, 0.1, 0.2, 3, -5, 8])
"""T_up_from_down of the truth."""


def written(tmp_path: Path, T: Rigid, **more: object) -> tuple[Path, Path]:
    """A run with labels by T, and its truth."""
    mesh, runs, truth = knob(), tmp_path / "runs" / "made", tmp_path / "made_truth"
    run = runs / "obj_000001"
    result = {"accepted": True, "confidence": 1.0, "stages": {"icp": 1.0}, "T_up_from_down": T.as_matrix().tolist()}
    up, down = capture_of(mesh, 6), capture_of(mesh.moved(G.inverse()), 10)
    for half, capture, pose in (("up", up, Rigid.identity()), ("down", down, T.inverse())):
        folder = run / "labels" / half
        folder.mkdir(parents=True)
        (folder / "scene_gt.json").write_text(json.dumps(scene_gt(capture, pose, 1)))
        (folder / "scene_camera.json").write_text(json.dumps(scene_camera(capture)))
    (run / "result.json").write_text(json.dumps(result))
    truth.mkdir()
    facts = {"T_up_from_down": G.as_matrix().tolist(), "diameter": diameter(mesh.vertices), **more}
    (truth / "obj_000001.json").write_text(json.dumps(facts))
    write_ply(
        truth / "obj_000001.ply",
        mesh.vertices,
        mesh.vertex_normals(),
        np.full((len(mesh.vertices), 3), 9, np.uint8),
        mesh.faces,
    )
    return runs, truth


def row_of(tmp_path: Path, T: Rigid, **more: object) -> dict[str, float]:
    runs, truth = written(tmp_path, T, **more)
    return score_one(runs, truth / "obj_000001.json")


def test_right_labels_are_all_found(tmp_path: Path) -> None:
    row = row_of(tmp_path, G)
    names = "vsd", "mssd", "mspd", "ar", "add", "add02", "adds", "adds02", "ar_both"
    assert {row[name] for name in names} == {1.0}
    assert row["symmetries"] == 0 and row["labels_against"] == "themselves"


def test_a_shift_meets_the_thresholds_above_its_length(tmp_path: Path) -> None:
    d = diameter(knob().vertices)
    row = row_of(tmp_path, Rigid(G.R, G.t + np.array([0.12 * d, 0, 0])))
    assert row["mssd"] == pytest.approx(0.8)  # 0.15 to 0.5
    assert row["add"] == row["add02"] == row["adds02"] == 0 and row["adds"] == 1
    assert 0 < row["mspd"] < 1 and 0 < row["vsd"] < 1
    assert row["ar"] == pytest.approx((row["vsd"] + row["mssd"] + row["mspd"]) / 3)
    assert row["ar_both"] == pytest.approx((6 + 10 * row["ar"]) / 16)


def test_symmetries_of_the_truth_are_known(tmp_path: Path) -> None:
    half = Rigid.exp([0, 0, np.pi, 0, 0, 0])
    plain, named = (
        row_of(tmp_path / name, half @ G, **facts)
        for name, facts in (("plain", {}), ("named", {"symmetries_discrete": [half.as_matrix().ravel().tolist()]}))
    )
    assert plain["mssd"] < 0.5 and plain["symmetries"] == 0
    assert named["mssd"] == named["mspd"] == 1 and named["symmetries"] == 1
    assert named["add"] == plain["add"] == 0 and named["vsd"] == plain["vsd"]


def test_labels_that_contradict_the_capture_are_wrong(tmp_path: Path) -> None:
    runs, _ = written(tmp_path, G)
    capture, mesh = capture_of(knob().moved(G.inverse()), 10), knob()
    folder = runs / "obj_000001" / "labels" / "down"
    right = labelled(folder, G, G, capture)
    assert right[0].size == capture.size_full and recalls(right, mesh, 60, [Rigid.identity()])["mssd"] == 1
    poses = json.loads((folder / "scene_gt.json").read_text())
    poses["3"][0]["cam_t_m2c"][0] += 50
    (folder / "scene_gt.json").write_text(json.dumps(poses))
    assert recalls(labelled(folder, G, G, capture), mesh, 60, [Rigid.identity()])["mssd"] == pytest.approx(0.9)
    assert (
        recalls(labelled(folder, G, G, None), mesh, 60, [Rigid.identity()])["mssd"] == 1
    )  # nothing to hold it against


def test_the_drawn_box_holds_both_poses_and_stays_in_the_image() -> None:
    image = labelled_at([0, 0, 300], [60, 0, 300])
    pixels = pixels_of(image, knob().vertices)
    assert pixels.min() >= 0 and (pixels.max(0) <= [99, 79]).all() and len(pixels) < 8000
    assert len(pixels_of(labelled_at([0, 0, 300], [0, 0, -5]), knob().vertices)) == 8000


def labelled_at(est: list[float], true: list[float]):
    from pipelines.bench.bop import Labelled

    K = np.array([[200.0, 0, 50], [0, 200, 40], [0, 0, 1]])
    return Labelled(Rigid(np.eye(3), np.array(est, float)), Rigid(np.eye(3), np.array(true, float)), K, (100, 80))


def test_labels_that_are_missing_or_damaged(tmp_path: Path) -> None:
    runs, _ = written(tmp_path, G)
    facts, store = {"T_up_from_down": G.as_matrix().tolist(), "diameter": 60}, Store(tmp_path)
    result, mesh = {"T_up_from_down": G.as_matrix().tolist()}, TriMesh(knob().vertices, knob().faces)
    assert score_labels(runs / "obj_000002", result, facts, mesh, store) == {}
    for text, words in (('{"0": []}', "cannot be read"), ("{", "cannot be read"), ("{}", "no image")):
        (runs / "obj_000001" / "labels" / "down" / "scene_gt.json").write_text(text)
        with pytest.raises(UserError, match=words):
            score_labels(runs / "obj_000001", result, facts, mesh, store)


def test_the_tables_are_narrow_and_the_json_has_the_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, truth = written(tmp_path, G)
    for args in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main(["bench", "score", str(runs), str(truth), *args])
    text, _, body = capsys.readouterr().out.partition("[\n")
    assert (
        "mssd" in text
        and "names no symmetries" in text
        and "1 objects without their captures" in text
        and "…" not in text
    )
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert json.loads("[" + body)[0]["ar"] == 1
