"""Three captures through the real command: one model, labels of each, a page; and what is wrong with the request."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipelines.results import read_result
from registration.data.synthetic import SynthParams
from registration.data.synthetic.dataset import write_capture
from registration.data.synthetic.parts import make_part
from registration.geometry.ply import read_ply
from registration.geometry.rigid import Rigid
from registration.progress import silent
from tests.cli.test_cli import call
from tests.end_to_end.driver import SETTINGS

TURNS = {"a": (0.0, 0.0, 0.0), "b": (np.pi, 0.0, 0.1), "c": (np.pi / 2, 0.0, 0.0)}
PLAIN = [word for s in (*SETTINGS, "verify.sources=cheap") for word in ("--set", s)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root, rng = tmp_path_factory.mktemp("captures"), np.random.default_rng(5)
    part = make_part("none", rng)
    for name, turn in TURNS.items():
        pose = Rigid(Rotation.from_rotvec(turn).as_matrix(), np.zeros(3))
        write_capture(root / name, part.mesh, pose, 1, SynthParams(views=14, size=80), 0.6, rng, silent)
    return [root / name for name in TURNS]


@pytest.mark.slow
def test_three_captures_become_one_model(folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = [word for f in folders for word in ("--capture", f)]
    out = tmp_path / "out"
    status, said, _ = call(capsys, "run", *named, "--out", out, "--preset", "quick", *PLAIN)
    result = read_result(out)
    assert result is not None and status == (0 if result["accepted"] else 3) and "captures" in said
    placed = [name for name, entry in result["captures"].items() if entry["placed"]]
    assert list(result["captures"]) == ["up", "down", "c3"] and len(placed) >= 2 and len(result["pairs"]) == 3
    assert result["accepted"] <= (len(placed) == 3) and result["keys"].keys() >= {"join"}
    assert [result["captures"][n]["folder"] for n in ("up", "down", "c3")] == [str(f) for f in folders]
    for name in placed:
        gt = json.loads((out / "labels" / name / "scene_gt.json").read_text())
        assert len(gt) == 14
        read = json.loads((folders[("up", "down", "c3").index(name)] / "scene_gt.json").read_text())
        pose, own = (Rigid(np.reshape(e["3"][0]["cam_R_m2c"], (3, 3)), np.array(e["3"][0]["cam_t_m2c"])) for e in (gt, read))
        T = Rigid.from_similarity(result["captures"][name]["T_model_from_capture"])
        assert np.allclose((pose @ T).as_matrix(), own.as_matrix(), atol=1e-3)
    assert len(read_ply(out / "model.ply")[0]) > 500
    page = (out / "report" / "index.html").read_text()
    assert "Captures and pairs" in page and page.count("<h3>Capture ") == len(placed) and "--capture" in page
    again, said, _ = call(capsys, "run", *named, "--out", out, "--preset", "quick", *PLAIN)
    assert again == status and "fresh" in said
    (out / "report" / "index.html").unlink()
    assert call(capsys, "report", "--out", out)[0] == 0
    assert "Captures and pairs" in (out / "report" / "index.html").read_text()
    assert call(capsys, "export", "pred6d", "--out", out, "--to", tmp_path / "poses.json")[0] == 0
    assert set(json.loads((tmp_path / "poses.json").read_text())) == set(placed)
    rows = json.loads(call(capsys, "status", *named, "--out", out, "--preset", "quick", *PLAIN, "--json")[1])
    assert {r["stage"]: r["state"] for r in rows["a+b+c"]}["join"] == "fresh"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--capture", "{a}"], "one capture is not enough"),
        (["--capture", "{a}", "--capture", "{a}"], "same folder"),
        (["--capture", "{a}", "--capture", "{b}", "--up", "{c}", "--down", "{b}"], "two ways"),
        (["--capture", "{a}", "--capture", "{b}", "--dataset", "mini"], "two ways"),
        (["--capture", "{a}", "--capture", "{b}", "--capture", "{a}/none"], "no such folder"),
        (["--capture", "{a}"] + ["--capture", "{b}"] * 12, "at most 12"),
        (["--capture", "{a}", "--capture", "{b}", "--capture", "{c}", "--until", "icp-c3-up"], "no stage"),
    ],
)
def test_a_wrong_request_is_one_line(
    words: list[str], told: str, folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = dict(zip("abc", map(str, folders), strict=True))
    status, _, error = call(capsys, "run", *(w.format(**there) for w in words), "--out", tmp_path / "out")
    assert status == 2 and told in error and len(error.splitlines()) == 1


def test_two_named_captures_are_up_and_down(folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, c = folders
    out = tmp_path / "out"
    two = call(capsys, "run", "--capture", a, "--capture", b, "--out", out, "--dry-run")
    assert two[1] == call(capsys, "run", "--up", a, "--down", b, "--out", out, "--dry-run")[1]
    three = call(capsys, "run", "--capture", a, "--capture", b, "--capture", c, "--out", out, "--dry-run")
    assert "icp-down-c3" in three[1] and "only if join asks" in three[1] and "join" not in two[1]
