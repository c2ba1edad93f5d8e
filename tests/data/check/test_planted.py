"""Every fault that is planted in a sound capture is named, and a sound capture has none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from registration.data.check.facts import Facts, measure
from registration.data.check.judge import rows_of, rows_of_pair
from registration.data.check.record import Row
from registration.data.kinds import spec_of
from registration.data.params import CaptureParams
from registration.data.synthetic.dataset import SynthParams, write_capture
from registration.data.synthetic.parts import make_part
from registration.geometry.rigid import Rigid
from tests.data.make import edit

VIEWS = 24
GL = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(3)
    place = tmp_path_factory.mktemp("sound") / "obj_000001_up"
    part = make_part("none", rng)
    write_capture(place, part.mesh, Rigid.identity(), 1, SynthParams(views=VIEWS, size=160), 0.5, rng, lambda *_: None)
    return place


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / sound.name))


def facts_of(folder: Path, **params: Any) -> Facts:
    found = measure(spec_of(folder, "up", "x"), CaptureParams(**params))
    assert isinstance(found, Facts)
    return found


def table(folder: Path, **params: Any) -> dict[str, Row]:
    return {row.what: row for row in rows_of(facts_of(folder, **params), CaptureParams(**params))}


def pictures(part: str, change: Callable[[np.ndarray], np.ndarray], some: range = range(VIEWS)) -> Callable[[Path], None]:  # fmt: skip
    def plant(folder: Path) -> None:
        for i in some:
            file = str(next((folder / part).glob(f"{i:06d}*")))
            cv2.imwrite(file, change(cv2.imread(file, cv2.IMREAD_UNCHANGED)))

    return plant


def poses(change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Callable[[Path], None]:
    def each(body: dict[str, Any]) -> None:
        for (entry,) in body.values():
            R, t = change(np.array(entry["cam_R_m2c"]).reshape(3, 3), np.array(entry["cam_t_m2c"]))
            entry.update(cam_R_m2c=R.ravel().tolist(), cam_t_m2c=t.tolist())

    return lambda folder: edit(folder / "scene_gt.json", each)


def order(of: Callable[[int], int]) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "scene_gt.json", lambda b: {k: b[str(of(int(k)) % VIEWS)] for k in b})


def lenses(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def each(body: dict[str, Any]) -> None:
        for entry in body.values():
            entry["cam_K"] = change(np.array(entry["cam_K"]).reshape(3, 3)).ravel().tolist()

    return lambda folder: edit(folder / "scene_camera.json", each)


def one_side(folder: Path) -> None:
    """Only the views from one side stay."""

    def keep(body: dict[str, Any]) -> dict[str, Any]:
        eyes = {k: -np.array(e["cam_R_m2c"]).reshape(3, 3).T @ np.array(e["cam_t_m2c"]) for k, (e,) in body.items()}
        level = np.mean(list(eyes.values()), axis=0)
        return {k: e for k, e in body.items() if (eyes[k] - level)[0] > 0}

    edit(folder / "scene_gt.json", keep)
    kept = json.loads((folder / "scene_gt.json").read_text())
    edit(folder / "scene_camera.json", lambda b: {k: e for k, e in b.items() if k in kept})


def smaller(folder: Path) -> None:
    for part, way in (("rgb", cv2.INTER_AREA), ("mask_visib", cv2.INTER_NEAREST)):
        pictures(part, lambda image, way=way: cv2.resize(image, None, fx=0.3, fy=0.3, interpolation=way))(folder)
    lenses(lambda K: np.diag([0.3, 0.3, 1]) @ K)(folder)


def no_masks(folder: Path) -> None:
    pictures("mask_visib", np.zeros_like, range(4, 8))(folder)
    (folder / "mask_visib/000009_000000.png").unlink()


def both(*plants: Callable[[Path], None]) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        for one in plants:
            one(folder)

    return plant


blurred = lambda image: cv2.GaussianBlur(image, (0, 0), 3)  # noqa: E731
shifted = lambda mask: np.roll(mask, (4, 6), (0, 1))  # noqa: E731
FAULTS: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    "blurred": (pictures("rgb", blurred, range(5, 14)), "sharpness", "bad", "blurred: images 5, 6, 7"),
    "all blurred": (pictures("rgb", blurred), "sharpness", "bad", "blurred"),
    "a few blurred": (pictures("rgb", blurred, range(5, 8)), "sharpness", "fair", "blurred: images 5, 6, 7"),
    "metres": (poses(lambda R, t: (R, t / 1000)), "size", "bad", "metres: --unit m"),
    "centimetres": (poses(lambda R, t: (R, t / 10)), "size", "bad", "centimetres: --unit cm"),
    "tenfold": (poses(lambda R, t: (R, 10 * t)), "size", "bad|fair", "1/10 of a millimetre"),
    "thousandfold": (poses(lambda R, t: (R, 1000 * t)), "size", "bad", "1/1000 of a millimetre"),
    "masks shifted": (pictures("mask_visib", shifted), "masks", "bad", "-6 right, -4 down"),
    "swapped": (order(lambda i: {2: 13, 13: 2}.get(i, i)), "poses", "bad", "images 2, 13 not"),
    "OpenGL": (poses(lambda R, t: (GL @ R, GL @ t)), "poses", "bad", "axes are OpenGL's"),
    "inverted": (poses(lambda R, t: (R.T, -R.T @ t)), "poses", "bad", "poses are inverted, camera-to-world"),
    "both": (poses(lambda R, t: (R.T @ GL, -R.T @ t)), "poses", "bad", "inverted and have OpenGL's axes"),
    "over-exposed": (pictures("rgb", lambda x: np.clip(x.astype(int) * 3, 0, 255).astype(np.uint8)), "exposure", "bad", "over-exposed"),
    "no masks": (no_masks, "masks", "bad", "images 4, 5, 6, 7, 9 without a usable mask"),
    "one side": (one_side, "coverage", "bad", "degrees above the table, between the directions of images"),
    "too small": (smaller, "resolution", "bad", "spans 3"),
    "K of larger images": (lenses(lambda K: np.diag([2.0, 2, 1]) @ K), "intrinsics", "bad", "2 times as large"),
    "reversed": (order(lambda i: VIEWS - 1 - i), "poses", "bad", "reverse order"),
    "late": (order(lambda i: i + 1), "poses", "bad", "one image late|one image early"),
}  # fmt: skip


def said(row: Row) -> str:
    return f"{row.told} -> {row.mend}"


QUICK = ("a few blurred", "masks shifted", "swapped", "one side")


@pytest.mark.parametrize("fault", [f if f in QUICK else pytest.param(f, marks=pytest.mark.slow) for f in FAULTS])
def test_a_planted_fault_is_named(folder: Path, fault: str) -> None:
    plant, what, verdict, words = FAULTS[fault]
    plant(folder)
    row = table(folder)[what]
    assert row.verdict in verdict.split("|"), said(row)
    assert any(w in said(row) for w in words.split("|")), said(row)


def test_a_sound_capture_has_no_bad_row(sound: Path) -> None:
    rows = table(sound)
    assert {row.what: said(row) for row in rows.values() if row.verdict == "bad"} == {}
    assert [w for w, row in rows.items() if row.verdict == "fair"] in (["images"], ["images", "poses"])  # 24 are few


@pytest.mark.slow
def test_a_known_diameter_tells_of_a_wrong_focal_length(folder: Path) -> None:
    """From silhouettes alone it does not show: all is only smaller."""
    size = table(folder)["size"].value
    assert table(folder, diameter_mm=1.02 * size)["size"].verdict == "good"
    lenses(lambda K: K * [[1.4, 1, 1], [1, 1.4, 1], [1, 1, 1]])(folder)
    row = table(folder, diameter_mm=size)["size"]
    assert row.verdict == "bad" and "focal lengths 1.4" in row.mend and "too large" in row.mend


@pytest.mark.slow
def test_two_captures_are_compared(sound: Path, folder: Path) -> None:
    up, down = facts_of(sound), facts_of(folder)
    assert [row.verdict for row in rows_of_pair(up, down)] == ["good", "good"]
    poses(lambda R, t: (R, 2 * t))(folder)
    overlap, sizes = rows_of_pair(up, facts_of(folder))
    assert sizes.verdict == "bad" and "same object" in sizes.mend and overlap.value > 0.6
