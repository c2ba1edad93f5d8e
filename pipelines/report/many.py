"""The page of an object that was captured more than twice: every capture in its place, and the pairs that put it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations
from typing import Any

import numpy as np

from pipelines.pairs import captures_in
from pipelines.placed import placed_in
from pipelines.report import distances, drawings, markup, sections, view3d, words
from pipelines.report.cad import CadCheck
from pipelines.report.drawings import thumbnail_of
from pipelines.report.measure import MET, silhouettes
from pipelines.report.record import MARK, Report
from pipelines.report.table import WORDS, Table, as_csv, as_json, chamfer_table, shown
from registration.data.capture import Capture
from registration.fuse.params import ReportParams
from registration.fuse.record import Model
from registration.geometry.distance import chamfer_parts
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Cloud, NerfHalf
from registration.sources.base import HalfModel
from registration.verify.record import Joined
from registration.viz.pictures import TINTS
from registration.viz.render import around, cloud_drawn, cropped

LINKS = (
    ("#model", "Model"), ("#pairs", "Pairs"), ("#captures", "Images"), ("#distances", "Distances"), ("#halves", "Captures"),
    ("#made", "How made"),
)  # fmt: skip
LOOKS = {"used": "yes", "same model": "yes", "rejected": "no"}


@dataclass(frozen=True, eq=False)
class Part:
    """One capture that has a place, in the unit of the model."""

    name: str
    capture: Capture
    nerf: NerfHalf
    cloud: Cloud
    T: Rigid
    """T_model_from_capture."""
    tint: tuple[int, int, int]
    fits: Array
    """(n,) overlap of the model's silhouette and the mask of every image."""

    @property
    def points(self) -> Array:
        """Of the cloud, in the model's frame."""
        return self.T.apply(self.cloud.points)


def page_of(params: ReportParams, join: Joined, model: Model, inputs: dict[str, Any], cad: CadCheck | None = None) -> Report:
    """The page of captures that are among the inputs of a stage, perhaps with a CAD model beside it."""
    k = model.grown
    halves = [half.scaled(k) for half, _ in placed_in(inputs, join)]
    return report_of_many(params, join.scaled(k), model.scaled(k), halves, captures_in(inputs), cad)


def report_of_many(
    params: ReportParams, join: Joined, model: Model, halves: Sequence[HalfModel], names: Sequence[str], cad: CadCheck | None = None
) -> Report:
    """The page, its thumbnail and the Chamfer table of all pairs; ``names`` are those of all captures."""
    caster, near = Caster(model.fused.vertices, model.fused.faces), MET * join.diameter_mm
    parts = [
        Part(names[n], h.capture, h.nerf, h.cloud, T, TINTS[n % len(TINTS)], silhouettes(h.capture, caster, T.inverse()))
        for n, h, T in zip(join.placed, halves, model.places, strict=True)
    ]
    gaps = {f"{x.name} to {y.name}": d for a, b in combinations(parts, 2) for x, y, d in both_ways(a, b)}
    nearest = [np.min([d for name, d in gaps.items() if name.startswith(f"{p.name} to ")], axis=0) for p in parts]
    rows = {} if cad is None else {"model to CAD": cad.model_mm, "CAD to model": cad.cad_mm}
    table, title = chamfer_table(gaps | rows, near), " + ".join(p.capture.name for p in parts)
    body = [
        f"<h1>{escape(title)}</h1>",
        words.verdict_of_many(join, model, names),
        sections.model_section(model, caster, view_of(model, parts, nearest, near), [p.name for p in parts]),
        pairs_section(join, parts, names),
        sections.captures_section(((p.name, p.capture, p.T, p.tint, p.fits) for p in parts), caster, params.pictures),
        distances_section(parts, nearest, near, table, [] if cad is None else distances.cad_part(model, cad)),
        captures_table(parts),
        MARK,
    ]
    html = markup.shell(f"{title}: regpipe", "".join(body), ("page.js", "view3d.js"), LINKS)
    fits = tuple(float(p.fits.mean()) for p in parts)
    return Report(html, as_csv(table), as_json(table), thumbnail_of(model.fused, caster), fits)


def both_ways(a: Part, b: Part) -> list[tuple[Part, Part, Array]]:
    """Distances of each one's points to the other's."""
    there, back = chamfer_parts(a.points, b.points)
    return [(a, b, there), (b, a, back)]


def view_of(model: Model, parts: Sequence[Part], nearest: Sequence[Array], near: float) -> str:
    """The 3D view and its data."""
    halves = [view3d.Seen(p.name, p.capture, p.nerf, p.cloud, p.T, d, p.tint) for p, d in zip(parts, nearest, strict=True)]
    controls = view3d.controls([(p.name, f"What {p.name} saw") for p in parts], (), near)
    return controls + view3d.embedded(view3d.scene_of(model.fused, halves, near))


def pairs_section(join: Joined, parts: Sequence[Part], names: Sequence[str]) -> str:
    """All clouds in their colours, the captures and their pairs as a drawing, the pairs as a table."""
    points, tint = np.concatenate([p.points for p in parts]), np.concatenate([np.tile(p.tint, (len(p.cloud), 1)) for p in parts])
    normals = np.concatenate([p.T.turn(p.cloud.normals) for p in parts])
    cameras = [around(points, a, e, drawings.LARGE) for a, e, _ in drawings.SIDES]
    pictures = cropped([cloud_drawn(points, normals, tint.astype(float), c) for c in cameras])
    sides = [f"all captures, {name}" for *_, name in drawings.SIDES]
    head = ["pair", "what became of it", "confidence", "surface in common", "off by, degrees", "off by, % of d"]
    body = [
        [
            titled(p, names), p["state"], f"{p['confidence']:.3f}", f"{100 * p['overlap']:.0f} %",
            f"{p['off_deg']:.2f}" if "off_deg" in p else "–", f"{100 * p['off_share']:.2f}" if "off_share" in p else "–",
        ]
        for p in join.pairs
    ]  # fmt: skip
    said = (
        "<p>Every two captures were registered by themselves. The accepted pairs give every capture its place; a pair that "
        "contradicts the others, and what all images show, is rejected. How far a pair is off tells how well the pairs agree.</p>"
    )
    return markup.section(
        "pairs", "Captures and pairs", said, markup.gallery(pictures, sides, sides, "three"), drawn(join, names),
        markup.rows(head, body, "Pairs of captures"),
    )  # fmt: skip


def titled(pair: dict[str, Any], names: Sequence[str]) -> str:
    """A pair by its captures."""
    return f"{names[pair['a']]} and {names[pair['b']]}"


def drawn(join: Joined, names: Sequence[str]) -> str:
    """The captures on a circle, a line for every pair."""
    turn = 2 * np.pi * np.arange(len(names)) / len(names) - np.pi / 2
    at = np.stack([320 + 190 * np.cos(turn), 130 + 92 * np.sin(turn)], 1)
    lines = "".join(
        f'<path class="pair {LOOKS.get(p["state"], "open")}" d="M{at[p["a"]][0]:.1f} {at[p["a"]][1]:.1f}L{at[p["b"]][0]:.1f} {at[p["b"]][1]:.1f}">'
        f"<title>{escape(titled(p, names))}: {p['state']}, confidence {p['confidence']:.3f}</title></path>"
        for p in join.pairs
    )
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="24" fill="rgb{TINTS[n % len(TINTS)]}"{"" if n in join.placed else " fill-opacity=0.25"}/>'
        f'<text class="dot" x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle">{escape(names[n])}</text>'
        for n, (x, y) in enumerate(at)
    )
    told = "; ".join(f"{titled(p, names)} {p['state']}" for p in join.pairs)
    return f'<svg class="chart graph" viewBox="0 0 640 260" role="img" aria-label="Captures and pairs: {escape(told)}">{lines}{dots}</svg>'


def distances_section(parts: Sequence[Part], nearest: Sequence[Array], near: float, table: Table, cad: list[str]) -> str:
    """Heat map and numbers."""
    points, normals = np.concatenate([p.points for p in parts]), np.concatenate([p.T.turn(p.cloud.normals) for p in parts])
    sides = [name for *_, name in drawings.SIDES]
    pictures = drawings.heat_of(points, normals, np.concatenate(nearest), near)
    head = ["direction", *(WORDS.get(k, k) for k in next(iter(table.values())))]
    return markup.section(
        "distances", "Distances",
        "<p>Distance of every point to the nearest point of any other capture. Grey: farther than that, most often because only "
        "one capture saw this side.</p>",
        markup.gallery(pictures, sides, [f"Distances between the captures, seen {n}" for n in sides], "three"),
        distances.colour_bar(near), *cad, "<h3>In numbers</h3>", markup.rows(head, shown(table), "Distances between the surfaces"),
        distances.files(),
    )  # fmt: skip


def captures_table(parts: Sequence[Part]) -> str:
    """How every capture was learned, and how well the model explains it."""
    head = ["capture", "folder", "images", "PSNR of held-out images, dB", "own silhouettes agree", "the model's agree", "do not fit"]
    body = [
        [
            p.name, p.capture.name, str(len(p.capture)), f"{p.nerf.psnr:.1f}", f"{p.nerf.mask_iou:.3f}", f"{p.fits.mean():.3f}",
            str(len(p.nerf.odd)),
        ]
        for p in parts
    ]  # fmt: skip
    return markup.section("halves", "The captures", markup.rows(head, body, "How well each capture was learned and is explained"))
