"""The refinement started from one image's guess, as somebody asked, whatever the verdict says."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from pipelines.stages.context import Context
from pipelines.stages.icp import of_image, run
from registration.errors import UserError
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds
from registration.progress import silent
from registration.sources.base import ByImage, Hypothesis, ImagePoses
from registration.verify.params import IcpParams
from registration.verify.refine import started_at
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, pair_of
from tests.view.made import verdict_on

OVER = Rigid.exp([0, 0, np.pi, 0, 0, 0]) @ T_TRUE
ROUGH = Rigid.exp([0.03, -0.02, 0.03, 0.6, -0.5, 0.4]) @ T_TRUE


def guessed() -> ByImage:
    """Two images with the same id; that of down guesses twice."""
    places = np.array([M.as_matrix() for M in (T_TRUE.inverse(), OVER, ROUGH)])
    images = ImagePoses(("up", "down", "down"), np.array([17, 17, 17]), places, places, np.array([9.0, 1, 5]), np.zeros(3), np.zeros(3, bool))
    return ByImage.with_images([Hypothesis(T_TRUE, 0.0, "surfemb")], images)


def test_the_best_guess_of_the_named_image_is_taken() -> None:
    found = guessed()
    assert np.allclose(of_image(found, "down:17").as_matrix(), ROUGH.as_matrix())
    assert np.allclose(of_image(found, "17").as_matrix(), ROUGH.as_matrix())
    assert np.allclose(of_image(found, "up:17").as_matrix(), T_TRUE.inverse().as_matrix())


@pytest.mark.parametrize("name", ["down:18", "left:17", "seventeen", "-1", ":"])
def test_an_image_that_is_not_placed_is_one_line(name: str) -> None:
    with pytest.raises(UserError, match="no image of this id"):
        of_image(guessed(), name)


def test_a_start_keeps_the_confidence_of_the_verdict_at_the_same_place_only() -> None:
    verdict = verdict_on([T_TRUE, OVER])  # 0.95 and 0.05
    same, other, nowhere = (started_at(verdict, T, 60.0, "image 1") for T in (ROUGH, OVER, T_TRUE @ T_TRUE))
    assert (same.probability[0], same.accepted) == (0.95, True)
    assert (other.probability[0], other.accepted) == (pytest.approx(0.05), False)
    assert (nowhere.probability[0], nowhere.accepted) == (0.0, False)
    assert same.source[0] == "surfemb, image 1" and "image 1" in same.reasons[0]
    assert all(len(v.T_up_from_down) == len(v.cost) == len(v.group) == len(v.source) == 3 for v in (same, other))


def test_the_stage_settles_where_the_image_pointed(tmp_path: Path) -> None:
    up, down = pair_of(knob())
    clouds = Clouds(up.cloud, down.cloud, diameter(up.nerf.vertices))
    ctx = Context(np.random.default_rng(0), "cpu", tmp_path, silent, logging.getLogger("regpipe"), "icp")
    judged = verdict_on([OVER, T_TRUE])
    plain, asked = (
        run(ctx, IcpParams(points=1500, image=image), judged, clouds, up.nerf, down.nerf, up.capture, down.capture,
            {"surfemb": guessed})
        for image in ("", "down:17")
    )  # fmt: skip
    assert plain.T_up_from_down.angle_deg(OVER) < 5 and plain.accepted
    assert asked.T_up_from_down.angle_deg(T_TRUE) < 1 and not asked.accepted
    assert asked.confidence == pytest.approx(0.05)
