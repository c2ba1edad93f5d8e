"""Rays against triangle meshes, by embree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.geometry.camera import Cameras, pixel_grid
from registration.geometry.rigid import Array

MISS = -1


class Caster:
    """A mesh that rays can be shot at."""

    def __init__(self, vertices: Array, faces: NDArray[np.int64]) -> None:  # (v, 3), (f, 3)
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        if not len(faces):
            raise ValueError("a mesh without faces")
        # Embree works in single precision: a mesh about the origin keeps all of it.
        self.middle = (vertices.min(0) + vertices.max(0)) / 2
        self.size = float(np.linalg.norm(np.ptp(vertices, axis=0)))
        self.scene = EmbreeScene()
        triangles = np.ascontiguousarray((vertices - self.middle)[faces], dtype=np.float32)
        self.kept = TriangleMesh(self.scene, triangles)

    def first_hits(self, origins: Array, directions: Array) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distance to and face of the first hit, for unit directions; (m, 3), (m, 3) -> (m,), (m,); misses are inf and -1."""
        origins = np.broadcast_to(origins, directions.shape)
        # Start near the mesh, again for the sake of single precision.
        skip = np.maximum(np.linalg.norm(origins - self.middle, axis=1) - self.size, 0)
        near = (origins - self.middle + skip[:, None] * directions).astype(np.float32)
        answer = self.scene.run(near, directions.astype(np.float32), query="INTERSECT", output=1)
        face = np.asarray(answer["primID"]).astype(np.int64)
        hit = face >= 0
        distance = np.where(hit, np.asarray(answer["tfar"], float) + skip, np.inf)
        return distance, np.where(hit, face, MISS)

    def blocked(self, origins: Array, directions: Array) -> NDArray[np.bool_]:
        """Whether anything stands in the way, however far."""
        return self.first_hits(origins, directions)[1] >= 0


def depth_image(caster: Caster, cameras: Cameras, i: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Depth along the optical axis (inf where nothing is seen) and face (-1) of every pixel, (h, w)."""
    origin, directions = cameras.rays(i, pixel_grid(cameras.width, cameras.height))
    distance, face = caster.first_hits(origin, directions)
    depth = distance * (directions @ cameras.R[i].T)[:, 2]
    return depth.reshape(cameras.height, cameras.width), face.reshape(cameras.height, cameras.width)
