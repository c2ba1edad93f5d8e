"""Pictures of single stages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registration.viz.pictures import Picture


def picture_of(run: Any, stage: str, out: Path) -> Path:
    """Write a picture of a stage's artifact (of the report, the page) and say where; works without a display."""
    file = out / "pictures" / f"{stage}.{'html' if stage == 'report' else 'png'}"
    file.parent.mkdir(parents=True, exist_ok=True)
    if stage == "report":
        file.write_text(run.record(stage).html)
        return file
    from registration.viz.pictures import png

    file.write_bytes(png(drawn(run, stage)))
    return file


def drawn(run: Any, stage: str) -> Picture:
    """The picture of a stage, of its record and of those it was made of."""
    from registration.viz import stages as draw

    record = run.record(stage)
    kind, _, rest = stage.partition("-")
    if kind == "capture":
        return draw.of_capture(record)
    if stage in ("nerf-up", "nerf-down"):
        return draw.of_half(record, rest)
    if stage == "clouds":
        return draw.of_clouds(record)
    if kind in ("correspondences", "embedding", "features"):
        return of_learned(record, kind, rest)
    if kind == "poses":
        return draw.of_guesses(record, run.record("clouds").alike(), rest)
    if stage == "verify":
        return draw.of_verdict(record, run.record("clouds").alike())
    if stage == "icp":
        return of_icp(run, record)
    if stage == "labels":
        model = run.record("nerf-full")
        return draw.of_labels(run.record("capture-up"), run.record("capture-down").scaled(model.scale), model)
    return draw.of_model(record.fused, record) if stage == "nerf-full" else draw.of_model(record)


def of_icp(run: Any, icp: Any) -> Picture:
    """Before, after, and every step between, run again."""
    from pipelines.view.gather import places_of, retraced
    from registration.viz.stages import of_steps

    clouds = run.record("clouds")
    nerfs, captures = ({h: run.record(f"{kind}-{h}") for h in ("up", "down")} for kind in ("nerf", "capture"))
    path = retraced(icp, clouds, nerfs, captures, run.config.icp, run.config.seed)
    clouds = clouds.alike(icp.scale)
    return of_steps(places_of(clouds, icp, path, None), path, clouds)


def of_learned(record: Any, kind: str, half: str) -> Picture:
    """What the correspondences of one half are learned from, and what they became."""
    from registration.viz import matches
    from registration.viz.software import Canvas
    from registration.viz.still import AZIMUTH, ELEVATION

    if kind == "embedding":
        return matches.of_training(record, half)
    size = (matches.PANEL, matches.PANEL) if kind == "correspondences" else (480, 360)
    canvas = Canvas.around(record.points, AZIMUTH, ELEVATION, *size)
    return matches.of_looks(record, canvas) if kind == "correspondences" else matches.of_features(record, canvas)


def of_one_image(run: Any, half: str, image: int, pose: Any, score: float) -> Picture:
    """What the learned correspondences say of one image of a half, and the best pose they lead to."""
    from registration.nerf.device import device_of
    from registration.sources.base import halves_of
    from registration.sources.surfemb import seen_and_said
    from registration.viz.matches import of_image

    reference = "up" if half == "down" else "down"
    capture, features = run.record(f"capture-{half}"), run.record(f"features-{reference}")
    view = int((capture.ids == image).nonzero()[0][0])
    up, down = halves_of(
        run.record("clouds"), *(run.record(f"{what}-{h}") for what in ("nerf", "capture") for h in ("up", "down"))
    )
    model, other = (up, down) if half == "up" else (down, up)
    pictures, said = seen_and_said(features, model, device_of(run.device), [view])
    if pose is not None:
        pose = pictures.looks.cameras.pose(0) @ model.capture.cameras.pose(view).inverse() @ pose
    return of_image(pictures, said, features, other.nerf, pose, score, f"{half} {image}")
