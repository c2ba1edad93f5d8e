"""The parts of the page that show the result: the model, both clouds, the images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pipelines.pairs import FIRST
from pipelines.report import drawings, markup
from registration.data.capture import Capture
from registration.fuse.record import Model
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Clouds
from registration.verify.record import Registration


def as_captured(clouds: Clouds) -> Rigid:
    """The down half as it came, shifted so that both can be seen in one place."""
    return Rigid(np.eye(3), clouds.up.points.mean(0) - clouds.down.points.mean(0))


def model_section(model: Model, caster: Caster, view: str, names: Sequence[str] = FIRST) -> str:
    """The 3D view, and the model from three sides for paper; ``names`` are those of the captures."""
    pictures = drawings.sides_of(model.fused, caster)
    sides = [name for *_, name in drawings.SIDES]
    still = markup.gallery(pictures, sides, [f"The model seen {n}" for n in sides], "three still")
    return markup.section("model", "The model", view, still, told_of(model, names))


def told_of(model: Model, names: Sequence[str] = FIRST) -> str:
    """Where the model comes from, and how well it explains the images."""
    lines = [*model.notes]
    for name, values, form in (
        ("PSNR of held-out images, dB", model.psnr, ".1f"),
        ("the trained field's silhouettes agree with the masks by", model.mask_iou, ".3f"),
        ("those of the fused halves by", model.fused_iou, ".3f"),
    ):
        if values:
            lines.append(f"{name}: " + ", ".join(f"{v:{form}} ({h})" for v, h in zip(values, names, strict=True)))
    what = (
        "The model is one field, trained on all captures together."
        if model.joint
        else "The model is fused of the halves."
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
    captures: Iterable[tuple[str, Capture, Rigid, tuple[int, int, int], Array]], caster: Caster, count: int
) -> str:
    """Contact sheets of captures: of each its name, T_model_from_capture, its colour, and how well every image fits."""
    body = []
    for half, capture, T, colour, fit in captures:
        sheet = drawings.sheet_of(capture, caster, T.inverse(), colour, count, fit)
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
    said = (
        "<p>The outline of the finished model, drawn into images of every capture. The number says how well the silhouette "
        "agrees with the mask (1: exactly).</p>"
    )
    return markup.section("captures", "The model in the images", said, *body)
