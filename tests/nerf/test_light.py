"""One light for all views is found, shadows or not."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given

from registration.geometry.rigid import Rigid
from registration.nerf.light import azimuth_frames, fitted, harmonics, light_bases, turned, upright
from tests.geometry.bodies import ring
from tests.geometry.strategies import motions


def some_normals(n: int, seed: int) -> np.ndarray:
    v = np.random.default_rng(seed).normal(size=(n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


@given(motions())
def test_harmonics_turn_with_their_normals(T: Rigid) -> None:
    n = some_normals(20, 1)
    here, there = (harmonics(torch.from_numpy(v)).numpy() for v in (n, n @ T.R.T))
    assert np.allclose(here @ turned(T.R[None])[0], there, atol=1e-9)


def test_the_azimuth_frame_turns_with_the_camera_and_stays_upright() -> None:
    cameras = ring(24, 64, 190.0, (12, 40, 85))
    frames = azimuth_frames(cameras, upright(cameras))
    assert np.allclose(frames @ frames.transpose(0, 2, 1), np.eye(3), atol=1e-9) and np.allclose(
        np.linalg.det(frames), 1
    )
    assert np.allclose(frames[:, 1], [0, 0, 1], atol=0.02)
    ahead = -cameras.centres() * [1, 1, 0]
    assert ((frames[:, 2] * ahead).sum(1) > 0.99 * np.linalg.norm(ahead, axis=1)).all()


def test_a_lamp_fixed_to_the_room_is_found_in_spite_of_shadows_and_exposure() -> None:
    cameras, rng = ring(24, 64, 190.0), np.random.default_rng(3)
    bases = light_bases(cameras, upright(cameras))[:, :9, :27]
    true = np.zeros(27)
    true[:4] = 0.5, 0.2, 0.15, -0.1
    gains = rng.uniform(0.7, 1.3, 24)
    normals, values, clean = [], [], []
    for i in range(24):
        n = some_normals(400, i)
        value = gains[i] * (harmonics(torch.from_numpy(n)).numpy() @ bases[i] @ true)
        shadow = rng.random(400) < 0.2
        normals.append(n)
        clean.append(value)
        values.append(np.where(shadow, 0.4 * value, value))
    terms = [harmonics(torch.from_numpy(n)).numpy() @ b for n, b in zip(normals, bases, strict=True)]
    shared, found, _ = fitted(terms, values)
    for i in range(24):
        shade = found[i] * (harmonics(torch.from_numpy(normals[i])).numpy() @ bases[i] @ shared)
        assert np.abs(shade - clean[i]).mean() < 0.01
    assert np.corrcoef(found, gains)[0, 1] > 0.99
