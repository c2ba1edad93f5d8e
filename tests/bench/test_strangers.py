"""Halves of different objects out of a store, and none of them accepted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import artifacts
from pipelines.bench import strangers as module
from pipelines.bench.strangers import drawn, half_of, meet, objects_in, strangers
from pipelines.cli.main import main
from pipelines.store import Store
from registration.errors import UserError
from registration.geometry.mesh import TriMesh
from registration.nerf.record import Clouds
from registration.sources.base import HalfModel
from registration.sources.params import PosesParams
from registration.verify.params import VerifyParams
from tests.geometry.bodies import knob, socket
from tests.verify.made import pair_of

POSES, VERIFY = (
    PosesParams(rotations=800, tried=20, refined=5, keep=4),
    VerifyParams(points=600, turns=2, looked_at=4, voxels=40),
)
FEW = (0, 1)
"""Seeds."""


@pytest.fixture(scope="module")
def halves() -> dict[str, tuple[HalfModel, HalfModel]]:
    """Exact halves of two bodies."""
    bodies: dict[str, TriMesh] = {"obj_000001": knob(), "obj_000002": socket()}
    return {name: pair_of(body) for name, body in bodies.items()}


@pytest.fixture(scope="module")
def store(halves: dict[str, tuple[HalfModel, HalfModel]], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """What runs of both would have left."""
    store = Store(tmp_path_factory.mktemp("runs") / ".store")
    for name, (up, down) in halves.items():
        keep(store, f"made/{name}", up, down)
    return store


def keep(store: Store, name: str, up: HalfModel, down: HalfModel) -> None:
    """Both halves as the stages leave them."""
    keys = {}
    for half, model in (("up", up), ("down", down)):
        for stage, record in (("capture", model.capture), ("nerf", model.nerf)):
            place = store.place(name, f"{stage}-{half}")
            place.commit("aa", {}, lambda folder, r=record: artifacts.save(r, folder))
            keys[f"{stage}_{half}"] = "aa"
    clouds = Clouds(up.cloud, down.cloud, 60.0)
    store.place(name, "clouds").commit("aa", {"inputs": keys}, lambda folder: artifacts.save(clouds, folder))


@pytest.mark.parametrize("seed", FEW)
def test_pairs_are_of_strangers_and_drawn_once(seed: int) -> None:
    names = [f"obj_{n:06d}" for n in range(1, 6)]
    pairs = drawn(names, 20, seed)
    assert len(set(pairs)) == len(pairs) == 20 and all(up != down for up, down in pairs)
    assert drawn(names, 7, seed) == pairs[:7] and drawn(names, 99, seed) == pairs
    assert drawn(names, 20, seed + 1) != pairs


def test_halves_come_back_as_they_were_kept(store: Store, halves: dict[str, tuple[HalfModel, HalfModel]]) -> None:
    assert objects_in(store, "made") == ["obj_000001", "obj_000002"]
    for half, model in zip(("up", "down"), halves["obj_000002"], strict=True):
        again = half_of(store, "made/obj_000002", half)
        assert np.array_equal(again.cloud.points, model.cloud.points) and np.array_equal(again.nerf.sdf, model.nerf.sdf)
        assert np.array_equal(again.capture.t, model.capture.t)


def test_strangers_are_not_accepted_and_an_object_with_itself_is(
    store: Store, halves: dict[str, tuple[HalfModel, HalfModel]]
) -> None:
    own = meet(*halves["obj_000001"], np.random.default_rng(0), POSES, VERIFY)
    assert own["accepted"] and own["confidence"] > 0.99 and own["mask"] < 0.01
    told: list[tuple[int, int]] = []
    tick = lambda done, total: told.append((done, total))  # noqa: E731
    (row,) = strangers(store.root.parent / "made", None, 1, 0, tick, POSES, VERIFY)
    assert {row["up"], row["down"]} == {"obj_000001", "obj_000002"} and told == [(1, 1)]
    assert not row["accepted"] and row["confidence"] < 0.5 and row["mask"] + row["bare"] > own["mask"] + own["bare"]


def test_the_command_tells_how_many_were_accepted(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"accepted": True, "confidence": 0.995, "source": "shape", "candidates": 3, "seconds": 1.0}
    monkeypatch.setattr(module, "meet", lambda *_: row | dict.fromkeys(module.TOLD, 0.1))

    def said(*flags: str) -> str:
        with pytest.raises(SystemExit) as stop:
            main(["bench", "strangers", "elsewhere/made", "--store", str(store.root), *flags])
        assert not stop.value.code
        return capsys.readouterr().out

    assert "2 pairs of strangers (20 were asked for), accepted 2, highest confidence 0.9950" in said()
    assert len(json.loads(said("--pairs", "1", "--json"))) == 1


def test_too_few_objects_and_damaged_halves(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 objects with both halves"):
        strangers(tmp_path / "runs" / "made", None, 3, 0)
    other = Store(tmp_path / ".store")
    for n in (1, 2):
        up, down = (half_of(store, "made/obj_000001", half) for half in ("up", "down"))
        keep(other, f"made/obj_{n:06d}", up, down)
    other.place("made/obj_000002", "nerf-up").remove("aa")
    with pytest.raises(UserError, match="1 object with both halves"):
        strangers(tmp_path / "made", None, 3, 0)
    with pytest.raises(UserError, match="half up is not there"):
        half_of(other, "made/obj_000002", "up")
    file = other.place("made/obj_000001", "clouds").of("aa") / "arrays.npz"
    file.write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not as it was written"):
        half_of(other, "made/obj_000001", "up")
