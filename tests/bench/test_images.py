"""Shares of placed images, on halves that know everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines import artifacts
from pipelines.bench.images import errors, judge_images, judge_object, shared
from pipelines.store import Store
from registration.data.capture import Capture
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import ByImage, HalfModel, ImagePoses
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, half_of_body

KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def halves() -> tuple[HalfModel, HalfModel]:
    return half_of_body(knob(), T_TRUE), half_of_body(knob(), Rigid.identity())


def placed(up: HalfModel, down: HalfModel, off_mm: float) -> ImagePoses:
    """All images where they belong but every second one, which is off."""
    half, image, T = [], [], []
    for name, seen, true in (("down", down, T_TRUE), ("up", up, T_TRUE.inverse())):
        for view, number in enumerate(seen.capture.ids):
            away = Rigid(np.eye(3), np.array([off_mm * (view % 2), 0, 0]))
            half.append(name)
            image.append(int(number))
            T.append((away @ seen.capture.cameras.pose(view) @ true.inverse()).as_matrix())
    n = len(T)
    return ImagePoses(tuple(half), np.array(image), np.array(T), np.array(T), np.ones(n), np.zeros(n), np.zeros(n, bool))


def test_an_image_shares_what_the_other_half_saw(halves: tuple[HalfModel, HalfModel]) -> None:
    up, down = halves
    own, other = shared(up, up, Rigid.identity(), 70.0), shared(down, up, T_TRUE, 70.0)
    assert (own > 0.95).all() and (other >= 0).all() and (other <= 1).all() and other.min() < own.min() - 0.05
    low = down.capture.cameras.centres()[:, 2].argmin()
    assert other[low] > other[down.capture.cameras.centres()[:, 2].argmax()]


def test_a_true_pose_has_no_error(halves: tuple[HalfModel, HalfModel]) -> None:
    up, down = halves
    off = errors(placed(up, down, 20.0), "down", down, T_TRUE, up.cloud.points[::10], together=False)
    assert max(e[0] for e in off[::2]) < 1e-6 and np.allclose([e[0] for e in off[1::2]], 20)


def test_shares_come_out_of_the_store(halves: tuple[HalfModel, HalfModel], tmp_path: Path) -> None:
    up, down = halves
    store, name = Store(tmp_path / ".store"), "d/obj_000001"
    guesses = ByImage(np.eye(4)[None], np.ones(1), ("surfemb",), placed(up, down, 20.0))
    records = {
        "capture-up": up.capture, "capture-down": down.capture, "nerf-up": up.nerf, "nerf-down": down.nerf,
        "clouds": Clouds(up.cloud, down.cloud, 70.0), "poses-surfemb": guesses,
    }  # fmt: skip
    inputs = {f"{s}_{h}": KEY for s in ("capture", "nerf") for h in ("up", "down")}
    for stage, record in records.items():
        facts = {"version": 1, "params": {}, "inputs": inputs, "seed": 0, "stage": stage, "seconds": 1.0}
        store.place(name, stage).commit(KEY, facts, lambda folder, r=record: artifacts.save(r, folder))
    assert isinstance(up.capture, Capture) and isinstance(up.nerf, NerfHalf)
    row = judge_object(store, name, {"diameter": 70.0, "T_up_from_down": T_TRUE.as_matrix().tolist()})
    assert row["placed_of_all"] == 0.5 and 0 < row["in_band"] <= row["images"] == 36
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "obj_000001.json").write_text(
        f'{{"diameter": 70.0, "T_up_from_down": {T_TRUE.as_matrix().tolist()}}}'
    )
    rows = judge_images(tmp_path / "d", tmp_path / "truth", None)
    assert rows[0]["placed"] == row["placed"]
