"""Pictures of the learned correspondences, on a small bank."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipelines.cli.images import guesses, told
from pipelines.cli.show import of_learned
from registration.embedding.features import embedding_of, features_of, first_query
from registration.embedding.params import EmbeddingParams, FeatureParams
from registration.embedding.query import pictures_of, said_of
from registration.embedding.train import train
from registration.progress import silent
from registration.sources.base import ImagePoses
from registration.viz.matches import of_image
from registration.viz.pictures import PAPER
from tests.embedding.made import bank_of_knob, body_of
from tests.geometry.bodies import capture_of, knob
from tests.verify.made import exact_half


def test_every_learned_stage_has_a_picture(tmp_path: Path) -> None:
    bank = bank_of_knob(30, 64)
    params = EmbeddingParams(steps=2, crops=4, key_steps=30, judge_every=2)
    embedding = embedding_of(train(bank, first_query("pretrained", 0), params, 0, "cpu", tmp_path / "c", silent), bank, params)
    features = features_of(embedding, bank, FeatureParams(points=400), np.random.default_rng(0))
    for kind, record in (("correspondences", bank), ("embedding", embedding), ("features", features)):
        picture = of_learned(record, kind, "up")
        assert picture.dtype == np.uint8 and (picture != PAPER).any(2).mean() > 0.02
    mesh = knob()
    capture = capture_of(mesh, views=2, size=96)
    pictures = pictures_of(body_of(mesh), capture, 64)
    said = said_of(embedding, pictures, "cpu")
    half = exact_half(mesh, capture)
    with_pose = of_image(pictures, said, features, half, pictures.looks.cameras.pose(0), 2.0, "up 0")
    without = of_image(pictures, said, features, half, None, 0.0, "up 0")
    assert with_pose.shape[1] > 1.5 * without.shape[1]


def test_an_image_is_told_with_its_best_pose_first() -> None:
    poses = np.tile(np.eye(4), (3, 1, 1))
    scores, shared = np.array([1.0, 3.0, 2.0]), np.array([True, False, False])
    images = ImagePoses(("down", "down", "up"), np.array([7, 7, 7]), poses, poses, scores, np.zeros(3), shared)
    (down,) = guesses(images, 7, "down")
    assert down.score.tolist() == [3.0, 1.0] and len(guesses(images, 7, None)) == 2 and guesses(images, 8, None) == []
    lines = told([down])
    assert "down 7: 2 poses" in lines[0] and "3.00" in lines[1] and len(lines) == 3
    assert "of all images" in lines[2] and "of all images" not in lines[1]
