"""The final model: one field trained on all captures, or what was fused of the halves if that explains the masks better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from registration.data.capture import Capture
from registration.fuse.merge import Placed, as_mesh, clouds_together, even_tint, joint_field, tint_of
from registration.fuse.record import Fused, Model
from registration.geometry.hull import Box
from registration.geometry.mesh import TriMesh, blended, diameter, iso_surface, smoothed
from registration.geometry.rays import Caster
from registration.nerf.cloud import views_of
from registration.nerf.extract import JUDGED_EVERY, half_of
from registration.nerf.field import tint_at
from registration.nerf.full import Start, Whole, train_full
from registration.nerf.hollow import filled
from registration.nerf.lamp import GREY
from registration.nerf.params import FullParams
from registration.nerf.screen import overlaps
from registration.progress import Tick

RIM, TINTED_VOXELS = 0.05, 8.0
"""Room around the model, as a share of its size; colours are guessed this near to the surface."""
LEAST_VIEWS, LEAST_COSINE = 2, 0.15
"""Points of the cloud are seen by so many views at least, and so steeply."""
GRAIN_VOXELS = 0.5
"""The field is blurred by so little before its surface is read: fewer false handles."""

Held = Sequence[NDArray[np.int64]]
LOST = "no surface is left where the captures are brought together: the fused halves are kept"


def has_surface(sdf: NDArray[np.float32]) -> bool:
    """Whether there is an inside and an outside."""
    return bool((sdf < 0).any() and (sdf > 0).any())


def passed_on(fused: Fused, parts: Sequence[Placed], notes: tuple[str, ...]) -> Model:
    """The fused model as it is."""
    T, *others = (place for _, place in parts[1:])
    return Model(fused, T, joint=False, psnr=(), mask_iou=(), fused_iou=(), notes=notes, others=tuple(others))


def whole_of(
    parts: Sequence[Placed], fused: Fused, params: FullParams, seed: int, device: str, file: Path, tick: Tick
) -> Model:
    """Train on all captures and compare with what was there before."""
    captures = in_place(parts)
    start = start_of(parts, fused, captures, params)
    if not has_surface(start.sdf):
        return passed_on(fused, parts, (LOST,))
    firsts = np.cumsum([0, *map(len, captures)])
    out = [np.union1d(h.nerf.held_out, h.nerf.odd) + first for (h, _), first in zip(parts, firsts, strict=False)]
    whole = train_full(captures, start, np.concatenate(out).tolist(), params, seed, device, file, tick)
    if not has_surface(whole.level.field.dense()):
        return passed_on(fused, parts, (LOST,))
    refined = [parts[0], *((h, d.rigid() @ T) for (h, T), d in zip(parts[1:], whole.drifts, strict=True))]
    after = in_place(refined)
    held = [half.nerf.held_out for half, _ in parts]
    sdf = filled(whole.level.field.dense(), start.box, after)
    model = read_off(whole, sdf, after, params, np.random.default_rng(seed))
    before_iou, after_iou = agreement(as_mesh(fused), captures, held), agreement(as_mesh(model), after, held)
    if np.mean(after_iou) < np.mean(before_iou) - params.tolerated:
        told = "the field of all captures explains the masks worse than the fused halves do, which are kept"
        return replace(passed_on(fused, parts, (told,)), mask_iou=after_iou, fused_iou=before_iou)
    psnr, notes = psnr_of(whole, sdf, after, held), notes_of(whole, parts, refined)
    kept = passed_on(model, refined, notes)
    return replace(kept, joint=True, psnr=psnr, mask_iou=after_iou, fused_iou=before_iou)


def in_place(parts: Sequence[Placed]) -> list[Capture]:
    """All captures in the frame of the first."""
    return [half.capture.moved(T) for half, T in parts]


def psnr_of(whole: Whole, sdf: NDArray[np.float32], captures: Sequence[Capture], held: Held) -> tuple[float, ...]:
    """How well the field explains the images of each capture that took no part in the training, dB."""
    first, out = 0, []
    for capture, h in zip(captures, held, strict=True):
        trained = np.setdiff1d(np.arange(len(capture)), h)
        out.append(half_of(capture, whole.half(first + trained), [], h, sdf).psnr)
        first += len(capture)
    return tuple(out)


def notes_of(whole: Whole, before: Sequence[Placed], after: Sequence[Placed]) -> tuple[str, ...]:
    """What is to be told of a training that went well."""
    if not whole.params.refine_pose:
        return ()
    out = []
    for (half, T), (_, refined) in zip(before[1:], after[1:], strict=True):
        middle = half.cloud.points.mean(0)
        shift = float(np.linalg.norm(refined.apply(middle) - T.apply(middle)))
        of = "" if len(before) == 2 else f" of {half.capture.name}"
        out.append(f"the joint training moved the transform{of} by {T.angle_deg(refined):.2f} degrees and {shift:.2f} mm")
    return tuple(out)


def start_of(parts: Sequence[Placed], fused: Fused, captures: Sequence[Capture], params: FullParams) -> Start:
    """All fields on one grid, without hollows that nobody looked into; colours of the clouds."""
    low, high = fused.vertices.min(0), fused.vertices.max(0)
    rim = RIM * float((high - low).max())
    box = Box.around(low - rim, high + rim, params.grid)
    sdf = (joint_field(parts, box) / box.step).astype(np.float32)
    if has_surface(sdf):
        sdf = filled(sdf, box, captures)
    tree, tints = KDTree(clouds_together(parts)), even_tint(parts)
    near = np.abs(sdf) < TINTED_VOXELS
    seen = tint_of(box.points()[near.ravel()], tree, tints) / 255
    tint = np.full((*box.shape, 3), GREY, np.float32)  # the light is guessed for grey: so bright must the colours be
    tint[near] = (seen * GREY / max(float(np.median(seen.mean(1))), 0.01)).clip(0, 1)
    return Start(box, sdf, tint)


def agreement(mesh: TriMesh, captures: Sequence[Capture], held: Held) -> tuple[float, ...]:
    """Mean overlap of silhouettes and masks of each capture, over views that took no part in the training."""
    return tuple(
        float(overlaps(mesh, c.only(h if len(h) else np.arange(0, len(c), JUDGED_EVERY))).mean())
        for c, h in zip(captures, held, strict=True)
    )


def surface_of(sdf: NDArray[np.float32], box: Box, rounds: int) -> TriMesh:
    """The zero level, its grain taken off in so many rounds; with none it is left as it is."""
    if not rounds:
        return iso_surface(sdf, box.low, box.step)
    even = np.asarray(gaussian_filter(sdf, GRAIN_VOXELS), np.float32)
    return smoothed(iso_surface(even, box.low, box.step), rounds)


def read_off(
    whole: Whole, sdf: NDArray[np.float32], captures: Sequence[Capture], params: FullParams, rng: np.random.Generator
) -> Fused:
    """Mesh, and the points of it that the captures saw."""
    field = whole.level.field
    box = field.box
    mesh = surface_of(sdf, box, params.smooth_rounds)
    normals = mesh.vertex_normals()
    points, face, weights = mesh.sample(params.points, rng)
    point_normals = blended(normals, mesh.faces[face], weights)
    caster = Caster(mesh.vertices, mesh.faces)
    views = sum(views_of(points, point_normals, c, caster, 0.5 * box.step, LEAST_COSINE) for c in captures)
    seen = np.asarray(views) >= LEAST_VIEWS
    return Fused(
        mesh.vertices, mesh.faces, normals, tint_at(field, mesh.vertices), points[seen], point_normals[seen],
        tint_at(field, points[seen]), diameter(mesh.vertices), float(seen.mean()),
    )  # fmt: skip
