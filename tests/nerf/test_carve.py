"""Lids over cavities are taken off by what the cameras see of them, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import Caster, depth_image
from registration.nerf.border import Border
from registration.nerf.carve import carved, images_of, judged, outlines
from registration.nerf.fog import first_light
from registration.nerf.level import make_level
from registration.nerf.light import Light
from registration.nerf.params import NerfParams
from registration.nerf.rays import mask_distances
from registration.nerf.train import hull_start, moved_on
from tests.geometry.bodies import capture_of, knob, ring, socket

PARAMS = NerfParams(coarse_grid=36)
LAMP = np.array([-0.4, -0.5, -0.77])
"""Where the light comes from, in the frame of the camera: it goes along."""


def lights_of(capture: Capture) -> np.ndarray:  # (views, 4)
    """Even light, and the lamp as each view has it."""
    return np.concatenate([np.ones((len(capture), 1)), capture.R.transpose(0, 2, 1) @ LAMP], 1)


def hull_of(mesh: TriMesh, noise: float = 0.0) -> tuple[Capture, np.ndarray, Box, np.ndarray]:
    """A capture of a grey body under those lights, its masks' distances, and its hull."""
    capture, caster, normals = capture_of(mesh, 30, 90, (20, 45, 70)), Caster(mesh.vertices, mesh.faces), mesh.face_normals()
    rng = np.random.default_rng(0)
    for i, image in enumerate(capture.rgb):
        depth, face = depth_image(caster, capture.cameras, i)
        seen = np.isfinite(depth)
        bright = 130 + 90 * normals[face[seen]] @ capture.R[i].T @ LAMP + rng.normal(0, noise, seen.sum())
        image[seen] = bright.clip(0, 255)[:, None].astype(np.uint8)
    distances = mask_distances(capture)
    return capture, distances, *hull_start(capture, distances, PARAMS)


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_socket_is_opened_and_nothing_is_taken_from_a_knob(noise: float) -> None:
    capture, distances, box, hull = hull_of(socket(), noise)
    off = carved(hull, box, capture, distances, lights_of(capture)).ravel()
    x, y, z = box.points().T
    empty = (np.hypot(x, y) < 8) & (z > -2) & (z < 16)
    assert off[empty].mean() > 0.3
    wall = (hull.ravel() < 0) & ((np.hypot(x, y) > 13) | (z < -8))
    assert off[wall].mean() < 0.03
    capture, distances, box, hull = hull_of(knob(), noise)
    assert carved(hull, box, capture, distances, lights_of(capture)).mean() < 1e-3


def test_what_one_place_can_explain_is_told_from_what_it_cannot() -> None:
    capture, distances, box, hull = hull_of(socket())
    at, error = judged(hull < 0, box, capture, images_of(capture, distances), lights_of(capture))
    x, y, z = (box.low + box.step * at).T
    seen = error >= 0
    lid, top = seen & (np.hypot(x, y) < 6) & (z > 10), seen & (np.hypot(x, y) > 20)
    assert lid.sum() > 20 and top.sum() > 100
    assert np.quantile(error[lid], 0.1) > 3 * np.quantile(error[top], 0.9)


def test_edges_make_the_outline_of_many_views_and_lids_of_few() -> None:
    capture, distances, box, hull = hull_of(socket())
    made = outlines(hull < 0, box, capture, distances).ravel()
    x, y, z = box.points().T
    solid = hull.ravel() < 0
    upright = solid & (np.abs(x) > 24) & (np.abs(y) > 19) & (np.abs(z) < 14)
    lid = solid & (np.hypot(x, y) < 9) & (z > 16)
    assert upright.sum() > 10 and lid.sum() > 50
    assert made[upright].mean() > 0.9 and made[lid].mean() < 0.2


def test_lids_that_are_left_come_off_before_the_next_level() -> None:
    capture, distances, box, hull = hull_of(socket())
    light = Light(torch.zeros(len(capture), 12, 36), torch.zeros(36), torch.ones(len(capture)))
    level = make_level(box, hull, None, light, torch.zeros(len(capture)), PARAMS, "cpu")
    lights, border = torch.from_numpy(lights_of(capture)), Border.of(capture, distances)
    fields = [moved_on(level, capture, border, PARAMS, 48, given)[0].field for given in (None, lights)]
    x, y, z = fields[0].box.points().T
    empty, deep, wall = (np.hypot(x, y) < 7) & (z > 13), (np.hypot(x, y) < 7) & (np.abs(z) < 6), (np.hypot(x, y) > 14) & (np.abs(z) < 14) & (np.abs(x) < 22) & (np.abs(y) < 17)
    kept, opened = (field.dense().ravel() < 0 for field in fields)
    lid = empty & kept
    assert lid.sum() > 500 and 0.1 < (lid & ~opened).sum() / lid.sum() < 0.9  # its upper layers, no more at once
    assert opened[deep].all() and opened[wall].mean() > 0.97


def test_too_few_views_take_nothing_off() -> None:
    capture, _, box, hull = hull_of(socket())
    few = capture.only(np.arange(7))
    assert not carved(hull, box, few, mask_distances(few), lights_of(few)).any()


def test_the_first_lights_follow_the_camera_around() -> None:
    lights = first_light(ring(12, 32, 100.0, (40,)), np.zeros(3)).numpy()
    assert lights.shape == (12, 5) and np.allclose(lights[:, 0], 1)
    waves = lights[:, 1:] / np.linalg.norm(lights[:, 1:], axis=0)
    assert np.allclose(waves.T @ waves, np.eye(4), atol=1e-5)  # all the way around, evenly
    assert np.isfinite(first_light(ring(2, 32, 100.0, (0,)), np.zeros(3)).numpy()).all()  # opposite ways: no axis
