"""The whole source on halves that a perfect training would answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from registration.embedding.params import CorrespondenceParams, EmbeddingParams
from registration.geometry.rigid import Rigid
from registration.progress import silent
from registration.sources.base import ByImage, Hypotheses, ImagePoses
from registration.sources.catalogue import in_order, load
from registration.sources.params import PosesParams
from registration.sources.surfemb import SurfembSource, by_image, guess
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, half_of_body


def test_it_is_dear_and_asked_last() -> None:
    cheap, dear = in_order(("auto",), ["print", "shape", "surfemb"])
    assert cheap == ["print", "shape"] and dear == ["surfemb"] and load("surfemb").name == "surfemb"


@pytest.mark.slow
def test_it_finds_how_a_knob_was_turned_over() -> None:
    rng = np.random.default_rng(0)
    up, down = half_of_body(knob(), T_TRUE), half_of_body(knob(), Rigid.identity())
    source = SurfembSource("cpu")
    source.looks, source.training = CorrespondenceParams(views=120), EmbeddingParams(steps=40, key_steps=120)
    params = PosesParams(image_trials=3_000)
    keys = source.fit(up, params, rng, silent).features
    back = source.learned(down, 2 * keys.embedding.radius, rng, silent)
    found = guess(up, down, (keys, back), params, np.random.default_rng(1), "cpu")
    again = guess(up, down, (keys, back), params, np.random.default_rng(1), "cpu")
    assert np.array_equal(found.T_up_from_down, again.T_up_from_down)  # one seed, one result
    off = [Rigid.from_matrix(T) for T in found.T_up_from_down[:3]]
    assert min(T.angle_deg(T_TRUE) for T in off) < 8
    assert all(a >= b for a, b in zip(found.score[:-1], found.score[1:], strict=True))
    best = [found.images.order()[0], found.images.order(together=False)[0]]
    assert all(found.images.half[k] in ("up", "down") for k in best)
    alone = guess(up, down, (keys, back), replace(params, image_pnp=0, image_trials=500), np.random.default_rng(1), "cpu")
    assert len(alone.images) > 0


def test_images_without_a_guess_leave_an_empty_table() -> None:
    images = by_image([], [], 100.0)
    assert len(images) == 0 and len(images.order()) == 0
    assert len(ByImage.with_images([], images)) == 0 and isinstance(ByImage.with_images([], images), Hypotheses)


def test_votes_of_others_may_outweigh_an_image() -> None:
    eye = np.tile(np.eye(4), (2, 1, 1))
    scores, none = (np.array([2.0, 1.8]), np.array([-3.0, 0.0])), np.zeros(2, bool)
    images = ImagePoses(("down", "down"), np.array([3, 3]), eye, eye, *scores, none)
    assert images.order().tolist() == [1, 0] and images.order(together=False).tolist() == [0, 1]
    offered = ImagePoses(("down", "down"), np.array([3, 3]), eye, eye, *scores, ~none)
    assert offered.order().tolist() == [1, 0] and len(offered.order(together=False)) == 0
