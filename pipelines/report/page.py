"""One page per object: what was found, how sure, and pictures to check it by."""

from __future__ import annotations

import csv
import html
import io
import json

import numpy as np

from pipelines.report.record import Report
from registration.data.capture import Capture
from registration.fuse.merge import as_mesh
from registration.fuse.params import ReportParams
from registration.fuse.record import Model
from registration.geometry.distance import chamfer_parts
from registration.geometry.rays import Caster
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds, NerfHalf
from registration.verify.record import Registration, Verdict
from registration.viz.pictures import DOWN, UP, Picture, data_uri, outlined, scattered, shaded, sheet, trimmed

STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
img{max-width:100%;border-radius:6px}table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
td,th{padding:.3rem .7rem;text-align:right;border-bottom:1px solid #8884}th{font-weight:600}td:first-child,th:first-child{text-align:left}
.verdict{padding:1rem;border-left:6px solid;border-radius:6px;background:#8881}.yes{border-color:#268bd2}.no{border-color:#e67e22}
figure{margin:1.2rem 0}figcaption{opacity:.75;font-size:.9rem}
"""


def chamfer_table(clouds: Clouds, T: Rigid, diameter: float) -> dict[str, dict[str, float]]:
    """Distances of each half's points to the other half, mm, before and after the registration was refined."""
    a, b = chamfer_parts(clouds.up.points, T.apply(clouds.down.points))
    out = {}
    for name, d in (("up to down", a), ("down to up", b)):
        near = d[d < 0.02 * diameter]
        out[name] = {
            "points": len(d), "mean_mm": float(d.mean()), "median_mm": float(np.median(d)), "p95_mm": float(np.quantile(d, 0.95)),
            "overlap_share": len(near) / len(d), "overlap_mean_mm": float(near.mean()) if len(near) else float("nan"),
        }  # fmt: skip
    return out


def as_csv(table: dict[str, dict[str, float]]) -> str:
    """The table for a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    first = next(iter(table.values()))
    writer.writerow(["direction", *first])
    for name, row in table.items():
        writer.writerow([name, *(round(v, 5) for v in row.values())])
    return out.getvalue()


def figure(picture: Picture, text: str) -> str:
    """A picture with its caption, which is also what a screen reader says."""
    return f'<figure><img src="{data_uri(picture)}" alt="{html.escape(text)}"><figcaption>{html.escape(text)}</figcaption></figure>'


def rows(head: list[str], body: list[list[str]]) -> str:
    """A table."""
    cells = "".join(f"<th>{html.escape(h)}</th>" for h in head)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in line) + "</tr>" for line in body)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"


def contact_sheet(
    capture: Capture, caster: Caster, T_capture_from_model: Rigid, colour: tuple[int, int, int], count: int
) -> Picture:
    """Some images of a capture, spread over it, with the whole model's outline."""
    chosen = np.linspace(0, len(capture) - 1, min(count, len(capture))).round().astype(int)
    return sheet([outlined(capture, int(i), caster, T_capture_from_model, colour) for i in chosen], 4)


def before_and_after(clouds: Clouds, T: Rigid) -> Picture:
    """Both halves as they came, and as they belong."""
    up = (clouds.up.points, clouds.up.normals, UP)
    came = (clouds.down.points + (clouds.up.points.mean(0) - clouds.down.points.mean(0)), clouds.down.normals, DOWN)
    belongs = (T.apply(clouds.down.points), T.turn(clouds.down.normals), DOWN)
    return sheet(trimmed([scattered([up, came], 35, 20, 470), scattered([up, belongs], 35, 20, 470)]), 2)


def told_of(model: Model) -> str:
    """Where the model comes from, and how well it explains the images."""
    what = "One field of both captures" if model.joint else "Fused of both halves"
    lines = [*model.notes]
    for name, values, form in (
        ("PSNR of held-out images, dB", model.psnr, ".1f"),
        ("the trained field's silhouettes agree with the masks by", model.mask_iou, ".3f"),
        ("those of the fused halves by", model.fused_iou, ".3f"),
    ):
        if values:
            lines.append(
                f"{name}: " + ", ".join(f"{v:{form}} ({h})" for v, h in zip(values, ("up", "down"), strict=True))
            )
    return f"<p>{what}.</p><ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"


def hypotheses_of(verdict: Verdict) -> str:
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
            str(n + 1), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[min(int(verdict.group[n]), 25)], verdict.source[n], f"{verdict.cost[n]:.1f}", f"{100 * verdict.mask[n]:.2f}",
            f"{100 * (verdict.free[n] + verdict.deep[n]):.1f}", f"{verdict.bare[n]:.3f}", f"{verdict.colour[n]:.2f}", f"{verdict.turned[n]:.0f}°", f"{100 * verdict.moved[n]:.2f}",
        ]
        for n in range(min(8, len(verdict.cost)))
    ]  # fmt: skip
    said = "Hypotheses with the same letter give the same model. Cost is a loss of log-likelihood: one that is larger by 4.6 is a hundred times less likely."
    return rows(head, body) + f"<p>{said}</p>"


def make_report(
    params: ReportParams, verdict: Verdict, icp: Registration, model: Model, clouds: Clouds,
    nerfs: tuple[NerfHalf, NerfHalf], captures: tuple[Capture, Capture],
) -> Report:  # fmt: skip
    """The page and the Chamfer table."""
    T, name = model.T_up_from_down, captures[0].name.removesuffix("_up")
    table = chamfer_table(clouds, T, icp.diameter_mm)
    mesh = as_mesh(model.fused)
    caster = Caster(mesh.vertices, mesh.faces)
    word = "Accepted" if icp.accepted else "Not accepted"
    turn = T.angle_deg()
    halves = [
        [h, str(len(c)), f"{n.psnr:.1f}", f"{n.mask_iou:.3f}", str(len(c.notes.get("skipped", []))), str(len(n.odd))]
        for h, c, n in zip(("up", "down"), captures, nerfs, strict=True)
    ]
    body = [
        f"<h1>{html.escape(name)}</h1><div class='verdict {'yes' if icp.accepted else 'no'}'><b>{word}</b>, confidence {icp.confidence:.3f}. "
        f"The object was turned by {turn:.0f} degrees between the captures; where both halves saw it they lie {icp.chamfer_mm:.2f} mm apart "
        f"({100 * icp.chamfer_mm / icp.diameter_mm:.2f} % of its {icp.diameter_mm:.0f} mm).<ul>" + "".join(f"<li>{html.escape(r)}</li>" for r in icp.reasons) + "</ul></div>",
        figure(sheet(trimmed([shaded(mesh, None, a, e, 310) for a, e in ((30, 30), (150, 30), (30, -30))]), 3), "The model from three sides"),
        told_of(model),
        figure(before_and_after(clouds, T), "Both halves as they were captured (left) and registered (right); up is blue, down is orange"),
        "<h2>The model's outline in the images</h2>",
        figure(contact_sheet(captures[0], caster, Rigid.identity(), UP, params.pictures), "Capture up"),
        figure(contact_sheet(captures[1], caster, T.inverse(), DOWN, params.pictures), "Capture down"),
        "<h2>Halves</h2>", rows(["half", "images", "PSNR of held-out images, dB", "silhouettes agree", "skipped", "do not fit"], halves),
        "<h2>Distances between the halves</h2>", rows(["direction", *next(iter(table.values()))], [[k, *(f"{x:,}" if isinstance(x, int) else f"{x:.3g}" for x in v.values())] for k, v in table.items()]),
        "<h2>Hypotheses</h2>", hypotheses_of(verdict),
    ]  # fmt: skip
    page = f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width,initial-scale=1'><title>{html.escape(name)}: regpipe</title><style>{STYLE}</style><body>{''.join(body)}</body></html>"
    return Report(page, as_csv(table), json.dumps(table, indent=1))
