"""From two exact halves of a body to a transform: search, verdict, fusion, labels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from registration.fuse.labels import labels_of
from registration.fuse.merge import fuse
from registration.fuse.params import FuseParams
from registration.geometry.camera import Cameras
from registration.geometry.distance import chamfer_parts
from registration.geometry.mesh import TriMesh, diameter
from registration.geometry.rays import Caster
from registration.geometry.rigid import Rigid
from registration.progress import silent
from registration.sources.base import HalfModel, Hypotheses, Hypothesis
from registration.sources.catalogue import known, load
from registration.sources.evidence import judge
from registration.sources.params import PosesParams
from registration.sources.shape import outline_fit
from registration.sources.witness import Witness
from registration.verify.decide import verify
from registration.verify.params import IcpParams, VerifyParams
from registration.verify.refine import refine
from tests.geometry.bodies import knob
from tests.verify.made import T_TRUE, half_of_body, pair_of

TURN = np.diag([-1.0, -1, 1, 1]).ravel().tolist()


@pytest.fixture(scope="module")
def halves() -> tuple[HalfModel, HalfModel]:
    """The knob seen from above in both captures, turned over in between."""
    return pair_of(knob())


@pytest.fixture(scope="module")
def guesses(halves: tuple[HalfModel, HalfModel]) -> Hypotheses:
    params = PosesParams(rotations=3000, tried=60, refined=15, keep=8)
    rng = np.random.default_rng(0)
    found = load("shape").fit(halves[0], params, rng, silent).propose(halves[1], rng, silent)
    return Hypotheses.of(found)


def test_the_outline_alone_finds_the_neighbourhood(halves: tuple[HalfModel, HalfModel]) -> None:
    R = np.stack([(T_TRUE @ Rigid.exp([0.1, 0, 0, 0, 0, 0])).R, (T_TRUE @ Rigid.exp([0, 0, 1.5, 0, 0, 0])).R])
    shift, misfit, _ = outline_fit(halves[0].nerf.vertices, halves[1].nerf.vertices, R)
    assert misfit[0] < 0.5 * misfit[1]
    assert np.linalg.norm(shift[0] - T_TRUE.t) < 4


def test_shape_finds_it_and_verify_ranks_it_first(halves: tuple[HalfModel, HalfModel], guesses: Hypotheses) -> None:
    wrong = [
        Hypothesis(T_TRUE @ Rigid.exp([0, 0, np.pi, 0, 0, 0]), 9.0, "liar"),
        Hypothesis(T_TRUE @ Rigid.exp([np.pi, 0, 0, 0, 0, 0]), 9.0, "liar"),
    ]
    right = [
        Hypothesis(Rigid.from_matrix(m), float(s), "shape")
        for m, s in zip(guesses.T_up_from_down, guesses.score, strict=True)
    ]
    size = diameter(halves[0].nerf.vertices)
    verdict = verify(
        *halves, Hypotheses.of(wrong + right), size, VerifyParams(points=1500), np.random.default_rng(0), silent
    )
    best = Rigid.from_matrix(verdict.T_up_from_down[0])
    assert best.angle_deg(T_TRUE) < 1.5 and verdict.probability[0] > 0.99 and verdict.candidates == len(right) + 2
    assert verdict.group[0] == 0 and verdict.symmetries == {} and (np.diff(verdict.cost) >= 0).all()
    result = refine(*halves, verdict, size, IcpParams(points=3000), np.random.default_rng(0))
    assert result.accepted and result.T_up_from_down.angle_deg(T_TRUE) < 1.0 and result.chamfer_mm < 0.01 * size


def test_evidence_is_about_nothing_for_the_truth_and_grows_with_the_error(halves: tuple[HalfModel, HalfModel]) -> None:
    rng = np.random.default_rng(0)
    up, down = (Witness.of(h, 1500, rng) for h in halves)
    totals = []
    for degrees in (0, 4, 12, 90):
        size = diameter(halves[0].nerf.vertices)
        e = judge(up, down, T_TRUE @ Rigid.exp([0, np.radians(degrees), 0, 0, 0, 0]), size, 0.03 * size)
        totals.append(e.mask + e.free + e.deep)
    assert totals[0] < 0.03 and all(a < b for a, b in pairwise(totals))


def test_a_hopeless_pair_is_not_accepted(halves: tuple[HalfModel, HalfModel]) -> None:
    x = knob().vertices * (2.2, 0.35, 0.6)
    stranger = half_of_body(TriMesh(x, knob().faces), Rigid.identity(), points=2000)
    rng = np.random.default_rng(0)
    found = (
        load("shape")
        .fit(halves[0], PosesParams(rotations=1500, tried=30, refined=8, keep=5), rng, silent)
        .propose(stranger, rng, silent)
    )
    verdict = verify(halves[0], stranger, Hypotheses.of(found), diameter(x), VerifyParams(points=1000), rng, silent)
    assert verdict.probability[0] < 0.01 and verdict.none > 0.99


def test_fusion_and_labels_agree_with_the_images(halves: tuple[HalfModel, HalfModel]) -> None:
    up, down = halves
    fused = fuse([(up, Rigid.identity()), (down, T_TRUE)], FuseParams(grid=64, points=5000), np.random.default_rng(0))
    true = knob().sample(20_000, np.random.default_rng(1))[0]
    a, b = chamfer_parts(fused.points, true)
    assert a.mean() < 1.0 and b.mean() < 1.5 and fused.seen > 0.85
    assert TriMesh(fused.vertices, fused.faces).volume() == pytest.approx(knob().volume(), rel=0.08)
    placed = {"up": (up.capture, Rigid.identity()), "down": (down.capture, T_TRUE)}
    labels = labels_of(placed, fused, 7, {"symmetries_discrete": [TURN]}).files
    caster = Caster(fused.vertices, fused.faces)
    for half, capture in (("up", up.capture), ("down", down.capture)):
        entry = labels[f"{half}/scene_gt.json"]["4"][0]
        assert entry["obj_id"] == 7
        R, t = np.reshape(entry["cam_R_m2c"], (3, 3)), np.array(entry["cam_t_m2c"])
        from registration.geometry.rays import depth_image

        depth, _ = depth_image(caster, Cameras(capture.K[4:5], R[None], t[None], 96, 96), 0)
        seen = np.isfinite(depth)
        assert (seen & capture.mask[4]).sum() / (seen | capture.mask[4]).sum() > 0.93
    info = labels["models/models_info.json"]["7"]
    assert info["symmetries_discrete"] == [TURN]
    assert info["diameter"] == pytest.approx(diameter(knob().vertices), rel=0.03) and info["size_x"] > 40


def test_our_source_is_an_entry_point() -> None:
    assert "shape" in known() and known()["shape"].value == "registration.sources.shape:ShapeSource"
