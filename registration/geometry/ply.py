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


ARRAYS = (("x", "y", "z"), ("nx", "ny", "nz"), ("red", "green", "blue"))
SPLAT = [*ARRAYS[0], *ARRAYS[1], *(f"f_dc_{k}" for k in range(3)), "opacity", *(f"scale_{k}" for k in range(3)),
         *(f"rot_{k}" for k in range(4))]  # fmt: skip
FLAT_COLOUR = 0.28209479177387814
"""The constant spherical harmonic, by which splats write colours."""


def write_ply(
    file: Path, points: Array, normals: Array, colours: NDArray[np.uint8], faces: NDArray | None = None
) -> None:
    """A mesh, or a cloud if there are no faces."""
    vertices = np.zeros(len(points), VERTEX)
    for names, values in zip(ARRAYS, (points, normals, colours), strict=True):
        for k, name in enumerate(names):
            vertices[name] = values[:, k]
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


def read_ply(file: Path) -> tuple[Array, Array, NDArray[np.uint8], NDArray[np.int64]]:
    """Points, normals, colours and faces (none of a cloud) of a file that ``write_ply`` wrote."""
    head, mark, body = file.read_bytes().partition(b"end_header\n")
    lines = head.decode("ascii", "replace").split("\n")
    counts = {words[1]: int(words[2]) for line in lines if (words := line.split())[:1] == ["element"]}
    n, m = counts.get("vertex", 0), counts.get("face", 0)
    if not mark or lines[:3] != ["ply", "format binary_little_endian 1.0", "comment regpipe, millimetres"]:
        raise ValueError("not a PLY file of regpipe's")
    if len(body) != n * VERTEX.itemsize + m * FACE.itemsize:
        raise ValueError("the file is cut off")
    vertices = np.frombuffer(body, VERTEX, n)
    faces = np.frombuffer(body, FACE, m, n * VERTEX.itemsize)["corners"].astype(np.int64)
    points, normals, colours = (np.stack([vertices[name] for name in names], 1) for names in ARRAYS)
    return points.astype(float), normals.astype(float), colours, faces


NUMBERS = {
    "float": "<f4",
    "float32": "<f4",
    "double": "<f8",
    "float64": "<f8",
    "uchar": "u1",
    "uint8": "u1",
    "int": "<i4",
}


def read_points(file: Path) -> tuple[Array, Array]:
    """Points and normals, each (n, 3), of another program's binary cloud, in the numbers it is written in."""
    head, _, body = file.read_bytes().partition(b"end_header\n")
    words = [line.split() for line in head.decode("ascii", "replace").splitlines()]
    if words[:2] != [["ply"], ["format", "binary_little_endian", "1.0"]]:
        raise ValueError("not a binary PLY file")
    counts = [int(w[2]) for w in words if w[:2] == ["element", "vertex"]]
    layout = np.dtype([(w[2], NUMBERS[w[1]]) for w in words if w[:1] == ["property"] and w[1] in NUMBERS])
    if not counts or not {*ARRAYS[0], *ARRAYS[1]} <= set(layout.names or ()):
        raise ValueError("a cloud without points or without normals")
    if len(body) < counts[0] * layout.itemsize:
        raise ValueError("the file is cut off")
    rows = np.frombuffer(body, layout, counts[0])
    points, normals = (np.stack([rows[name] for name in names], 1).astype(float) for names in ARRAYS[:2])
    return points, normals


def write_glb(file: Path, points: Array, normals: Array, colours: NDArray[np.uint8], faces: NDArray) -> None:
    """A mesh as binary glTF: metres, y up."""
    import trimesh
    from trimesh.exchange.gltf import export_glb

    upright = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    mesh = trimesh.Trimesh(
        points @ upright.T / 1000, faces, vertex_normals=normals @ upright.T, vertex_colors=colours, process=False
    )
    file.write_bytes(export_glb(trimesh.Scene(mesh), include_normals=True))


def write_splats(file: Path, points: Array, normals: Array, colours: NDArray[np.uint8]) -> None:
    """A cloud as flat Gaussian splats, millimetres: discs on the surface, as wide as the gaps between the points."""
    from scipy.spatial import KDTree
    from scipy.spatial.transform import Rotation

    gap = KDTree(points).query(points, k=4)[0][:, 1:].mean(1).clip(1e-6)
    other = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    side = np.cross(normals, other)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
    turn = Rotation.from_matrix(np.stack([side, np.cross(normals, side), normals], 2)).as_quat()[:, [3, 0, 1, 2]]
    widths = np.log(np.stack([0.7 * gap, 0.7 * gap, 0.05 * gap], 1))
    tint = (colours / 255 - 0.5) / FLAT_COLOUR
    rows = np.concatenate([points, normals, tint, np.full((len(points), 1), 4.0), widths, turn], 1).astype("<f4")
    head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    head += [f"property float {name}" for name in SPLAT] + ["end_header\n"]
    file.write_bytes("\n".join(head).encode("ascii") + rows.tobytes())
