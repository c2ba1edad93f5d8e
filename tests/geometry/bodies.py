"""Small closed bodies and captures of them, made in memory."""

from __future__ import annotations

import numpy as np

from registration.data.capture import Capture
from registration.geometry.camera import Cameras
from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rays import Caster, depth_image


def knob() -> TriMesh:
    """A box with a bump on one side and a bite out of another, about 60 mm."""
    x, y, z = np.mgrid[-45:45:61j, -45:45:61j, -45:45:61j]
    box = np.maximum(np.maximum(abs(x) - 25, abs(y) - 18), abs(z) - 14)
    bump = np.sqrt((x - 22) ** 2 + (y - 6) ** 2 + (z - 10) ** 2) - 12
    bite = np.sqrt((x + 22) ** 2 + (y - 14) ** 2 + (z + 4) ** 2) - 11
    field = np.maximum(np.minimum(box, bump), -bite).astype(np.float32)
    return iso_surface(field, np.full(3, -45.0), 1.5)


def socket() -> TriMesh:
    """A block of 50 x 40 x 36 mm with a bore of 24 mm, 22 mm deep, in its top: no silhouette shows the bore."""
    x, y, z = np.mgrid[-45:45:91j, -45:45:91j, -45:45:91j]
    block = np.maximum(np.maximum(abs(x) - 25, abs(y) - 20), abs(z) - 18)
    bore = np.maximum(np.hypot(x, y) - 12, -4 - z)
    return iso_surface(np.maximum(block, -bore).astype(np.float32), np.full(3, -45.0), 1.0)


def ring(views: int, size: int, distance: float, elevations: tuple[float, ...] = (12, 40, 65)) -> Cameras:
    """Cameras around the origin that look at it."""
    R, t = [], []
    for n in range(views):
        a, e = 2 * np.pi * n / views, np.radians(elevations[n % len(elevations)])
        away = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        right = np.array([-np.sin(a), np.cos(a), 0])
        R.append(np.stack([right, -np.cross(away, right), -away]))
        t.append(np.array([0, 0, distance]))
    K = np.array([[1.9 * size, 0, (size - 1) / 2], [0, 1.9 * size, (size - 1) / 2], [0, 0, 1]])
    return Cameras(np.tile(K, (views, 1, 1)), np.array(R), np.array(t), size, size)


def capture_of(mesh: TriMesh, views: int = 24, size: int = 72, elevations: tuple[float, ...] = (12, 40, 65)) -> Capture:
    """A capture with perfect masks, lit from the camera's upper left."""
    cameras = ring(views, size, 190.0, elevations)
    caster, normals = Caster(mesh.vertices, mesh.faces), mesh.face_normals()
    masks, images = [], []
    for i in range(views):
        depth, face = depth_image(caster, cameras, i)
        seen = np.isfinite(depth)
        n = normals[face[seen]] @ cameras.R[i].T
        light = 0.25 + 0.6 * np.clip(n @ (np.array([-0.4, -0.5, -0.77])), 0, 1)
        image = np.zeros((size, size, 3), np.uint8)
        image[seen] = (255 * light[:, None]).astype(np.uint8)
        masks.append(seen)
        images.append(image)
    return Capture(
        "made/knob", np.arange(views), np.array(images), np.array(masks), cameras.K, cameras.R, cameras.t, cameras.K, (size, size),
        files=tuple(f"rgb/{i:06d}.png" for i in range(views)), notes={"objid": 1},
    )  # fmt: skip
