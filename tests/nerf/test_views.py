"""Pictures of a half from any camera agree with what is known of its surface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from registration.geometry.mesh import TriMesh
from registration.geometry.rays import Caster, depth_image
from registration.nerf.extract import blur_of, quality
from registration.nerf.record import NerfHalf
from registration.nerf.views import light_at, photographs, render_views
from tests.geometry.bodies import capture_of, knob, ring


def painted() -> NerfHalf:
    """The knob, its colour a ramp along x, lit evenly but for a lamp above."""
    mesh = knob()
    ramp = ((mesh.vertices[:, 0] + 40) / 80 * 255).astype(np.uint8)
    shared = np.zeros(36, np.float32)
    shared[18], shared[21] = 0.7, 0.3  # the part fixed to the object: even, and along z
    return NerfHalf(
        np.zeros(3), 1.0, np.zeros((2, 2, 2), np.float32), np.zeros((2, 2, 2, 3), np.uint8), np.zeros((1, 12), np.float32),
        shared, np.array([0.0, 0, 1]), mesh.vertices, mesh.faces, mesh.vertex_normals(), np.stack([ramp] * 3, 1),
        np.zeros(0, np.int64), np.zeros(0, np.int64), 0.0, 1.0, np.zeros((1, 2)),
    )  # fmt: skip


def test_every_picture_tells_the_same_of_the_surface() -> None:
    half, cameras = painted(), ring(5, 96, 190.0, (-30, 20, 60))
    views = render_views(half, cameras)
    caster = Caster(half.vertices, half.faces)
    for i in range(5):
        depth = depth_image(caster, cameras, i)[0]
        seen = np.isfinite(depth)
        assert seen.sum() > 500 and np.array_equal(views.opacity[i] > 0, seen)
        assert np.allclose(views.depth[i][seen], depth[seen], atol=1e-3) and np.isinf(views.depth[i][~seen]).all()
        y, x = np.nonzero(seen)
        local = np.stack([x, y, np.ones(len(x))], 1) @ np.linalg.inv(cameras.K[i]).T * depth[seen][:, None]
        points = (local - cameras.t[i]) @ cameras.R[i]
        assert np.abs(views.albedo[i][seen][:, 0] - (points[:, 0] + 40) / 80).max() < 0.01
        n = views.normal[i][seen]
        assert np.allclose(np.linalg.norm(n, axis=1), 1, atol=1e-4)
        to = cameras.centres()[i] - points
        assert ((to * n).sum(1) > 0).mean() > 0.97
        expected = views.albedo[i][seen] * (0.7 + 0.3 * n[:, 2:])
        assert np.allclose(views.rgb[i][seen], expected.clip(0, 1), atol=1e-4)
        assert not views.rgb[i][~seen].any()


def test_a_photograph_gathers_light_over_its_pixels() -> None:
    half, cameras = painted(), ring(3, 48, 190.0, (-30, 20))
    images, opacity = photographs(half, cameras)
    fine = render_views(half, cameras.finer(2))
    for image, seen, rgb, whole in zip(images, opacity, fine.rgb, fine.opacity, strict=True):
        assert image[20, 30] == pytest.approx(rgb[40:42, 60:62].mean((0, 1)), abs=1e-6)
        assert seen[20, 30] == pytest.approx(whole[40:42, 60:62].mean(), abs=1e-6) and set(np.unique(4 * seen)) <= {0, 1, 2, 3, 4}
        assert ((seen > 0) & (seen < 1)).sum() > 20  # the outline runs through pixels


def test_the_blur_of_the_images_is_found_and_drawn() -> None:
    sharp, cameras = painted(), ring(6, 96, 190.0, (-30, 20, 60))
    light = light_at(sharp, cameras)
    views = render_views(replace(sharp, blur=1.2), cameras)
    for blurry, clear, seen in zip(views.rgb, render_views(sharp, cameras).rgb, views.opacity > 0, strict=True):
        assert np.allclose(blurry, gaussian_filter(clear, (1.2, 1.2, 0)), atol=1e-6)
        assert blurry[~seen].any()  # a pixel on the border shows some of the object
    taken = capture_of(TriMesh(sharp.vertices, sharp.faces), 6, 96)
    images = photographs(replace(sharp, blur=1.2), cameras)[0]
    mask, rgb = np.ones_like(views.opacity, bool), (255 * images).round().astype(np.uint8)
    capture = replace(taken, rgb=rgb, mask=mask, K=cameras.K, R=cameras.R, t=cameras.t)
    assert blur_of(sharp, capture, light) == 1.2
    assert quality(replace(sharp, blur=1.2), capture, light)[0] > 50 > 32 > quality(sharp, capture, light)[0]


def test_light_fixed_to_the_object_is_the_same_from_everywhere() -> None:
    half, cameras = painted(), ring(5, 32, 190.0)
    light = light_at(half, cameras)
    assert np.allclose(light, light[0], atol=1e-5)


def test_a_lamp_casts_shadows() -> None:
    """The bump at x = 22, y = 6 stands between a low lamp and a part of the top; another part lies free."""
    half, cameras = painted(), ring(1, 96, 190.0, (75,))
    half.shared_light[33:36] = 0.9, 0, 0.15  # fixed to the object
    lit, even = (render_views(half, cameras, light) for light in (None, light_at(half, cameras)[:, :9]))
    uv, _ = cameras.project(0, np.array([[0.0, 6, 14], [0.0, -12, 14]]))
    added = [(lit.rgb - even.rgb)[0, y, x, 0] for x, y in np.rint(uv).astype(int)]
    assert added[0] == 0 and 0.03 < added[1] < 0.15
