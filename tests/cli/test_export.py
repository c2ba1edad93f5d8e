"""regpipe export pred6d --guessed: what single images said, before anybody judged it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import artifacts
from pipelines.store import Store
from registration.geometry.rigid import Rigid
from registration.sources.base import ByImage, Hypothesis, ImagePoses
from tests.cli.test_cli import call


def kept_guesses(store: Path) -> ImagePoses:
    """Two guesses of one image of down, the second one better by the other images' votes; one of an image of up."""
    poses = np.stack([Rigid.exp([0.1 * k, 0, 0, k, 0, 300]).as_matrix() for k in range(3)])
    images = ImagePoses(
        ("down", "down", "up"),
        np.array([17, 17, 4]),
        poses,
        poses[::-1].copy(),
        np.array([5.0, 4, 1]),
        np.array([-3.0, 0, 0]),
        np.zeros(3, bool),
    )
    record = ByImage.with_images([Hypothesis(Rigid.identity(), 0.0, "surfemb")], images)
    Store(store).place("toys/obj_000001", "poses-surfemb").commit(
        "ab", {"seconds": 1.0}, lambda f: artifacts.save(record, f)
    )
    return images


def export(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> tuple[int, str, str]:
    return call(
        capsys, "export", "pred6d", "--dataset", "toys", "--objid", 1, "--out", folder, "--to", folder / "p.json", *more
    )


def test_every_image_says_what_it_guessed_the_best_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = kept_guesses(tmp_path / ".store")
    status, _, _ = export(capsys, tmp_path, "--guessed")
    told = json.loads((tmp_path / "p.json").read_text())
    assert status == 0 and set(told["down"]) == {"17"} and set(told["up"]) == {"4"}
    best, second = told["down"]["17"]
    assert np.allclose(best["pose"], images.T_cam_from_reference[1]) and best["of"] == "up"
    assert np.allclose(best["T_up_from_down"], images.T_up_from_down[1]) and second["score"] == 5
    assert told["up"]["4"][0]["of"] == "down"


def test_without_guesses_it_says_how_to_get_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = export(capsys, tmp_path, "--guessed")
    assert status == 2 and "regpipe stage poses-surfemb" in err and not (tmp_path / "p.json").exists()
    status, _, err = export(capsys, tmp_path)
    assert status == 2 and "no finished result" in err
