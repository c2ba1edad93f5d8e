"""Two captures in one frame: the same rays, lights that keep apart, a motion between them that can be learned."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.mesh import iso_surface
from registration.geometry.rigid import Rigid
from registration.nerf.full import Start, Whole, train_full
from registration.nerf.joint import Drift, drawn_of, joint_light, joint_rays, own_light
from registration.nerf.params import FullParams
from registration.nerf.rays import mask_distances, rays_of
from registration.progress import Tick, silent
from tests.geometry.bodies import capture_of, knob
from tests.geometry.test_icp import solid_of

T = Rigid.exp([np.pi * 0.97, 0.15, 0.3, 6, -4, 9])  # T_up_from_down
SMALL = FullParams(steps=60, grid=40, rays=256)


@pytest.fixture(scope="module")
def pair() -> tuple[Capture, Capture]:
    """Up, and down in its own frame; down has larger images and fewer of them."""
    return capture_of(knob(), views=10), capture_of(knob().moved(T.inverse()), views=7, size=80)


def test_a_moved_capture_sees_the_same_points_at_the_same_pixels(pair: tuple[Capture, Capture]) -> None:
    down, moved = pair[1], pair[1].moved(T)
    points = np.random.default_rng(0).normal(0, 20, (50, 3))
    for i in (0, 5):
        (uv, z), (uv_moved, z_moved) = down.cameras.project(i, points), moved.cameras.project(i, T.apply(points))
        assert np.allclose(uv, uv_moved, atol=1e-9) and np.allclose(z, z_moved, atol=1e-9)
    assert (moved.rgb is down.rgb) and (moved.ids is down.ids)


def test_joined_rays_are_the_rays_there_were(pair: tuple[Capture, Capture]) -> None:
    up, down = pair
    own = [rays_of(c, mask_distances(c), "cpu") for c in pair]
    both = joint_rays([up, down.moved(T)], "cpu")
    n = len(own[0].edge)
    for name in ("colour", "edge", "range"):
        assert torch.equal(getattr(both, name), torch.cat([getattr(r, name) for r in own]))
    assert torch.equal(both.view, torch.cat([own[0].view, own[1].view + len(up)]))
    assert torch.equal(both.origins[:n], own[0].origins) and torch.equal(both.directions[:n], own[0].directions)
    there = own[1].directions.double().numpy(), own[1].origins.double().numpy()
    assert np.abs(T.turn(there[0]) - both.directions[n:].numpy()).max() < 1e-6
    assert np.abs(T.apply(there[1]) - both.origins[n:].numpy()).max() < 1e-6 * 300


@cache
def start_at() -> Start:
    """The true body on a small grid, grey; made once, since what is inside is found by rays that are drawn by chance."""
    box, solid = Box.around(np.full(3, -42.0), np.full(3, 42.0), SMALL.grid), solid_of(knob())
    sdf = (solid.at(box.points()) / box.step).reshape(box.shape).astype(np.float32)
    return Start(box, sdf, np.full((*box.shape, 3), 0.5, np.float32))


def test_lights_keep_apart(pair: tuple[Capture, Capture]) -> None:
    start, captures = start_at(), (pair[0], pair[1].moved(T))
    light = joint_light(captures, iso_surface(start.sdf, start.box.low, start.box.step), 1.0)
    assert light.bases.shape == (17, 12, 72) and len(light.shared) == 72
    before = light.each()
    changed = replace(light, shared=light.shared + torch.cat([torch.zeros(36), torch.ones(36)]))
    assert torch.equal(changed.each()[:10], before[:10])
    assert ((changed.each()[10:] - before[10:]).abs().amax(1) > 0.1).all()
    for first, views in ((0, 10), (10, 7)):
        own = own_light(light, np.arange(first, first + views))
        assert own.bases.shape == (views, 12, 36)
        assert torch.allclose(own.each(), before[first : first + views], atol=1e-6)


def test_a_drift_moves_rays_as_it_moves_points() -> None:
    box = Box.around(np.array([-30.0, -20, 5]), np.array([30.0, 25, 60]), 32)
    drift = Drift.none(box, 2, 3, "cpu")
    assert np.allclose(drift.rigid().as_matrix(), np.eye(4))
    with torch.no_grad():
        drift.twist.copy_(torch.tensor([0.5, -0.2, 0.9, 0.3, -0.6, 0.1]))
    rays = drawn_of(rays_of(c := capture_of(knob(), views=4), mask_distances(c), "cpu"), torch.arange(0, 4000, 7))
    moved, T_drift = drift.moved(rays), drift.rigid()
    there = (rays.view == 2).numpy()
    origins, directions = (moved.origins.detach().numpy(), moved.directions.detach().numpy())
    assert np.allclose(origins[there], T_drift.apply(rays.origins.double().numpy())[there], atol=1e-3)
    assert np.allclose(directions[there], T_drift.turn(rays.directions.double().numpy())[there], atol=1e-5)
    assert np.array_equal(origins[~there], rays.origins.numpy()[~there])
    rim = T_drift.apply(np.array([box.high])) - box.high
    assert np.linalg.norm(rim) < 3 * box.step


def trained(pair: tuple[Capture, Capture], file: Path, tick: Tick = silent) -> Whole:
    return train_full((pair[0], pair[1].moved(T)), start_at(), [3, 12], SMALL, 5, "cpu", file, tick)


def test_a_killed_joint_training_goes_on_to_the_same_end(pair: tuple[Capture, Capture], tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def die(done: int, total: int) -> None:
        if done == 58:
            raise Killed

    whole = trained(pair, tmp_path / "whole.pt")
    assert not torch.isin(whole.rays.view, torch.tensor([3, 12])).any() and whole.drifts[0].twist.abs().max() > 0
    with pytest.raises(Killed):
        trained(pair, tmp_path / "cut.pt", die)
    steps: list[int] = []
    again = trained(pair, tmp_path / "cut.pt", lambda done, total: steps.append(done))
    assert steps[0] == 51
    assert torch.equal(again.level.field.sdf, whole.level.field.sdf)
    assert torch.equal(again.drifts[0].twist, whole.drifts[0].twist) and again.at.curve == whole.at.curve
