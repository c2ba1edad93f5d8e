"""PLY files: binary, little endian, millimetres, as BOP's tools read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registration.errors import UserError
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
    lines, body = head_and_body(file)
    counts = {words[1]: count_of(words, file) for words in lines if words[:1] == ["element"] and len(words) > 1}
    n, m = counts.get("vertex", 0), counts.get("face", 0)
    if lines[2:3] != [["comment", "regpipe,", "millimetres"]]:
        raise broken("not a PLY file of regpipe's", file)
    if len(body) != n * VERTEX.itemsize + m * FACE.itemsize:
        raise broken("the file is cut off", file)
    vertices = np.frombuffer(body, VERTEX, n)
    faces = np.frombuffer(body, FACE, m, n * VERTEX.itemsize)["corners"].astype(np.int64)
    points, normals, colours = (np.stack([vertices[name] for name in names], 1) for names in ARRAYS)
    if m and not 0 <= faces.min() <= faces.max() < n:
        raise broken("faces name points that are not there", file)
    return finite(points, file), finite(normals, file), colours, faces


def head_and_body(file: Path) -> tuple[list[list[str]], bytes]:
    """The words of each line of a binary PLY file's head, and what follows it."""
    try:
        head, mark, body = file.read_bytes().partition(b"end_header\n")
    except OSError as error:
        raise broken(error.strerror or str(error), file) from error
    lines = [line.split() for line in head.decode("ascii", "replace").splitlines()]
    if not mark or lines[:2] != [["ply"], ["format", "binary_little_endian", "1.0"]]:
        raise broken("not a PLY file in binary, little endian", file)
    return lines, body


def count_of(words: list[str], file: Path) -> int:
    """How many there are of an element."""
    if len(words) != 3 or not (words[2].isascii() and words[2].isdigit()) or len(words[2]) > 12:
        raise broken(f"not a number of things: {' '.join(words)!r}", file)
    return int(words[2])


def finite(values: NDArray[np.floating], file: Path) -> Array:
    """The same numbers, if they are."""
    if not np.isfinite(values).all():
        raise broken("a coordinate is not a finite number", file)
    return values.astype(float)


def broken(what: str, file: Path) -> UserError:
    """The file is at fault."""
    return UserError(what, file, "remove it and make it anew")


NUMBERS = {
    "float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8", "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "<i2", "int16": "<i2", "ushort": "<u2", "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4",
}  # fmt: skip


def read_points(file: Path) -> tuple[Array, Array]:
    """Points and normals, each (n, 3), of another program's binary cloud, in the numbers it is written in."""
    lines, body = head_and_body(file)
    elements = [words for words in lines if words[:1] == ["element"]]
    if not elements or elements[0][1:2] != ["vertex"]:
        raise broken("a cloud without points", file)
    end = lines.index(elements[1]) if len(elements) > 1 else len(lines)
    fields = [words for words in lines[lines.index(elements[0]) : end] if words[:1] == ["property"]]
    names, count = [words[-1] for words in fields], count_of(elements[0], file)
    if not {*ARRAYS[0], *ARRAYS[1]} <= set(names) or len(set(names)) != len(names):
        raise broken("a cloud without points or without normals", file)
    if any(len(words) != 3 or words[1] not in NUMBERS for words in fields):
        raise broken("a property of points that is no number", file)
    layout = np.dtype([(name, NUMBERS[words[1]]) for name, words in zip(names, fields, strict=True)])
    if len(body) < count * layout.itemsize:
        raise broken("the file is cut off", file)
    rows = np.frombuffer(body, layout, count)
    points, normals = (np.stack([rows[name] for name in names], 1) for names in ARRAYS[:2])
    return finite(points, file), finite(normals, file)


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
