"""How far the surfaces lie from each other: as colours, as a histogram, in numbers."""

from __future__ import annotations

from html import escape

import numpy as np

from pipelines.report import curves, drawings, markup
from pipelines.report.cad import CadCheck
from pipelines.report.measure import Measured
from pipelines.report.table import WORDS, Table, shown
from registration.fuse.record import Model
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds
from registration.viz.colours import as_css


def colour_bar(top: float, low: str = "0") -> str:
    """What the colours of a heat map mean."""
    told = f"Colour scale from {low} to {top:.2f} mm, from dark blue to light yellow; grey is farther"
    return (
        f'<div class="scale" role="img" aria-label="{told}"><span class="bar" style="background:{as_css()}"></span><span>{low}</span>'
        f'<span>{top / 2:.2f}</span><span>{top:.2f} mm</span><span class="beyond">farther</span></div>'
    )


def files() -> str:
    """Where the table lies as a file."""
    links = ", ".join(f'<a href="chamfer.{kind}" download>{kind}</a>' for kind in ("csv", "json", "xlsx"))
    return f'<p class="screen-only">The same table as a file: {links}.</p>'


def histogram_chart(measured: Measured) -> str:
    """How the distances are spread."""
    top = float(min(4 * measured.near_mm, max(measured.up_mm.max(), measured.down_mm.max())))
    edges = np.linspace(0, max(top, 1e-6), 49)
    lines, most = [], 0.0
    for name, d, look in (("up to down", measured.up_mm, "up"), ("down to up", measured.down_mm, "down")):
        share = 100 * np.histogram(d, edges)[0] / max(1, len(d))
        most = max(most, float(share.max()))
        lines.append(
            curves.Line(
                f"{name}; {100 * (d > edges[-1]).mean():.0f} % lie beyond",
                np.repeat(edges, 2)[1:-1],
                np.repeat(share, 2),
                look,
            )
        )
    axes = (
        curves.Axis("distance to the other half, mm", 0, float(edges[-1])),
        curves.Axis("share of the points, %", 0, most * 1.05 or 1),
    )
    limit = ((measured.near_mm, f"met: below {measured.near_mm:.2f} mm"),) if measured.near_mm < edges[-1] else ()
    return "<h3>How the distances are spread</h3>" + curves.chart(
        "Histogram of the distances of each half's points to the other half", lines, *axes, limit
    )


def cad_part(model: Model, cad: CadCheck) -> list[str]:
    """The model against a CAD model."""
    far, names = float(np.quantile(cad.model_mm, 0.98)), [n for *_, n in drawings.SIDES]
    pictures = drawings.heat_of(model.fused.points, model.fused.point_normals, cad.model_mm, far)
    return [
        f"<h3>Against the CAD model</h3><p>{escape(cad.name)} was laid onto the model; it took no part in the "
        "registration. Distance of every point of the model to its surface:</p>",
        markup.gallery(pictures, names, [f"Distances to the CAD model, seen {n}" for n in names], "three"),
        colour_bar(far),
    ]  # fmt: skip


def distances_section(
    measured: Measured, clouds: Clouds, T: Rigid, table: Table, model: Model, cad: CadCheck | None
) -> str:
    """Heat maps, histogram, numbers."""
    points = np.concatenate([clouds.up.points, T.apply(clouds.down.points)])
    normals = np.concatenate([clouds.up.normals, T.turn(clouds.down.normals)])
    values, top, names = (
        np.concatenate([measured.up_mm, measured.down_mm]),
        measured.near_mm,
        [n for *_, n in drawings.SIDES],
    )
    said = (
        "<p>Distance of every point to the nearest point of the other half. Grey: farther than that, most often because only "
        "one capture saw this side.</p>"
    )
    body = [
        said,
        markup.gallery(
            drawings.heat_of(points, normals, values, top),
            names,
            [f"Distances between the halves, seen {n}" for n in names],
            "three",
        ),
        colour_bar(top),
    ]
    body += [] if cad is None else cad_part(model, cad)
    head = ["direction", *(WORDS.get(k, k) for k in next(iter(table.values())))]
    body += [
        histogram_chart(measured),
        "<h3>In numbers</h3>",
        markup.rows(head, shown(table), "Distances between the surfaces"),
        files(),
    ]
    return markup.section("distances", "Distances", *body)
