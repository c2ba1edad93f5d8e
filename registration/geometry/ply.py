"""PLY files: binary, little endian, millimetres, as BOP's tools read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array

VERTEX = np.dtype(
    [(n, "<f4") for n in ("x", "y", "z", "nx", "ny", "nz")] + [(n, "u1") for n in ("red", "green", "blue")]
)
FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])


def write_ply(
    file: Path, points: Array, normals: Array, colours: NDArray[np.uint8], faces: NDArray | None = None
) -> None:
    """A mesh, or a cloud if there are no faces."""
    vertices = np.zeros(len(points), VERTEX)
    for k, (p, n, c) in enumerate(zip(("x", "y", "z"), ("nx", "ny", "nz"), ("red", "green", "blue"), strict=True)):
        vertices[p], vertices[n], vertices[c] = points[:, k], normals[:, k], colours[:, k]
    head = ["ply", "format binary_little_endian 1.0", "comment regpipe, millimetres", f"element vertex {len(points)}"]
    head += [f"property float {n}" for n in ("x", "y", "z", "nx", "ny", "nz")] + [
        f"property uchar {n}" for n in ("red", "green", "blue")
    ]
    body = vertices.tobytes()
    if faces is not None:
        triangles = np.zeros(len(faces), FACE)
        triangles["count"], triangles["corners"] = 3, faces
        head += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
        body += triangles.tobytes()
    file.write_bytes("\n".join([*head, "end_header\n"]).encode("ascii") + body)
