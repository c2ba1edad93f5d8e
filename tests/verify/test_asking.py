"""Cheap before dear: who is asked, who is spared, and that the log says so."""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from pipelines.stages import verify as stage
from pipelines.stages.context import Context
from registration.errors import UserError
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds
from registration.progress import silent
from registration.sources import catalogue
from registration.sources.base import Hypotheses, Hypothesis
from registration.verify.params import VerifyParams
from registration.verify.record import Verdict
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, pair_of

PARAMS = VerifyParams(points=1500, turns=4, looked_at=6, voxels=40)


class Cheap:
    name = "cheap"


class Dear:
    name, dear = "dear", True


@pytest.fixture(autouse=True)
def two_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {n: EntryPoint(n, f"{__name__}:{n.capitalize()}", catalogue.GROUP) for n in ("cheap", "dear")}
    monkeypatch.setattr(catalogue, "known", lambda: here)


@pytest.fixture(scope="module")
def halves():
    return pair_of(knob())


def asked(halves, params: VerifyParams, cheap: list[Rigid], tmp_path: Path) -> tuple[Verdict, list[str]]:
    """The verdict, and who was asked in turn; the dear source knows the truth."""
    up, down = halves
    turns: list[str] = []

    def ask(name: str, guesses: list[Rigid]) -> Hypotheses:
        turns.append(name)
        return Hypotheses.of([Hypothesis(T, 0.0, name) for T in guesses])

    ctx = Context(np.random.default_rng(0), "cpu", tmp_path, silent, logging.getLogger("regpipe"), "verify")
    calls = {"dear": lambda: ask("dear", [T_TRUE]), "cheap": lambda: ask("cheap", cheap)}
    clouds = Clouds(up.cloud, down.cloud, diameter(up.nerf.vertices))
    return stage.run(ctx, params, clouds, up.nerf, down.nerf, up.capture, down.capture, calls), turns


def test_a_part_that_shape_decides_does_not_wait_for_a_network(halves, tmp_path: Path, caplog) -> None:
    with caplog.at_level(logging.INFO, "regpipe"):
        logging.getLogger("regpipe").propagate = True
        verdict, turns = asked(halves, PARAMS, [T_TRUE], tmp_path)
    assert turns == ["cheap"] and verdict.accepted
    assert "poses-dear: skipped, the verdict is accepted without it" in caplog.text


@pytest.mark.parametrize("cheap", [[], [T_TRUE @ Rigid.exp([np.pi, 0, 0, 0, 0, 0])]])
def test_the_dear_source_is_asked_while_nothing_is_accepted(halves, tmp_path: Path, cheap: list[Rigid]) -> None:
    verdict, turns = asked(halves, replace(PARAMS, turns=0), cheap, tmp_path)
    assert turns == ["cheap", "dear"] and verdict.accepted and verdict.source[0] == "dear"
    assert Rigid.from_matrix(verdict.T_up_from_down[0]).angle_deg(T_TRUE) < 1.5 and verdict.candidates == len(cheap) + 1


def test_all_and_names_are_asked_whatever_the_verdict(halves, tmp_path: Path) -> None:
    assert asked(halves, replace(PARAMS, sources=("all",)), [T_TRUE], tmp_path)[1] == ["cheap", "dear"]
    assert asked(halves, replace(PARAMS, sources=("dear",)), [T_TRUE], tmp_path)[1] == ["dear"]
    for wrong, words in (((), "no source to ask"), (("dice",), "no source named 'dice'")):
        with pytest.raises(UserError, match=words):
            asked(halves, replace(PARAMS, sources=wrong), [T_TRUE], tmp_path)


def test_nobody_had_a_guess(halves, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no source had a guess"):
        asked(halves, replace(PARAMS, sources=("cheap",)), [], tmp_path)
