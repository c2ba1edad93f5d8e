"""Every stage has its picture, and it shows what it should."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pipelines.chain import DEFAULT
from pipelines.cli.show import drawn, picture_of
from registration.sources.base import Hypotheses
from registration.viz.pictures import DOWN, UP
from registration.viz.stages import of_guesses
from tests.view.made import PARAMS, SEED, records
from tests.viz.test_software import like

RUN = SimpleNamespace(record=lambda stage: records()[stage], config=SimpleNamespace(icp=PARAMS, seed=SEED))


@pytest.mark.parametrize("stage", [s for s in DEFAULT.order if s in records()])
def test_every_stage_is_drawn(tmp_path: Path, stage: str) -> None:
    file = picture_of(RUN, stage, tmp_path)
    assert file == tmp_path / "pictures" / f"{stage}.png"
    with Image.open(file) as image:
        assert np.asarray(image).std() > 5


@pytest.mark.parametrize("stage", ["clouds", "poses-shape", "verify", "icp"])
def test_up_is_blue_and_down_is_orange(stage: str) -> None:
    picture = drawn(RUN, stage)
    assert like(picture, UP) > 500 and like(picture, DOWN) > 500


def test_a_source_without_a_guess_says_so() -> None:
    nothing = Hypotheses(np.zeros((0, 4, 4)), np.zeros(0), ())
    assert of_guesses(nothing, records()["clouds"], "print").ndim == 3


def test_the_report_is_its_page(tmp_path: Path) -> None:
    run = SimpleNamespace(record=lambda _: SimpleNamespace(html="<p>page"))
    assert picture_of(run, "report", tmp_path).read_text() == "<p>page"
