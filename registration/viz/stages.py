"""A picture of every stage's answer."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from registration.data.capture import Capture
from registration.fuse.record import Fused, Model
from registration.geometry.rays import Caster
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds, NerfHalf
from registration.sources.base import Hypotheses
from registration.verify.record import Verdict
from registration.viz.charts import lines
from registration.viz.pictures import DOWN, UP, Picture, outlined, sheet
from registration.viz.scene import CAPTURED, Half, Place, Scene, Skin, laid_on
from registration.viz.software import Canvas, captioned
from registration.viz.still import AZIMUTH, ELEVATION, of_place

SIDES = ((30, 25), (150, 25), (30, -35))
PANEL = 400
GUESSES = 8
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def of_capture(capture: Capture, most: int = 12) -> Picture:
    """Some of its images with the outlines of their masks."""
    import cv2

    tint = DOWN if capture.name.endswith("down") else UP
    out = []
    for i in spread(len(capture), most):
        rim, _ = cv2.findContours(capture.mask[i].astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        out.append(np.asarray(cv2.drawContours(capture.rgb[i].copy(), rim, -1, tint, 1), np.uint8))
    return sheet(out, 4)


def of_half(nerf: NerfHalf, half: str) -> Picture:
    """The surface of one half from three sides in its own colours, and how its training went."""
    panels = sides(Skin.of(nerf))
    tint = UP if half == "up" else DOWN
    curve = lines([(nerf.curve, tint)], "step", "error of the colours", PANEL, PANEL * 3 // 4)
    said = f"PSNR {nerf.psnr:.1f} dB, silhouettes agree by {nerf.mask_iou:.3f}; {len(nerf.odd)} images do not fit"
    told = [captioned(p, f"{half}, side {n + 1}") for n, p in enumerate(panels)]
    return sheet([*told, captioned(curve, "Training", said)], 2, 12)


def of_clouds(clouds: Clouds) -> Picture:
    """Both clouds, each in its own frame."""
    out = []
    for name, cloud, tint in (("up", clouds.up, UP), ("down", clouds.down, DOWN)):
        canvas = Canvas.around(cloud.points, AZIMUTH, ELEVATION, PANEL, PANEL * 3 // 4)
        canvas.cloud(cloud.points, cloud.normals, tint)
        views = float(np.median(cloud.views)) if len(cloud) else 0.0
        said = f"{len(cloud):,} points, seen by {views:.0f} views each (median); {clouds.diameter_mm:.0f} mm across"
        out.append(captioned(canvas.done(), f"Cloud of {name}", said))
    return sheet(out, 2, 12)


def of_guesses(guesses: Hypotheses, clouds: Clouds, source: str) -> Picture:
    """The best guesses of one source by its own score."""
    order = np.argsort(-guesses.score, kind="stable")[:GUESSES]
    places = [
        Place(f"{source}, guess {n + 1}", Rigid.from_matrix(guesses.T_up_from_down[k]), f"score {guesses.score[k]:.4g}")
        for n, k in enumerate(order)
    ]
    nothing = f"the source {source} had no guess"
    return of_places(places or [laid_on(clouds.up.points, clouds.down.points)], clouds, "" if places else nothing)


def of_verdict(verdict: Verdict, clouds: Clouds) -> Picture:
    """The likeliest hypotheses: those with the same letter give the same model."""
    places = []
    for n in range(min(GUESSES, len(verdict.cost))):
        letter = LETTERS[min(int(verdict.group[n]), len(LETTERS) - 1)]
        chance = float(verdict.probability[verdict.group[n]])
        said = f"by {verdict.source[n]}, cost {verdict.cost[n]:.1f}; model {letter} has probability {shown(chance)}"
        places.append(Place(f"{n + 1}: model {letter}", Rigid.from_matrix(verdict.T_up_from_down[n]), said))
    return of_places(places, clouds)


def of_steps(places: Iterable[Place], path: Iterable[Place], clouds: Clouds) -> Picture:
    """Both clouds before and after the ICP, and the gap between them at every step."""
    named = [p for p in places if p.name != CAPTURED]
    gaps = np.array([(n, p.gap_mm) for n, p in enumerate(path) if p.gap_mm is not None], float).reshape(-1, 2)
    chart = lines([(gaps, UP)], "step of the ICP", "gap where surfaces meet, mm", PANEL, PANEL * 3 // 4)
    return sheet([*panels_of(named, clouds), captioned(chart, "Steps")], 3, 12)


def of_model(fused: Fused, model: Model | None = None) -> Picture:
    """The whole model from three sides, and what is known of it."""
    said = [f"{fused.diameter_mm:.1f} mm across; {100 * fused.seen:.0f} % of its surface was seen"]
    if model is not None and model.psnr:
        said.append(f"PSNR {', '.join(f'{v:.1f}' for v in model.psnr)} dB (up, down)")
    if model is not None and model.mask_iou:
        said.append(f"silhouettes agree by {', '.join(f'{v:.3f}' for v in model.mask_iou)}")
    panels = sides(Skin.of(fused))
    told = [said[0], "; ".join(said[1:]), ""]
    return sheet([captioned(p, f"Model, side {n + 1}", told[n]) for n, p in enumerate(panels)], 3, 12)


def of_labels(up: Capture, down: Capture, model: Model, most: int = 8) -> Picture:
    """Images of both captures with the model's outline as the labels put it there: up blue, down orange."""
    caster = Caster(model.fused.vertices, model.fused.faces)
    back = model.T_up_from_down.inverse()
    rows = [
        [outlined(capture, i, caster, X, tint) for i in spread(len(capture), most)]
        for capture, X, tint in ((up, Rigid.identity(), UP), (down, back, DOWN))
    ]
    h, w = (max(p.shape[k] for row in rows for p in row) for k in (0, 1))
    return sheet([np.pad(p, ((0, h - p.shape[0]), (0, w - p.shape[1]), (0, 0))) for row in rows for p in row], 4)


def of_places(places: list[Place], clouds: Clouds, instead: str = "") -> Picture:
    """Both clouds as each of these puts them."""
    panels = panels_of(places, clouds)
    if instead:
        panels = [captioned(panels[0][: PANEL * 3 // 4], instead)]
    return sheet(panels, min(4, max(1, len(panels))), 12)


def panels_of(places: list[Place], clouds: Clouds) -> list[Picture]:
    """One panel for each place, all seen from the same side."""
    scene = Scene("", Half(clouds.up), Half(clouds.down), tuple(places))
    return [of_place(scene, place, PANEL) for place in places]


def sides(skin: Skin) -> list[Picture]:
    """A mesh from three sides."""
    out = []
    for azimuth, elevation in SIDES:
        canvas = Canvas.around(skin.vertices, azimuth, elevation, PANEL, PANEL * 3 // 4)
        canvas.skin(skin)
        out.append(canvas.done())
    return out


def spread(n: int, most: int) -> list[int]:
    """At most so many of n, evenly chosen."""
    return [int(i) for i in np.unique(np.linspace(0, n - 1, min(n, most)).round())]


def shown(chance: float) -> str:
    """A probability to be read."""
    return f"{chance:.3f}" if chance >= 0.001 else "below 0.001"
