"""Training: it learns, goes on where it was, and starts from what it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from registration.embedding.backgrounds import grounds_of
from registration.embedding.features import embedding_of, features_of, first_query, shipped
from registration.embedding.loss import against_surface, among_views, pixels_of, taken
from registration.embedding.network import DIM, KeyNet, QueryNet
from registration.embedding.params import EmbeddingParams, FeatureParams
from registration.embedding.train import train
from registration.errors import UserError
from registration.progress import silent
from tests.embedding.made import bank_of_knob

SHORT = EmbeddingParams(steps=24, crops=6, pixels=40, key_steps=40, judge_every=8, patience=99)


@pytest.mark.slow
def test_training_learns_and_is_the_same_twice(tmp_path: Path) -> None:
    bank = bank_of_knob()
    once, twice = (
        train(bank, first_query("pretrained", 0), SHORT, 3, "cpu", tmp_path / name, silent) for name in "ab"
    )
    assert once.curve[-1][0] == 24 and min(e[2] for e in once.curve) < 0.97 * once.curve[0][2]
    assert once.curve[1:] == twice.curve[1:]
    for a, b in zip(once.key.state_dict().values(), twice.key.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_killed_training_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    bank = bank_of_knob()

    class Killed(Exception):
        pass

    def until_12(done: int, total: int) -> None:
        if done == 12:
            raise Killed

    whole = train(bank, first_query("none", 0), SHORT, 3, "cpu", tmp_path / "whole", silent)
    with pytest.raises(Killed):
        train(bank, first_query("none", 0), SHORT, 3, "cpu", tmp_path / "cut", until_12)
    goes_on = train(bank, first_query("none", 0), SHORT, 3, "cpu", tmp_path / "cut", silent)
    assert goes_on.curve[1:] == whole.curve[1:]
    for a, b in zip(whole.query.state_dict().values(), goes_on.query.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_it_stops_when_it_learns_no_more(tmp_path: Path) -> None:
    params = EmbeddingParams(steps=400, crops=2, pixels=8, key_steps=1, judge_every=2, patience=2, rate=0.0, key_rate=0.0)
    made = train(bank_of_knob(12), QueryNet(), params, 0, "cpu", tmp_path / "c", silent)
    assert made.step <= 12


@pytest.mark.slow
def test_what_other_objects_taught_is_a_better_start(tmp_path: Path) -> None:
    bank = bank_of_knob(60, 64)
    params = EmbeddingParams(steps=16, crops=8, judge_every=16)
    found = {
        start: train(bank, first_query(start, 0), params, 0, "cpu", tmp_path / start, silent).curve[-1][3]
        for start in ("pretrained", "none")
    }
    assert found["pretrained"] > found["none"] + 0.1


def test_features_are_unit_and_lie_on_the_cloud(tmp_path: Path) -> None:
    bank = bank_of_knob()
    trainee = train(bank, QueryNet(), EmbeddingParams(steps=1, crops=2, key_steps=2), 0, "cpu", tmp_path / "c", silent)
    made = features_of(embedding_of(trainee, bank, SHORT), bank, FeatureParams(points=300), np.random.default_rng(0))
    assert made.features.shape == (300, DIM) and np.allclose(np.linalg.norm(made.features, axis=1), 1, atol=1e-5)
    assert {tuple(p) for p in made.points} <= {tuple(p) for p in bank.points}


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="start-up weights"):
        first_query(str(tmp_path / "nothing.safetensors"), 0)
    save_file({"x": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="do not fit"):
        first_query(str(tmp_path / "other.safetensors"), 0)
    (tmp_path / "junk.safetensors").write_bytes(b"\x80\x04junk")
    with pytest.raises(UserError, match="do not fit"):
        first_query(str(tmp_path / "junk.safetensors"), 0)


def test_the_shipped_weights_are_small() -> None:
    assert shipped().stat().st_size < 8e6


def test_a_key_that_answers_is_better_than_one_that_does_not() -> None:
    words = torch.nn.functional.normalize(torch.randn(50, DIM), dim=1)
    others = torch.nn.functional.normalize(torch.randn(80, DIM), dim=1)
    scale = torch.tensor(10.0)
    assert against_surface(words, words, others, scale) < 0.5 * against_surface(words, -words, others, scale)
    place = torch.rand(4, 30, 3)
    place[1::2] = place[::2]  # both views of an object show the same places
    word = torch.nn.functional.normalize(torch.randn(2, 30, DIM), dim=2).repeat_interleave(2, 0)
    loss, found = among_views(word, place, torch.tensor(20.0), 2)
    worse, lost = among_views(torch.nn.functional.normalize(torch.randn(4, 30, DIM), dim=2), place, torch.tensor(20.0), 2)
    assert loss < worse and found > 0.95 > lost


def test_pixels_are_drawn_where_they_are_valid() -> None:
    valid = torch.zeros(3, 8, 8, dtype=torch.bool)
    valid[0, 2, 3], valid[1, :, 5] = True, True
    at, some = pixels_of(valid, 20, torch.Generator().manual_seed(0))
    assert some.tolist() == [True, True, False] and (at[0] == 19).all() and (at[1] % 8 == 5).all()
    field = torch.arange(64.0).reshape(1, 1, 8, 8).expand(3, -1, -1, -1)
    assert (taken(field, at)[0] == 19).all()


def test_keys_are_unit() -> None:
    assert torch.allclose(KeyNet()(torch.randn(9, 3)).norm(dim=1), torch.ones(9), atol=1e-5)


def test_backgrounds_come_from_a_folder_of_pictures(tmp_path: Path) -> None:
    from PIL import Image

    with pytest.raises(UserError, match="no pictures"):
        grounds_of(str(tmp_path), 32, torch.Generator().manual_seed(0))
    Image.new("RGB", (50, 40), (200, 10, 10)).save(tmp_path / "red.png")
    grounds = grounds_of(str(tmp_path), 32, torch.Generator().manual_seed(0))
    assert grounds.shape == (1, 3, 32, 32) and grounds[0, 0].min() > 0.7 > grounds[0, 1].max()


def test_coco_names_its_pictures(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools", reason="pip install 'regpipe[coco]'")
    import json

    from PIL import Image

    from registration.embedding.backgrounds import files_in

    (tmp_path / "annotations").mkdir()
    (tmp_path / "train2017").mkdir()
    for name in ("000001.jpg", "stray.jpg"):
        Image.new("RGB", (30, 20), (10, 90, 10)).save(tmp_path / "train2017" / name)
    notes = {"images": [{"id": 1, "file_name": "000001.jpg"}], "annotations": [], "categories": []}
    file = tmp_path / "annotations" / "instances_train2017.json"
    file.write_text(json.dumps(notes))
    assert [f.name for f in files_in(tmp_path)] == ["000001.jpg"]
    for wrong in ("[1", "[" * 3000, json.dumps(notes | {"images": [{"id": 1}]}), json.dumps(notes | {"images": 3})):
        file.write_text(wrong)
        with pytest.raises(UserError, match="COCO"):
            files_in(tmp_path)


def test_curves_are_noted_for_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="pip install 'regpipe[tensorboard]'")
    import logging

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from pipelines.stages.context import Context
    from pipelines.stages.embedding import run

    rng = np.random.default_rng(0)
    place = Context(rng, "cpu", tmp_path, silent, logging.getLogger("test"), "embedding-up", tmp_path / "curves")
    made = run(place, SHORT, bank_of_knob())
    read = EventAccumulator(str(tmp_path / "curves"))
    read.Reload()
    noted = read.Scalars("found_kept_back")
    assert [e.step for e in noted] == [8, 16, 24]
    assert np.allclose([e.value for e in noted], made.curve[1:, 3], atol=1e-6)


def test_without_a_mask_the_network_sees_what_stands_behind(tmp_path: Path) -> None:
    params = EmbeddingParams(steps=2, crops=4, pixels=20, key_steps=5, judge_every=2, channels=("rgb", "edges"))
    made = train(bank_of_knob(), QueryNet(), params, 0, "cpu", tmp_path / "c", silent)
    assert made.step == 2 and np.isfinite(made.curve[-1][1:]).all()
