"""The last stages of more than two captures, on halves that are exact: one of three pairs lies."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import artifacts
from pipelines.chain import DEFAULT, graph_of
from pipelines.pairs import argument, captures_in, names_of, pairs_of, plain, stage_of
from pipelines.results import is_result
from pipelines.stages import together
from pipelines.stages.context import Context
from registration.errors import UserError
from registration.fuse.params import FuseParams, LabelsParams, ReportParams
from registration.geometry.distance import chamfer_parts
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.nerf.params import FullParams
from registration.nerf.record import Clouds
from registration.progress import silent
from registration.sources.base import HalfModel
from registration.verify.params import VerifyParams
from registration.verify.record import Joined, Registration
from registration.verify.together import joined
from tests.geometry.bodies import knob
from tests.verify.made import half_of_body

NAMES = names_of(3)
PLACES = (Rigid.identity(), Rigid.exp([np.pi * 0.97, 0.15, 0.3, 6, -4, 9]), Rigid.exp([np.pi / 2, 0.1, 0.2, -3, 5, 2]))
"""T_up_from_each."""
PARAMS = VerifyParams(points=1500, same_side_cost=0, doubt_side=0)
SIZE = diameter(knob().vertices)


def told(T: Rigid, confidence: float = 0.995, accepted: bool = True) -> Registration:
    return Registration(T, confidence, accepted, (), "shape", 5, 0.1, 0.8, SIZE, 0.2, True, np.eye(4), ("fits",), {})


def registrations(**other: Registration) -> dict[str, Registration]:
    """What the pairs say: the truth, or something else."""
    at = dict(zip(NAMES, PLACES, strict=True))
    true = {stage_of("icp", (a, b)): told(at[a].inverse() @ at[b]) for a, b in pairs_of(NAMES)}
    return {argument(name): other.get(argument(name), found) for name, found in true.items()}


@pytest.fixture(scope="module")
def halves() -> list[HalfModel]:
    made = [half_of_body(knob(), T.inverse()) for T in PLACES]
    return [HalfModel(replace(h.capture, name=f"cap_{n}"), h.nerf, h.cloud) for n, h in zip(NAMES, made, strict=True)]


@pytest.fixture(scope="module")
def inputs(halves: list[HalfModel]) -> dict[str, Any]:
    by = dict(zip(NAMES, halves, strict=True))
    out: dict[str, Any] = {f"{what}_{n}": getattr(by[n], what) for what in ("capture", "nerf") for n in NAMES}
    return out | {argument(stage_of("clouds", (a, b))): Clouds(by[a].cloud, by[b].cloud, SIZE) for a, b in pairs_of(NAMES)}


def context(folder: Path) -> Context:
    return Context(np.random.default_rng(0), "cpu", folder, silent, logging.getLogger("regpipe"))


def nobody() -> Registration:
    raise AssertionError("nobody is to be asked")


ASK = {f"{a} {b}": nobody for a, b in pairs_of(NAMES)}
TURN = Rigid.exp([0, 0, np.pi, 0, 0, 0])


def test_a_wrong_pair_is_rejected_and_the_rest_becomes_one_object(inputs: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wrong = told(TURN @ PLACES[1].inverse() @ PLACES[2], 0.9999)
    ctx = context(tmp_path)
    with caplog.at_level(logging.WARNING, "regpipe"):
        join = together.join(ctx, PARAMS, ASK, **registrations(icp_down_c3=wrong), **inputs)
    assert [p["state"] for p in join.pairs] == ["used", "used", "rejected"] and "down and c3: rejected" in caplog.text
    assert join.accepted and 0.985 < join.confidence <= 0.995 and any("down and c3: rejected" in r for r in join.reasons)
    assert all(T.angle_deg(G) < 0.1 for T, G in zip(join.places, PLACES, strict=True))
    artifacts.save(join, tmp_path)
    back = artifacts.load(Joined, tmp_path)
    assert back.pairs == join.pairs and back.places[2].angle_deg(join.places[2]) < 1e-6 and back.placed == (0, 1, 2)

    fused = together.fuse(ctx, FuseParams(grid=64, points=5000), join, **inputs)
    there, again = chamfer_parts(fused.points, knob().sample(5000, np.random.default_rng(0))[0])
    assert max(there.mean(), again.mean()) < 0.02 * SIZE
    model = together.full(ctx, FullParams(steps=0), join, fused, **inputs)
    labels = together.labels(ctx, LabelsParams(), join, model, **inputs)
    assert {name.split("/")[0] for name in labels.files} == {*NAMES, "models"}
    for name, T in zip(NAMES, PLACES, strict=True):
        capture = inputs[f"capture_{name}"]
        entry = labels.files[f"{name}/scene_gt.json"][str(capture.ids[2])][0]
        pose = Rigid(capture.R[2], capture.t[2]) @ T.inverse()
        assert np.allclose(entry["cam_R_m2c"], pose.R.ravel(), atol=0.01) and np.allclose(entry["cam_t_m2c"], pose.t, atol=0.5)

    report = together.report(ctx, ReportParams(pictures=2), join, model, labels, **inputs)
    assert "rejected" in report.html and "What c3 saw" in report.html and "pair no" in report.html
    assert set(json.loads(report.chamfer_json)) == {f"{a} to {b}" for a in NAMES for b in NAMES if a != b}
    assert min(report.silhouettes) > 0.9 and report.thumbnail is not None


@pytest.mark.parametrize("degrees", [12, 60])
def test_a_pair_that_contact_would_mend_is_rejected_too(degrees: float, halves: list[HalfModel]) -> None:
    found = {(a, b): told(PLACES[a].inverse() @ PLACES[b]) for a, b in combinations(range(3), 2)}
    middle = halves[0].cloud.points.mean(0)
    turn = Rigid.exp([0, 0, np.radians(degrees), 0, 0, 0])
    found[0, 2] = told(Rigid(turn.R, middle - turn.apply(middle)) @ PLACES[2], 0.9999)
    answer = joined(halves, found, NAMES, PARAMS, np.random.default_rng(0))
    assert [p["state"] for p in answer.pairs] == ["used", "rejected", "used"] and answer.accepted


def test_a_capture_without_a_pair_takes_no_part(inputs: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lost = told(TURN, 0.3, False)
    asked = []

    def still_lost(pair: str) -> Registration:
        asked.append(pair)
        return lost

    ask = {f"{a} {b}": lambda pair=f"{a} {b}": still_lost(pair) for a, b in pairs_of(NAMES)}
    found = registrations(icp_up_c3=lost, icp_down_c3=replace(lost, confidence=0.4))
    with caplog.at_level(logging.WARNING, "regpipe"):
        join = together.join(context(tmp_path), PARAMS, ask, **found, **inputs)
    assert asked == ["down c3", "up c3"]  # the likelier one first
    assert join.placed == (0, 1) and not join.accepted and "cap_c3: no pair connects it" in caplog.text
    model = together.full(context(tmp_path), FullParams(steps=0), join, together.fuse(context(tmp_path), FuseParams(grid=48, points=2000), join, **inputs), **inputs)
    labels = together.labels(context(tmp_path), LabelsParams(), join, model, **inputs)
    assert not any(name.startswith("c3/") for name in labels.files) and len(model.places) == 2


def test_a_pair_is_asked_again_only_while_a_capture_has_no_place(inputs: dict[str, Any], tmp_path: Path) -> None:
    lost, ask = told(TURN, 0.3, False), dict(ASK)
    together.join(context(tmp_path), PARAMS, ask, **registrations(icp_down_c3=lost), **inputs)  # the other two are enough
    ask["down c3"] = lambda: told(PLACES[1].inverse() @ PLACES[2])
    found = registrations(icp_up_c3=replace(lost, confidence=0.2), icp_down_c3=lost)
    join = together.join(context(tmp_path), PARAMS, ask, **found, **inputs)
    assert join.accepted and [p["state"] for p in join.pairs] == ["used", "not accepted", "used"]


def test_captures_of_different_units_are_joined(halves: list[HalfModel]) -> None:
    factors = (1.0, 0.37, 4.0)
    sized = [h.scaled(f) for h, f in zip(halves, factors, strict=True)]
    sized = [HalfModel(replace(h.capture, metric=False), h.nerf, h.cloud) for h in sized]
    found = {}
    for a, b in combinations(range(3), 2):
        T = PLACES[a].inverse() @ PLACES[b]
        found[a, b] = replace(told(Rigid(T.R, factors[a] * T.t)), scale=factors[a] / factors[b], metric=False)
    answer = joined(sized, found, NAMES, PARAMS, np.random.default_rng(0))
    assert answer.accepted and not answer.metric
    assert np.allclose(answer.scales, [1 / f for f in factors], rtol=1e-4)
    assert all(np.allclose(T.as_matrix(), G.as_matrix(), atol=1e-2) for T, G in zip(answer.places, PLACES, strict=True))
    large = answer.scaled(3.0)  # points of b, in the unit of its files or not, still come to where they were seen from a
    for entry, before in zip(large.pairs, answer.pairs, strict=True):
        moved = np.array(entry["T_a_from_b"]) @ np.array([3 * 4.0, 3 * 5.0, 3 * 6.0, 1])
        assert np.allclose(moved[:3], 3 * (np.array(before["T_a_from_b"]) @ np.array([4.0, 5, 6, 1]))[:3])


def test_the_chain_of_two_is_the_plain_one() -> None:
    assert graph_of(2) is DEFAULT and graph_of(4) is graph_of(4)
    order = graph_of(4).order
    assert order.index("join") > order.index("icp-c3-c4") and not any("-c3" in name for name in DEFAULT.order)
    assert {"verify-deep-up-c4", "poses-surfemb-down-c3"}.isdisjoint(graph_of(4).always)
    for count in (3, 5):
        graph = graph_of(count)
        assert captures_in(graph["join"].inputs) == names_of(count)
        assert all(callable(s.function()) and s.record_type() for s in graph.stages.values())


@pytest.mark.parametrize(("stage", "name"), [("poses-print", "poses-print"), ("poses-my-own-up-c3", "poses-my-own"), ("icp-down-c12", "icp"), ("nerf-up", "nerf-up")])
def test_a_stage_of_a_pair_has_a_plain_name(stage: str, name: str) -> None:
    assert plain(stage) == name


def test_a_result_of_many_is_read_back_only_if_it_is_one() -> None:
    eye = np.eye(4).tolist()
    good = {"accepted": True, "confidence": 0.99, "T_up_from_down": eye, "captures": {"up": {"folder": "a", "placed": True, "T_model_from_capture": eye}, "c3": {"folder": "b", "placed": False}}, "pairs": [{"a": "up", "b": "c3", "state": "used", "confidence": 0.9}]}  # fmt: skip
    assert is_result(good)
    for change in ({"captures": []}, {"captures": {"up": {"folder": "a", "placed": True}}}, {"pairs": [{"a": 1}]}, {"pairs": {}}):
        assert not is_result(good | change)


def test_an_unknown_stage_of_a_pair_is_told() -> None:
    with pytest.raises(UserError, match="no stage"):
        graph_of(3).named("icp-up-c4")
