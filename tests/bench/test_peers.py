"""The comparison with registration peers: what needs no peer, and those peers that are installed."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pipelines import artifacts
from pipelines.store import Store
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.nerf.record import Cloud, Clouds
from tests.geometry.bodies import knob

TRUE = Rigid.exp([np.pi / np.sqrt(2), np.pi / np.sqrt(2), 0, 4.0, -3.0, 2.0])
"""T_up_from_down: half a turn about a level axis."""
MESH = knob()
SIZE = diameter(MESH.vertices)


def script() -> ModuleType:
    """The benchmark is a script, and its name is that of a package."""
    file = Path(__file__).resolve().parents[2] / "benchmarks" / "registration.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_peers", file)
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


peers = script()


def half(side: int, T: Rigid, n: int = 12_000) -> Cloud:
    """All of the body but the face it lies on, from above (1) or below (-1), moved."""
    points, face, _ = MESH.sample(n, np.random.default_rng(side + 1))
    normals = MESH.face_normals()[face]
    seen = side * normals[:, 2] > -0.95
    grey, views = np.full((int(seen.sum()), 3), 128, np.uint8), np.full(int(seen.sum()), 5)
    return Cloud(T.apply(points[seen]), T.turn(normals[seen]), grey, views, *2 * [np.ones(len(views), np.float32)])


@pytest.fixture
def pair() -> Any:
    z = np.array([0.0, 0, 1])
    return peers.Pair(half(1, Rigid.identity()), half(-1, TRUE.inverse()), z, z, SIZE)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    import trimesh

    file = tmp_path / "truth" / "obj_000001.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"T_up_from_down": TRUE.as_matrix().tolist(), "diameter": SIZE}))
    trimesh.Trimesh(MESH.vertices, MESH.faces, process=False).export(file.with_suffix(".ply"))
    return file


def turned(degrees: float) -> Rigid:
    return TRUE @ Rigid.exp([0, 0, np.radians(degrees), 0, 0, 0])


def right(pair: Any, seed: int) -> Rigid:
    return TRUE


def gives_up(pair: Any, seed: int) -> Rigid:
    raise RuntimeError("no partner")


def test_peers_ours_and_oracle_are_judged_alike(pair: Any, truth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS", {"fake": (right, ()), "lost": (gives_up, ())})
    case = (pair, [turned(180), turned(1), turned(90)], 7.5)
    rows = {m: peers.row_of(case, truth, m, 0) for m in ("fake", "lost", "ours", "oracle")}
    assert rows["fake"]["right"] and rows["fake"]["h95"] < 1e-6 and rows["fake"]["seconds"] < 5
    assert not rows["lost"]["right"] and rows["lost"]["failed"] == "no partner"
    assert not rows["ours"]["right"] and rows["ours"]["degrees"] == pytest.approx(180)
    assert rows["oracle"]["right"] and rows["oracle"]["degrees"] == pytest.approx(1)
    assert rows["ours"]["seconds"] == rows["oracle"]["seconds"] == 7.5
    lines = peers.table(list(rows.values()))
    assert [line.split()[0] for line in lines[1:5]] == ["fake", "lost", "ours", "oracle"]
    assert "1/1" in lines[1] and lines[1].endswith("0.0000*") and "0/1" in lines[2] and lines[2].endswith("nan!")
    assert "turn" not in lines[0]


def test_a_turn_counts_up_to_the_symmetries_that_the_truth_names(pair: Any, truth: Path) -> None:
    case = (pair, [turned(92)], 7.5)
    facts = json.loads(truth.read_text()) | {"symmetry": "exact"}
    quarter = TRUE @ Rigid.exp([0, 0, np.pi / 2, 0, 0, 0]) @ TRUE.inverse()
    for symmetries, told in (([], False), ([quarter.as_matrix().tolist()], True)):
        truth.write_text(json.dumps(facts | {"symmetries_discrete": symmetries}))
        row = peers.row_of(case, truth, "ours", 0)
        assert row["turn"] is told and row["degrees"] == pytest.approx(2 if told else 92)
        assert peers.table([row])[0].split() == ["right", "loose", "turn", "h95", "seconds", "exact"]


def test_what_is_missing_is_named() -> None:
    assert peers.lacking(("numpy", "json")) == ""
    assert peers.lacking(("numpy", "kiss_no_such")) == "not installed: pip install numpy kiss-no_such"
    assert all(packages for _, packages in peers.PEERS.values())


def test_half_turns_put_the_lower_half_upside_down(pair: Any) -> None:
    starts = peers.half_turns(pair, np.arange(0, 180, 45))
    assert len(starts) == 4
    for T in starts:
        assert np.allclose(T.turn(pair.axis_down), -pair.axis_up)
        assert np.allclose(T.apply(pair.down.points.mean(0)), pair.up.points.mean(0))
    assert min(T.angle_deg(TRUE) for T in starts) < 1e-3


def test_the_fittest_is_the_true_one(pair: Any) -> None:
    assert peers.fittest([turned(180), turned(10), TRUE, turned(90)], pair) is TRUE
    with pytest.raises(RuntimeError, match="no answer"):
        peers.fittest([], pair)


def keep(store: Store, stage: str, inputs: dict[str, str], record: Any) -> str:
    """An artifact whose key is that of its stage."""
    key = stage.encode().hex()
    facts = {"key": key, "stage": stage, "inputs": inputs, "seconds": 2.0}
    store.place("made/obj_000001", stage).commit(key, facts, lambda folder: artifacts.save(record, folder))
    return key


def test_the_command_reads_a_run_and_prints_the_table(
    pair: Any, truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, part = Store(tmp_path / ".store"), peers.Part
    clouds = keep(store, "clouds", {}, Clouds(pair.up, pair.down, SIZE))
    nerfs = {f"nerf_{h}": keep(store, f"nerf-{h}", {}, part(axis=np.array([0.0, 0, 1]))) for h in ("up", "down")}
    shape = keep(store, "poses-shape", {}, part(T_up_from_down=np.array([turned(3).as_matrix(), TRUE.as_matrix()])))
    judged = part(T_up_from_down=np.array([turned(180).as_matrix()]))
    verify = keep(store, "verify", {"clouds": clouds, "ask shape": shape, "ask print": "never"}, judged)
    keep(store, "icp", {"verify": verify, "clouds": clouds, **nerfs}, part(T_up_from_down=turned(180)))
    monkeypatch.setitem(peers.PEERS, "fake", (right, ()))
    monkeypatch.setitem(peers.PEERS, "gone", (right, ("no_such_package",)))
    out = tmp_path / "rows.json"
    words = [tmp_path / "made", truth.parent, "--method", "fake", "gone", "ours", "oracle", "--json", out]
    monkeypatch.setattr(sys, "argv", ["registration.py", *map(str, words)])
    peers.main()
    rows = {r["method"]: r for r in json.loads(out.read_text())["rows"]}
    assert [rows[m]["right"] for m in ("fake", "ours", "oracle")] == [True, False, True]
    assert rows["ours"]["seconds"] == 6 and rows["oracle"]["degrees"] == pytest.approx(0, abs=1e-3)
    assert "not installed: pip install no_such_package" in capsys.readouterr().out


def test_small_gicp_from_many_starts(pair: Any, truth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("small_gicp", reason="a peer: pip install small_gicp")
    monkeypatch.setattr(peers, "STARTS", 48)
    assert peers.row_of((pair, [], 0.0), truth, "small_gicp", 0)["right"]


@pytest.mark.parametrize("method", ["turn+colour-icp", "fpfh-ransac", "fgr"])
def test_open3d(pair: Any, truth: Path, method: str) -> None:
    pytest.importorskip("open3d", reason="a peer: pip install open3d", exc_type=ImportError)
    assert peers.row_of((pair, [], 0.0), truth, method, 0)["right"]


def test_kiss_matcher(pair: Any, truth: Path) -> None:
    for package in ("kiss_matcher", "small_gicp"):
        pytest.importorskip(package, reason="a peer: pip install kiss-matcher small_gicp")
    assert peers.row_of((pair, [], 0.0), truth, "kiss-matcher", 0)["right"]
