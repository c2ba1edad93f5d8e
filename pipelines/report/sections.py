"""The parts of the page, from top to bottom."""

from __future__ import annotations

import numpy as np

from pipelines.report import curves, drawings, markup
from pipelines.report.cad import CadCheck
from pipelines.report.measure import Measured
from pipelines.report.table import WORDS, Table, shown
from pipelines.report.words import percent
from registration.data.capture import Capture
from registration.fuse.record import Model
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Clouds, NerfHalf
from registration.verify.record import Registration, Verdict
from registration.viz.colours import as_css
from registration.viz.pictures import DOWN, UP

HALVES = ("up", "down")
MOST_RIVALS = 5
"""Other hypotheses drawn beside the best."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def as_captured(clouds: Clouds) -> Rigid:
    """The down half as it came, shifted so that both can be seen in one place."""
    return Rigid(np.eye(3), clouds.up.points.mean(0) - clouds.down.points.mean(0))


def colour_bar(top: float, low: str = "0") -> str:
    """What the colours of a heat map mean."""
    told = f"Colour scale from {low} to {top:.2f} mm, from dark blue to light yellow; grey is farther"
    return (
        f'<div class="scale" role="img" aria-label="{told}"><span class="bar" style="background:{as_css()}"></span><span>{low}</span>'
        f'<span>{top / 2:.2f}</span><span>{top:.2f} mm</span><span class="beyond">farther</span></div>'
    )


def model_section(model: Model, caster: Caster, view: str) -> str:
    """The 3D view, and the model from three sides for paper."""
    pictures = drawings.sides_of(model.fused, caster)
    names = [name for *_, name in drawings.SIDES]
    still = markup.gallery(pictures, names, [f"The model seen {n}" for n in names], "three still")
    return markup.section("model", "The model", view, still, told_of(model))


def told_of(model: Model) -> str:
    """Where the model comes from, and how well it explains the images."""
    lines = [*model.notes]
    for name, values, form in (
        ("PSNR of held-out images, dB", model.psnr, ".1f"),
        ("the trained field's silhouettes agree with the masks by", model.mask_iou, ".3f"),
        ("those of the fused halves by", model.fused_iou, ".3f"),
    ):
        if values:
            lines.append(f"{name}: " + ", ".join(f"{v:{form}} ({h})" for v, h in zip(values, HALVES, strict=True)))
    what = (
        "The model is one field, trained on both captures together."
        if model.joint
        else "The model is fused of both halves."
    )
    return f"<p>{what}</p>{markup.listed(lines)}"


def registration_section(clouds: Clouds, icp: Registration, model: Model) -> str:
    """Both clouds before and after the registration."""
    places = [as_captured(clouds), Rigid.from_matrix(icp.start), model.T_up_from_down]
    words = [
        "as captured",
        "before ICP: the best hypothesis",
        "after ICP" + (" and joint training" if model.joint else ""),
    ]
    alts = [f"Both halves as clouds of points, up in blue and down in orange, {w}" for w in words]
    pictures = markup.gallery(drawings.pairs_of(clouds, places), words, alts, "three")
    end, start, points = places[2], places[1], clouds.down.points
    way = np.linalg.norm(end.apply(points) - start.apply(points), axis=1).mean()
    said = (
        "<p>Up is blue, down is orange. From the best hypothesis to the end the down half was turned by "
        f"{end.angle_deg(start):.2f} degrees, and its points moved by {way:.2f} mm on average.</p>"
    )
    return markup.section("registration", "Before and after ICP", pictures, said)


def captures_section(
    captures: tuple[Capture, Capture], caster: Caster, T: Rigid, fits: tuple[Array, Array], count: int
) -> str:
    """Contact sheets of both captures."""
    body = []
    for half, capture, place, colour, fit in zip(
        HALVES, captures, (Rigid.identity(), T.inverse()), (UP, DOWN), fits, strict=True
    ):
        sheet = drawings.sheet_of(capture, caster, place, colour, count, fit)
        words = [
            f"image {capture.ids[i]}, {fit[i]:.3f}" + (", fits worst" if i == sheet.worst else "") for i in sheet.views
        ]
        alts = [
            f"Image {capture.ids[i]} of the capture {half} with the model's outline; overlap with the mask {fit[i]:.3f}"
            for i in sheet.views
        ]
        body.append(
            f"<h3>Capture {half}: {len(capture)} images</h3>" + markup.gallery(sheet.pictures, words, alts, "contact")
        )
    said = "<p>The outline of the finished model, drawn into images of both captures. The number says how well the silhouette agrees with the mask (1: exactly).</p>"
    return markup.section("captures", "The model in the images", said, *body)


def silhouettes_chart(
    captures: tuple[Capture, Capture], nerfs: tuple[NerfHalf, NerfHalf], fits: tuple[Array, Array]
) -> str:
    """Overlap of every image."""
    lines = [
        curves.Line(f"{h}, mean {f.mean():.3f}", np.arange(len(f), dtype=float), f, h, mark, frozenset(n.odd.tolist()))
        for h, f, n, mark in zip(HALVES, fits, nerfs, ("round", "square"), strict=True)
    ]
    low = max(0.0, np.floor(20 * min(f.min() for f in fits)) / 20 - 0.001)
    told = "; ".join(
        f"capture {h}: mean {f.mean():.3f}, worst {f.min():.3f} at image {c.ids[int(f.argmin())]}"
        for h, f, c in zip(HALVES, fits, captures, strict=True)
    )
    axes = (
        curves.Axis("image, in the order of the capture", 0, max(1, max(map(len, fits)) - 1)),
        curves.Axis("overlap with the mask", low, 1),
    )
    odd = sum(len(n.odd) for n in nerfs)
    ringed = f" {odd} with a ring do not fit the others; the training left them out." if odd else ""
    return f"<h3>Silhouettes, image by image</h3>{curves.chart(f'Overlap of silhouette and mask. {told}', lines, *axes)}<p>{told[0].upper()}{told[1:]}.{ringed}</p>"


def training_chart(nerfs: tuple[NerfHalf, NerfHalf]) -> str:
    """Errors while both fields were trained."""
    pairs = [(h, n.curve) for h, n in zip(HALVES, nerfs, strict=True) if len(n.curve) > 1]
    if not pairs:
        return "<h3>Training</h3><p>No curve was kept: another back-end trained the halves.</p>"
    values = np.concatenate([c[:, 1] for _, c in pairs])
    values = values[values > 0]
    if not len(values):
        return ""
    lines = [curves.Line(f"field of {h}", c[:, 0], c[:, 1], h) for h, c in pairs]
    x = curves.Axis("step", 0, max(float(c[:, 0].max()) for _, c in pairs))
    y = curves.Axis("colour error (log)", float(values.min()) * 0.9, float(values.max()) * 1.1, log=True)
    told = "; ".join(f"{h}: from {c[0, 1]:.3f} to {c[-1, 1]:.3f}" for h, c in pairs)
    return f"<h3>Training of both fields</h3>{curves.chart(f'Mean colour error over the steps. {told}', lines, x, y)}"


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
    said = "<p>Distance of every point to the nearest point of the other half. Grey: only one capture saw this side, so there is nothing to compare.</p>"
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
    if cad is not None:
        far = float(np.quantile(cad.model_mm, 0.98))
        pictures = drawings.heat_of(model.fused.points, model.fused.point_normals, cad.model_mm, far)
        body += [
            f"<h3>Against the CAD model</h3><p>{markup.escape(cad.name)} was laid onto the model; it took no part in the registration. Distance of every point of the model to its surface:</p>",
            markup.gallery(pictures, names, [f"Distances to the CAD model, seen {n}" for n in names], "three"), colour_bar(far),
        ]  # fmt: skip
    head = ["direction", *(WORDS.get(k, k) for k in next(iter(table.values())))]
    files = "<p class='screen-only'>The same table as a file: <a href='chamfer.csv' download>csv</a>, <a href='chamfer.json' download>json</a>, <a href='chamfer.xlsx' download>xlsx</a>.</p>"
    body += [
        histogram_chart(measured),
        "<h3>In numbers</h3>",
        markup.rows(head, shown(table), "Distances between the surfaces"),
        files,
    ]
    return markup.section("distances", "Distances", *body)


def rivals_of(verdict: Verdict) -> list[int]:
    """Hypotheses to be drawn beside the best: at most some of the same model, then the best of each other."""
    same = [n for n in range(1, len(verdict.cost)) if verdict.group[n] == 0][:2]
    firsts = [int(np.flatnonzero(verdict.group == g)[0]) for g in dict.fromkeys(verdict.group.tolist()) if g != 0]
    return [*same, *firsts][:MOST_RIVALS]


def alternatives_section(verdict: Verdict, clouds: Clouds) -> str:
    """The best hypothesis and its rivals side by side, and the scores of all."""
    picked = [0, *rivals_of(verdict)]
    words, alts = [], []
    for n in picked:
        chance = percent(float(verdict.probability[verdict.group[n]]))
        kind = "chosen" if n == 0 else "the same model" if verdict.group[n] == 0 else "another model"
        words.append(f"{n + 1}: {kind}, {chance}")
        alts.append(f"Hypothesis {n + 1}, {kind}: both halves as clouds in blue and orange")
    pictures = drawings.pairs_of(clouds, [Rigid.from_matrix(verdict.T_up_from_down[n]) for n in picked], drawings.SMALL)
    said = "<p>The hypotheses that came nearest, before ICP. “The same model” means a turn that leaves the object as it is: no rival. A probability belongs to a model, not to a picture.</p>"
    if len(picked) == 1:
        said = "<p>No other hypothesis came near enough to be looked at.</p>"
    return markup.section(
        "alternatives",
        "Alternatives",
        said,
        markup.gallery(pictures, words, alts, "contact"),
        scores_chart(verdict),
        hypotheses_table(verdict),
    )


def scores_chart(verdict: Verdict) -> str:
    """What every candidate costs, beside the best."""
    extra = verdict.cost - verdict.cost[0]
    names = [f"{n + 1} {LETTERS[min(int(g), 25)]}" for n, g in enumerate(verdict.group)]
    shown_values = [f"+{e:,.1f}" if n else "best" for n, e in enumerate(extra)]
    looks = ["plain" if g == 0 else "other" for g in verdict.group]
    told = "Cost of every candidate beyond that of the best"
    return f"<h3>Scores of the candidates</h3>{curves.bars(told, names, list(map(float, extra)), shown_values, looks)}<p>How much more each candidate contradicts the captures than the best one. A cost that is larger by 4.6 is a hundred times less likely. Candidates with the same letter give the same model. {verdict.candidates} were proposed.</p>"


def hypotheses_table(verdict: Verdict) -> str:
    """The likeliest hypotheses and what speaks against each."""
    head = [
        "rank",
        "model",
        "source",
        "cost",
        "outside masks, %",
        "in free space, %",
        "masks bare, px",
        "print apart",
        "sides turned by",
        "moves the model by, % of d",
    ]
    body = [
        [
            str(n + 1), LETTERS[min(int(verdict.group[n]), 25)], verdict.source[n], f"{verdict.cost[n]:.1f}", f"{100 * verdict.mask[n]:.2f}",
            f"{100 * (verdict.free[n] + verdict.deep[n]):.1f}", f"{verdict.bare[n]:.3f}", f"{verdict.colour[n]:.2f}", f"{verdict.turned[n]:.0f}°", f"{100 * verdict.moved[n]:.2f}",
        ]
        for n in range(min(8, len(verdict.cost)))
    ]  # fmt: skip
    return "<h3>What speaks against each</h3>" + markup.rows(head, body, "The likeliest hypotheses")


def halves_section(
    captures: tuple[Capture, Capture], nerfs: tuple[NerfHalf, NerfHalf], fits: tuple[Array, Array]
) -> str:
    """How both halves were learned."""
    body = [
        [h, str(len(c)), f"{n.psnr:.1f}", f"{n.mask_iou:.3f}", str(len(c.notes.get("skipped", []))), str(len(n.odd))]
        for h, c, n in zip(HALVES, captures, nerfs, strict=True)
    ]
    head = ["half", "images", "PSNR of held-out images, dB", "silhouettes agree", "skipped", "do not fit"]
    return markup.section(
        "halves",
        "The two halves",
        markup.rows(head, body, "How well each half was learned"),
        silhouettes_chart(captures, nerfs, fits),
        training_chart(nerfs),
    )
