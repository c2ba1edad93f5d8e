"""Halves as a perfect training would answer them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from registration.data.capture import Capture
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rigid import Array, Rigid
from registration.nerf.cloud import cloud_of
from registration.nerf.params import CloudParams
from registration.nerf.record import NerfHalf
from registration.sources.base import HalfModel
from tests.geometry.bodies import capture_of
from tests.geometry.test_icp import solid_of

T_TRUE = Rigid.exp([np.pi * 0.97, 0.15, 0.3, 6, -4, 9])  # T_up_from_down: turned over, a little off level
Paint = Callable[[Array], Array]
"""Colours 0..1 (n, 3) at places (n, 3) in the body's own frame."""


def grey(points: Array) -> Array:
    """No print."""
    return np.full((len(points), 3), 128 / 255)


def patches(points: Array) -> Array:
    """A print that no turn maps onto itself: wide patches that differ all around."""
    x, y, z = points.T / 9.0
    waves = [
        np.sin(x + 0.3 * y) + np.sin(1.7 * y + 1),
        np.sin(z - 0.8 * x + 2) + np.sin(x + y),
        np.sin(y - z) + np.sin(1.3 * z),
    ]
    return 0.5 + 0.22 * np.stack(waves, 1)


def exact_half(mesh: TriMesh, capture: Capture, paint: Paint = grey) -> NerfHalf:
    """A field that knows the whole body."""
    solid = solid_of(mesh)
    shape = solid.grid.shape
    places = Box(solid.low, solid.step, (shape[0], shape[1], shape[2])).points()
    return NerfHalf(
        low=solid.low, step=solid.step, sdf=solid.grid,
        colour=(255 * paint(places)).round().astype(np.uint8).reshape(*shape, 3), light=np.zeros((len(capture), 9), np.float32),
        shared_light=np.zeros(27, np.float32), axis=np.array([0.0, 0, 1]), vertices=mesh.vertices, faces=mesh.faces,
        normals=mesh.vertex_normals(), vertex_colours=(255 * paint(mesh.vertices)).round().astype(np.uint8),
        held_out=np.zeros(0, np.int64), odd=np.zeros(0, np.int64), psnr=30.0, mask_iou=1.0, curve=np.zeros((1, 2)),
    )  # fmt: skip


def half_of_body(body: TriMesh, T_half_from_body: Rigid, paint: Paint = grey, points: int = 4000) -> HalfModel:
    """A body that stands as a motion puts it, seen from above."""
    mesh = body.moved(T_half_from_body)
    capture = capture_of(mesh, views=18, size=96)
    half = exact_half(mesh, capture, lambda p: paint(T_half_from_body.inverse().apply(p)))
    return HalfModel(capture, half, cloud_of(half, capture, CloudParams(points=points), np.random.default_rng(0)))


def pair_of(body: TriMesh, paint: Paint = grey, T_up_from_down: Rigid = T_TRUE) -> tuple[HalfModel, HalfModel]:
    """Both halves of a body that was turned over in between."""
    return half_of_body(body, Rigid.identity(), paint), half_of_body(body, T_up_from_down.inverse(), paint)


def drum(notch: float = 0.0, bevel: float = 6.0) -> TriMesh:
    """A round body, its top edge cut off so that it has one way up; perhaps with a notch in its rim, about 64 mm."""
    x, y, z = np.mgrid[-45:45:91j, -45:45:91j, -45:45:91j]
    r = np.hypot(x, y)
    body = np.maximum(np.maximum(r - 26, abs(z) - 17), (r + z - (26 + 17 - bevel)) / np.sqrt(2))
    if notch:
        cut = np.maximum(np.maximum(26 - notch - x, abs(y) - notch), -z - 18)
        body = np.maximum(body, -cut)
    return iso_surface(body.astype(np.float32), np.full(3, -45.0), 1.0)
