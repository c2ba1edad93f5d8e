"""A capture written for nerfstudio shows the same rays by nerfstudio's conventions."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from registration.data.nerfstudio_write import write_nerfstudio
from tests.geometry.bodies import capture_of, knob


def test_a_point_lands_on_the_same_spot_of_the_image(tmp_path: Path) -> None:
    capture = capture_of(knob(), views=6, size=64)
    write_nerfstudio(capture, tmp_path / "set")
    body = json.loads((tmp_path / "set" / "transforms.json").read_text())
    assert (body["w"], body["h"], len(body["frames"])) == (64, 64, 6)
    points = np.random.default_rng(0).uniform(-20, 20, (50, 3))
    for i, frame in enumerate(body["frames"]):
        local = (np.c_[points / 1000, np.ones(50)] @ np.linalg.inv(np.array(frame["transform_matrix"])).T)[:, :3]
        assert (local[:, 2] < 0).all()  # an OpenGL camera looks along -z
        u = frame["fl_x"] * local[:, 0] / -local[:, 2] + frame["cx"]
        v = frame["fl_y"] * -local[:, 1] / -local[:, 2] + frame["cy"]
        ours = capture.cameras.project(i, points)[0]
        assert np.allclose(np.stack([u, v], 1) - 0.5, ours, atol=1e-6)
        image = cv2.imread(str(tmp_path / "set" / frame["file_path"]))
        mask = cv2.imread(str(tmp_path / "set" / frame["mask_path"]), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(image[..., ::-1], capture.rgb[i]) and np.array_equal(mask > 0, capture.mask[i])
