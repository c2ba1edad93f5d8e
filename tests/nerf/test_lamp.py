"""A lamp is found by the shadows it casts, and only if it casts any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import Caster, depth_image
from registration.nerf.lamp import light_on
from registration.nerf.light import lamp_frames, shade, upright
from registration.nerf.render import Marks, lit
from tests.geometry.bodies import capture_of, socket

TOWARD = np.array([-0.5, 0.65, -0.57]) / np.linalg.norm([-0.5, 0.65, -0.57])


def photographed(mesh: TriMesh, frame: int, strength: float) -> Capture:
    """Images under even light and a lamp with hard shadows, fixed to one of the frames, with noise and other exposures."""
    capture, rng = capture_of(mesh, 24, 72), np.random.default_rng(5)
    cameras, caster, normals = capture.cameras, Caster(mesh.vertices, mesh.faces), mesh.vertex_normals()
    frames, images = lamp_frames(cameras, upright(cameras))[frame], capture.rgb.copy()
    for i, origin in enumerate(cameras.centres()):
        depth, face = depth_image(caster, cameras, i)
        seen = face >= 0
        n = normals[mesh.faces[face[seen]]].mean(1)
        local = np.stack([*np.nonzero(seen)[::-1], np.ones(seen.sum())], 1) @ np.linalg.inv(cameras.K[i]).T
        points = origin + (local * depth[seen][:, None]) @ cameras.R[i]
        toward = np.broadcast_to(frames[i].T @ TOWARD, n.shape)
        free = ~caster.blocked(points + 0.5 * n, toward)
        light = np.concatenate([[0.5], 0.1 * frames[i].T @ np.array([0, 1, 0]), np.zeros(5), strength * toward[0]])
        value = rng.uniform(0.8, 1.2) * shade(n, light, free) * 0.6 + rng.normal(0, 0.01, len(n))
        images[i][seen] = (255 * value.clip(0, 1))[:, None].astype(np.uint8)
    return replace(capture, rgb=images)


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_the_lamp_is_found_in_the_frame_that_it_is_fixed_to(frame: int) -> None:
    mesh = socket()
    lamp = light_on(photographed(mesh, frame, 0.6), mesh, 0.6, 0.5).shared[27:].numpy().reshape(3, 3)
    assert not np.delete(lamp, frame, 0).any()
    strength = np.linalg.norm(lamp[frame])
    assert lamp[frame] @ TOWARD / strength > np.cos(np.radians(4)) and 0.5 < strength < 0.7


def test_a_lamp_that_is_nearly_known_is_bettered_in_its_own_frame() -> None:
    mesh = socket()
    off = TOWARD + np.array([0.12, 0.1, 0.1])
    light = light_on(photographed(mesh, 0, 0.6), mesh, 0.6, 0.5, (0, off / np.linalg.norm(off)))
    found = light.lamp()
    assert found is not None and found[0] == 0 and found[1] @ TOWARD > np.cos(np.radians(4))
    assert light.to("cpu").lamp() is not None


def test_no_lamp_is_made_up() -> None:
    assert light_on(photographed(socket(), 0, 0.0), socket(), 0.6, 0.5).lamp() is None


def test_a_wall_shadows_what_lies_behind_it() -> None:
    box = Box(np.zeros(3), 2.0, (24, 24, 24))
    solid = np.full(box.shape, 4.0, np.float32)
    solid[10:13, :, :12] = -2.0
    marks = Marks.of(box, torch.from_numpy(solid), 2)
    points = torch.tensor([[36.0, 20, 4], [36.0, 20, 4], [6.0, 20, 4], [36.0, 20, 40]])
    toward = torch.tensor([[-1.0, 0, 0], [1.0, 0, 0], [-1.0, 0, 0], [-1.0, 0, 0]])
    assert lit(marks, points, toward).tolist() == [0, 1, 1, 1]
