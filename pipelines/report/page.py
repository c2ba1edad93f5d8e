"""One page per object: what was found, how sure, and pictures to check it by. Everything it needs is inside."""

from __future__ import annotations

from html import escape

from pipelines.pairs import FIRST
from pipelines.report import distances, rivals, sections, training, view3d, words
from pipelines.report.cad import CadCheck
from pipelines.report.drawings import thumbnail_of
from pipelines.report.markup import shell
from pipelines.report.measure import Measured, measured
from pipelines.report.record import MARK, Report
from pipelines.report.table import Table, as_csv, as_json, chamfer_table
from registration.data.capture import Capture
from registration.fuse.params import ReportParams
from registration.fuse.record import Model
from registration.geometry.rays import Caster
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds, NerfHalf
from registration.verify.record import Registration, Verdict
from registration.viz.pictures import DOWN, UP

LINKS = (
    ("#model", "Model"), ("#registration", "ICP"), ("#captures", "Images"), ("#distances", "Distances"),
    ("#alternatives", "Alternatives"), ("#halves", "Halves"), ("#made", "How made"),
)  # fmt: skip


def table_of(seen: Measured, cad: CadCheck | None) -> Table:
    """The Chamfer table, with the rows of the CAD model if there is one."""
    gaps = {"up to down": seen.up_mm, "down to up": seen.down_mm}
    if cad is not None:
        gaps |= {"model to CAD": cad.model_mm, "CAD to model": cad.cad_mm}
    return chamfer_table(gaps, seen.near_mm)


def view_of(
    verdict: Verdict, icp: Registration, model: Model, clouds: Clouds, nerfs: tuple[NerfHalf, NerfHalf],
    captures: tuple[Capture, Capture], seen: Measured,
) -> str:  # fmt: skip
    """The 3D view and its data."""
    T = model.T_up_from_down
    places = [
        ("registered", T),
        ("where ICP began", Rigid.from_matrix(icp.start)),
        ("as captured", sections.as_captured(clouds)),
    ]
    for n in rivals.rivals_of(verdict):
        kind = "same model" if verdict.group[n] == 0 else "another model"
        places.append((f"hypothesis {n + 1}, {kind}", Rigid.from_matrix(verdict.T_up_from_down[n])))
    placed, gaps = (Rigid.identity(), T), (seen.up_mm, seen.down_mm)
    halves = [
        view3d.Seen(*half)
        for half in zip(FIRST, captures, nerfs, (clouds.up, clouds.down), placed, gaps, (UP, DOWN), strict=True)
    ]
    words = (("up", "Half up, blue"), ("down", "Half down, orange"))
    controls = view3d.controls(words, [name for name, _ in places], seen.near_mm)
    return controls + view3d.embedded(view3d.scene_of(model.fused, halves, seen.near_mm, places))


def make_report(
    params: ReportParams, verdict: Verdict, icp: Registration, model: Model, clouds: Clouds,
    nerfs: tuple[NerfHalf, NerfHalf], captures: tuple[Capture, Capture], cad: CadCheck | None = None,
) -> Report:  # fmt: skip
    """The page, its thumbnail and the Chamfer table; how it was made is filled in by whoever knows."""
    k, scale = model.grown, model.scale
    verdict, icp, model, clouds = verdict.scaled(k), icp.scaled(k), model.scaled(k), clouds.alike(scale).scaled(k)
    nerfs = nerfs[0].scaled(k), nerfs[1].scaled(scale * k)
    captures = captures[0].scaled(k), captures[1].scaled(scale * k)
    T, name = model.T_up_from_down, title_of(captures[0].name.removesuffix("_up"), captures[1].name.removesuffix("_down"))
    caster = Caster(model.fused.vertices, model.fused.faces)
    seen = measured(model, clouds, captures, caster, icp.diameter_mm)
    table = table_of(seen, cad)
    body = [
        f"<h1>{escape(name)}</h1>",
        words.verdict(icp, model),
        sections.model_section(model, caster, view_of(verdict, icp, model, clouds, nerfs, captures, seen)),
        sections.registration_section(clouds, icp, model),
        sections.captures_section(
            zip(FIRST, captures, (Rigid.identity(), T), (UP, DOWN), seen.silhouettes, strict=True), caster, params.pictures
        ),
        distances.distances_section(seen, clouds, T, table, model, cad),
        rivals.alternatives_section(verdict, clouds),
        training.halves_section(captures, nerfs, seen.silhouettes),
        MARK,
    ]
    html = shell(f"{name}: regpipe", "".join(body), ("page.js", "view3d.js"), LINKS)
    return Report(html, as_csv(table), as_json(table), thumbnail_of(model.fused, caster), means(seen))


def title_of(up: str, down: str) -> str:
    """The object, or the folders of both its captures."""
    return up if up == down else f"{up} + {down}"


def means(seen: Measured) -> tuple[float, float]:
    """Mean overlap of silhouettes and masks, of up and of down."""
    up, down = seen.silhouettes
    return float(up.mean()), float(down.mean())
