"""What the 3D view in the page draws: meshes made small, cameras as pyramids, the controls beside them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from registration.data.capture import Capture
from registration.fuse.record import Fused
from registration.geometry.mesh import TriMesh
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Cloud, NerfHalf
from registration.viz.colours import as_css, scale

MOST_VERTICES = 40_000
"""Of the model in the page: two bytes number them."""
MOST_OF_HALF = 16_000
"""Of the surface of each half."""
SEEN_VOXELS = 1.8
"""The surface nearer than this to a point of the cloud was seen."""
NO_PARTNER = 255
"""Byte of a distance that is too large for the scale, or not known."""


def text_of(array: NDArray) -> str:
    """An array's bytes as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def clustered(mesh: TriMesh, normals: Array, colours: NDArray, most: int) -> tuple[TriMesh, Array, Array, NDArray]:
    """The mesh with at most so many vertices: those in one cell become one; also which cell each old one went to."""
    index = np.arange(len(mesh.vertices))
    if len(index) <= most:
        return mesh, normals, colours.astype(float), index
    low = mesh.vertices.min(0)
    cell = np.sqrt(mesh.area() / most)
    while True:
        keys = ((mesh.vertices - low) / cell).astype(np.int64)
        _, index = np.unique(keys @ np.array([1, 1 << 20, 1 << 40]), return_inverse=True)
        if index.max() < most:
            break
        cell *= 1.1
    share = 1 / np.bincount(index)
    mean: Any = lambda a: np.stack([np.bincount(index, a[:, k]) * share for k in range(3)], 1)  # noqa: E731
    faces = index[mesh.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    turned = mean(normals)
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)
    return TriMesh(mean(mesh.vertices), np.unique(faces[whole], axis=0)), turned, mean(colours.astype(float)), index


def packed(points: Array, normals: Array, colours: NDArray | Array) -> dict[str, Any]:
    """Places in two bytes an axis, normals and colours in one."""
    low = points.min(0)
    step = float((points - low).max()) / 65535 or 1.0
    return {
        "low": low.round(5).tolist(), "step": step, "count": len(points),
        "places": text_of(((points - low) / step).round().astype("<u2")),
        "normals": text_of((127 * normals).round().astype(np.int8)),
        "colours": text_of(np.asarray(colours).round().clip(0, 255).astype(np.uint8)),
    }  # fmt: skip


def as_bytes(values: Array, top: float) -> str:
    """Distances from 0 to ``top``; what is more is marked."""
    known = np.isfinite(values) & (values <= top)
    scaled = (254 * np.where(known, values, 0) / max(top, 1e-12)).round()
    return text_of(np.where(known, scaled, NO_PARTNER).astype(np.uint8))


def packed_model(fused: Fused) -> dict[str, Any]:
    """The fused mesh."""
    mesh, normals, colours, _ = clustered(
        TriMesh(fused.vertices, fused.faces), fused.normals, fused.colours, MOST_VERTICES
    )
    return packed(mesh.vertices, normals, colours) | packed_faces(mesh)


def packed_half(nerf: NerfHalf, cloud: Cloud, distances: Array, top: float) -> dict[str, Any]:
    """The surface of one half that its capture saw, in its own frame, with distances to the other half."""
    tree = KDTree(cloud.points)
    seen = tree.query(nerf.vertices)[0] < SEEN_VOXELS * nerf.step
    faces = nerf.faces[seen[nerf.faces].all(1)]
    used, index = np.unique(faces, return_inverse=True)
    mesh = TriMesh(nerf.vertices[used], index.reshape(-1, 3))
    mesh, normals, colours, _ = clustered(mesh, nerf.normals[used], nerf.vertex_colours[used], MOST_OF_HALF)
    out = packed(mesh.vertices, normals, colours) | packed_faces(mesh)
    return out | {"distances": as_bytes(distances[np.asarray(tree.query(mesh.vertices)[1])], top)}


def packed_faces(mesh: TriMesh) -> dict[str, Any]:
    """Two bytes a corner."""
    return {"faces": text_of(mesh.faces.astype("<u2")), "corners": int(mesh.faces.size)}


def pyramids(capture: Capture, T_up_from_capture: Rigid, length: float) -> str:
    """Centre and four image corners of every camera, in the up frame."""
    w, h = capture.size_full
    corners = np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]])
    rays = np.einsum("nij,kj->nki", np.linalg.inv(capture.K_full), np.c_[corners, np.ones(4)])
    local = np.concatenate([np.zeros((len(rays), 1, 3)), length * rays], 1) - capture.t[:, None]
    there = np.einsum("nji,nkj->nki", capture.R, local)
    return text_of(T_up_from_capture.apply(there).astype("<f4"))


@dataclass(frozen=True, eq=False)
class Seen:
    """One half in the view."""

    name: str
    capture: Capture
    nerf: NerfHalf
    cloud: Cloud
    T: Rigid
    """T_model_from_half."""
    distances: Array  # (n,) of the cloud's points to the other halves
    tint: tuple[int, int, int]


def scene_of(fused: Fused, halves: Sequence[Seen], top: float, places: Sequence[tuple[str, Rigid]] = ()) -> dict[str, Any]:
    """All that the view draws; ``places`` are where the second half can be put, with their names."""
    middle = (fused.vertices.min(0) + fused.vertices.max(0)) / 2
    length = 0.16 * fused.diameter_mm
    drawn = {
        h.name: packed_half(h.nerf, h.cloud, h.distances, top)
        | {"tint": list(h.tint), "matrix": columns(h.T), "cameras": pyramids(h.capture, h.T, length)}
        for h in halves
    }
    return {
        "middle": middle.tolist(), "radius": float(np.linalg.norm(fused.vertices - middle, axis=1).max()), "top": round(top, 3),
        "model": packed_model(fused), "halves": drawn, "moves": halves[1].name if places else "",
        "places": [{"name": name, "matrix": columns(place)} for name, place in places],
        "ramp": text_of(scale()),
    }  # fmt: skip


def columns(T: Rigid) -> list[float]:
    """A motion as WebGL wants it."""
    return T.as_matrix().T.ravel().round(7).tolist()


def embedded(scene: dict[str, Any]) -> str:
    """The scene as data inside the page."""
    body = json.dumps(scene, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="scene">{body}</script>'


def controls(halves: Sequence[tuple[str, str]], places: Sequence[str], top: float) -> str:
    """Canvas, switches and what to press; of each half its name and what it is called."""
    switches = "".join(
        f'<label><input type="checkbox" data-show="{key}"{" checked" if key == "model" else ""}> {escape(word)}</label>'
        for key, word in (("model", "Model"), *halves, ("cameras", "Cameras of the labels"))
    )
    options = "".join(f'<option value="{n}">{escape(name)}</option>' for n, name in enumerate(places))
    where = f'<label class="pick">Half down lies <select data-pick="place">{options}</select></label>' if places else ""
    colours = "".join(
        f'<option value="{k}">{w}</option>'
        for k, w in (("half", "by half"), ("photo", "as photographed"), ("distance", "by distance"))
    )
    help_text = "Drag or arrow keys turn, wheel, pinch or + and − zoom, Shift with either moves, Home shows it from the start again."
    return f"""<div class="view3d" id="view3d">
<canvas tabindex="0" role="img" aria-label="The model in three dimensions. {help_text}" aria-describedby="view3d-help"></canvas>
<div class="controls screen-only"><fieldset><legend>Show</legend>{switches}</fieldset>
{where}<label class="pick">Halves are coloured <select data-pick="colour">{colours}</select></label>
<span class="buttons"><button type="button" data-do="in" aria-label="Zoom in">+</button><button type="button" data-do="out" aria-label="Zoom out">−</button>
<button type="button" data-do="left" aria-label="Turn left">←</button><button type="button" data-do="right" aria-label="Turn right">→</button>
<button type="button" data-do="reset">Reset</button></span>
<div class="scale" hidden data-scale><span class="bar" style="background:{as_css()}"></span><span>0</span><span>{top:.2f} mm, beyond: grey</span></div></div>
<p class="help screen-only" id="view3d-help">{help_text}</p><p class="screen-only sorry" role="status" hidden></p></div>"""
