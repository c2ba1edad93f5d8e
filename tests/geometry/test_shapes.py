"""Cameras, rays, meshes, hulls and solids against what is known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from registration.errors import UserError
from registration.geometry.camera import Cameras
from registration.geometry.distance import Solid, chamfer_parts
from registration.geometry.hull import Box, corner_shift, hull_box, hull_depth, outline, shown, signed_mask_distance
from registration.geometry.mesh import TriMesh, diameter, iso_surface, smoothed
from registration.geometry.ply import read_ply, write_glb, write_ply, write_splats
from registration.geometry.rays import Caster
from registration.geometry.rigid import Rigid
from tests.geometry.bodies import capture_of, knob, ring
from tests.geometry.strategies import close, clouds, motions


@given(st.integers(0, 11), clouds())
def test_a_ray_through_a_pixel_meets_its_point(i: int, points: np.ndarray) -> None:
    cameras = ring(12, 80, 400.0)
    uv, z = cameras.project(i, points)
    assert (z > 0).all()
    origin, d = cameras.rays(i, uv)
    along = ((points - origin) * d).sum(1, keepdims=True)
    close(origin + along * d, points, 1e-6)


@given(motions(), st.integers(0, 11), clouds())
def test_moved_cameras_see_moved_points(T: Rigid, i: int, points: np.ndarray) -> None:
    cameras = ring(12, 80, 4000.0)
    close(cameras.moved(T).project(i, points)[0], cameras.project(i, T.apply(points))[0], 1e-5)


def ball(radius: float = 20.0, step: float = 1.0) -> tuple[np.ndarray, np.ndarray, float]:
    n = int(2 * (radius + 6) / step) + 1
    axis = np.arange(n) * step - (radius + 6)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    return ((np.sqrt(x**2 + y**2 + z**2) - radius) / step).astype(np.float32), np.full(3, -(radius + 6)), step


def test_the_surface_of_a_ball() -> None:
    mesh = iso_surface(*ball())
    assert mesh.volume() == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.01)
    assert mesh.area() == pytest.approx(4 * np.pi * 20**2, rel=0.01)
    assert diameter(mesh.vertices) == pytest.approx(40, rel=0.01)
    assert ((mesh.vertex_normals() * mesh.vertices).sum(1) > 0.98 * 20).all()
    points, face, weights = mesh.sample(5000, np.random.default_rng(0))
    close(np.einsum("nk,nkd->nd", weights, mesh.vertices[mesh.faces[face]]), points)
    assert np.abs(points.mean(0)).max() < 1


@settings(max_examples=20)
@given(count=st.integers(1, 20_000), seed=st.integers(0, 99))
def test_spread_points_lie_where_the_area_is(count: int, seed: int) -> None:
    mesh = iso_surface(*ball())
    points, face, weights = mesh.spread(count, np.random.default_rng(seed))
    close(np.einsum("nk,nkd->nd", weights, mesh.vertices[mesh.faces[face]]), points)
    wanted = count * mesh.areas() / mesh.area()
    assert len(points) == count and np.abs(np.bincount(face, minlength=len(mesh.faces)) - wanted).max() < 1.001
    assert (weights >= 0).all() and np.array_equal(points, mesh.spread(count, np.random.default_rng(seed))[0])


def test_islands_are_dropped() -> None:
    grid, low, step = ball()
    grid[1:3, 1:3, 1:3] = -1
    assert iso_surface(grid, low, step).vertices.min() > -21


def test_rays_meet_a_ball_where_they_should() -> None:
    mesh = iso_surface(*ball())
    shift = np.array(
        [5000.0, -3000, 800]
    )  # far from the origin single precision alone would be off by half a millimetre
    caster = Caster(mesh.vertices + shift, mesh.faces)
    rng = np.random.default_rng(0)
    d = rng.normal(size=(500, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    distance, face = caster.first_hits(shift - 900 * d, d)
    assert (face >= 0).all()
    close(distance, np.full(500, 880.0), 0.25)
    assert not caster.blocked(shift + 30 * d, d).any()
    assert caster.blocked(shift - 30 * d, d).all()


def test_a_solid_knows_its_distance_everywhere() -> None:
    grid, low, step = ball()
    solid = Solid.from_field(low, step, np.clip(grid, -4, 4))
    rng = np.random.default_rng(1)
    p = rng.uniform(-24, 24, (2000, 3))
    true = np.linalg.norm(p, axis=1) - 20
    assert np.abs(solid.at(p) - true).max() < 1.2 and np.abs(solid.at(p) - true)[np.abs(true) < 2].max() < 0.2
    far = np.array([[300.0, 0, 0]])
    assert solid.at(far)[0] == pytest.approx(280, abs=8)
    at, away = solid.around(p[np.abs(true) < 3])
    close(at, solid.at(p[np.abs(true) < 3]), 1e-6)
    assert ((away * p[np.abs(true) < 3]).sum(1) / np.linalg.norm(p[np.abs(true) < 3], axis=1) > 0.8).all()


def test_the_hull_holds_the_body_and_ignores_a_broken_mask() -> None:
    mesh, capture = knob(), capture_of(knob())
    masks = capture.mask.copy()
    masks[3, :, :36] = False
    distances = np.stack([signed_mask_distance(m) for m in masks])
    assert (hull_depth(capture.cameras, distances, mesh.vertices, 0) < -3).any()
    assert (hull_depth(capture.cameras, distances, mesh.vertices, 1) > -2.5).all()  # a pixel is 1.4 mm here
    low, high = hull_box(capture.cameras, distances, masks, 1)
    assert (low < mesh.vertices.min(0)).all() and (high > mesh.vertices.max(0)).all()
    assert ((high - low) < 1.7 * np.ptp(mesh.vertices, axis=0)).all()


def test_what_hardly_a_mask_shows_is_not_the_object() -> None:
    mesh, capture = knob(), capture_of(knob(), views=36, size=96)
    inside = np.zeros_like(capture.mask)  # the images end close to the object, some of them across it
    for n, mask in enumerate(capture.mask):
        y, x = np.nonzero(mask)
        inside[n, y.min() + 4 * (n % 5 == 0) : y.max() + 9, x.min() - 8 : x.max() + 9 - 14 * (n % 7 == 0)] = True
    masks = capture.mask & inside
    distances = np.stack([signed_mask_distance(m, k) for m, k in zip(masks, inside, strict=True)])
    low, high = hull_box(capture.cameras, distances, masks, 2)
    assert (low < mesh.vertices.min(0)).all() and (high > mesh.vertices.max(0)).all()
    assert ((high - low)[:2] < 1.7 * np.ptp(mesh.vertices, axis=0)[:2]).all()  # upwards some of the images know nothing
    wide = Box.around(np.full(3, -90.0), np.full(3, 90.0), 60)
    hull = (hull_depth(capture.cameras, distances, wide.points(), 2) > 0).reshape(wide.shape)
    kept = shown(capture.cameras, masks, wide, hull)
    far = np.linalg.norm(wide.points(), axis=1).reshape(wide.shape) > 50
    assert (hull & far).sum() > 1000 and not (kept & far).any()  # silhouettes alone leave phantoms
    assert kept.sum() > 0.93 * (hull & ~far).sum()


@pytest.mark.parametrize("shift", [0.0, -0.5])
def test_half_a_pixel_is_found_from_the_silhouettes(shift: float) -> None:
    capture = capture_of(knob(), views=36, size=120)
    K = capture.K.copy()
    K[:, :2, 2] -= shift
    distances = np.stack([signed_mask_distance(m) for m in capture.mask])
    found = corner_shift(Cameras(K, capture.R, capture.t, 120, 120), distances, capture.mask)
    assert found == pytest.approx(shift, abs=0.2)


@settings(max_examples=20)
@given(motions(), clouds())
def test_chamfer_does_not_see_a_common_motion(T: Rigid, points: np.ndarray) -> None:
    other = points + 3
    for a, b in zip(chamfer_parts(points, other), chamfer_parts(T.apply(points), T.apply(other)), strict=True):
        close(a, b, 1e-6)


def test_ply_files_are_read_by_others(tmp_path: Path) -> None:
    mesh = knob()
    tint = np.tile(np.array([10, 200, 30], np.uint8), (len(mesh.vertices), 1))
    write_ply(tmp_path / "a.ply", mesh.vertices, mesh.vertex_normals(), tint, mesh.faces)
    back = trimesh.load(tmp_path / "a.ply", process=False)
    close(back.vertices, mesh.vertices, 1e-4)
    assert (back.faces == mesh.faces).all() and (np.asarray(back.visual.vertex_colors)[:, 1] == 200).all()
    write_ply(tmp_path / "c.ply", mesh.vertices, mesh.vertex_normals(), tint)
    assert len(trimesh.load(tmp_path / "c.ply").vertices) == len(mesh.vertices)


def test_a_mesh_without_faces_is_refused() -> None:
    with pytest.raises(ValueError, match="faces"):
        Caster(np.zeros((3, 3)), np.zeros((0, 3), np.int64))
    assert TriMesh(np.eye(3), np.array([[0, 1, 2]])).area() == pytest.approx(np.sqrt(3) / 2)


def painted_knob() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    mesh = knob()
    colours = np.random.default_rng(0).integers(0, 256, (len(mesh.vertices), 3)).astype(np.uint8)
    return mesh.vertices, mesh.vertex_normals(), colours, mesh.faces


def test_our_ply_comes_back_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    knob_ = painted_knob()
    write_ply(tmp_path / "m.ply", *knob_)
    for ours, back in zip(knob_, read_ply(tmp_path / "m.ply"), strict=True):
        close(back, ours, 1e-4)
    write_ply(tmp_path / "c.ply", *knob_[:3])
    assert len(read_ply(tmp_path / "c.ply")[3]) == 0
    (tmp_path / "cut.ply").write_bytes((tmp_path / "m.ply").read_bytes()[:-5])
    (tmp_path / "other.ply").write_bytes(b"ply\nformat ascii 1.0\nend_header\n")
    for name in ("cut.ply", "other.ply"):
        with pytest.raises(UserError, match=r"cut off|not a PLY"):
            read_ply(tmp_path / name)


def test_glb_is_the_model_in_metres_standing_upright(tmp_path: Path) -> None:
    points, normals, colours, faces = painted_knob()
    write_glb(tmp_path / "m.glb", points, normals, colours, faces)
    mesh = trimesh.load(tmp_path / "m.glb", force="mesh", process=False)
    close(mesh.extents, np.ptp(points, axis=0)[[0, 2, 1]] / 1000, 1e-6)
    close(mesh.vertices[:, 1], points[:, 2] / 1000, 1e-6)
    assert np.array_equal(np.asarray(mesh.visual.vertex_colors)[:, :3], colours) and mesh.volume > 0


def test_splats_lie_flat_on_the_surface(tmp_path: Path) -> None:
    points, normals, colours, _ = painted_knob()
    write_splats(tmp_path / "s.ply", points, normals, colours)
    head, _, body = (tmp_path / "s.ply").read_bytes().partition(b"end_header\n")
    names = [line.split()[2] for line in head.decode().splitlines() if line.startswith("property")]
    rows = dict(zip(names, np.frombuffer(body, "<f4").reshape(len(points), -1).T, strict=True))
    w, x, y, z = (rows[f"rot_{k}"] for k in range(4))
    thin = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], 1)  # the third axis, turned
    close(thin, normals, 1e-4)
    assert (rows["scale_2"] < rows["scale_0"] - 2).all()
    close((0.5 + 0.28209479 * rows["f_dc_0"]) * 255, colours[:, 0], 0.01)


def test_smoothing_takes_the_grain_off_and_keeps_the_body() -> None:
    x, y, z = np.mgrid[-30:30:61j, -30:30:61j, -30:30:61j]
    ball = iso_surface((np.sqrt(x * x + y * y + z * z) - 20).astype(np.float32), np.full(3, -30.0), 1.0)
    noise = np.random.default_rng(0).normal(0, 0.2, ball.vertices.shape)
    out = smoothed(TriMesh(ball.vertices + noise, ball.faces), 20)

    def off(mesh: TriMesh) -> float:
        outwards = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
        return float(np.degrees(np.arccos((mesh.vertex_normals() * outwards).sum(1).clip(-1, 1))).mean())

    radius = np.linalg.norm(out.vertices, axis=1)
    assert abs(radius.mean() - 20) < 0.1 and radius.std() < 0.12
    assert off(out) < 0.5 * off(TriMesh(ball.vertices + noise, ball.faces))


@given(radius=st.floats(8, 20), step=st.floats(0.6, 2.5), size=st.sampled_from([60, 160]))
@settings(max_examples=25, deadline=None)
def test_a_clouds_outline_is_that_of_the_body_it_fills(radius: float, step: float, size: int) -> None:
    """Of a ball: a disc without gaps, whatever the points' distance is in pixels, and right to within a point."""
    cameras, half = ring(3, size, 190.0), int(25 / step)
    points = Box(np.full(3, -half * step), step, (2 * half + 1,) * 3).points()
    ball = points[np.linalg.norm(points, axis=1) < radius]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    seen_px = cameras.K[0, 0, 0] * radius / np.sqrt(190.0**2 - radius**2)
    slack = 1 + step * cameras.K[0, 0, 0] / 190
    for i in range(3):
        drawn = outline(cameras, i, ball, step)
        assert drawn[np.hypot(x, y) < seen_px - 1.8 * slack].all() and not drawn[np.hypot(x, y) > seen_px + slack].any()
    assert not outline(cameras, 0, np.array([[0, 0, 1e5]]), step).any()
