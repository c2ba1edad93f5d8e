"""One object's artifacts as a scene."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.results import read_result
from pipelines.view.find import Found, Shelf
from registration.data.bop_entries import read_entries
from registration.data.capture import Capture
from registration.errors import UserError
from registration.geometry.camera import Cameras
from registration.geometry.ply import read_ply
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds
from registration.sources.base import halves_of
from registration.verify.params import IcpParams
from registration.verify.record import Registration
from registration.verify.refine import gaps_between, polished
from registration.viz.scene import JOINT, REFINED, VERIFIED, Half, Place, Scene, Shots, Skin, laid_on


def gather(found: Found) -> Scene:
    """All that was kept of an object, and the files of its result where the artifacts are gone."""
    shelf = Shelf(found)
    result = read_result(found.folder)
    clouds, icp, full = shelf.record("clouds"), shelf.record("icp"), shelf.record("nerf-full")
    nerfs = {h: shelf.record(f"nerf-{h}") for h in ("up", "down")}
    captures = {h: shelf.record(f"capture-{h}") for h in ("up", "down")}
    path, said = path_of(shelf, icp, clouds, nerfs, captures)
    if clouds is not None:
        scale = icp.scale if icp is not None else clouds.scale
        clouds = clouds.alike(scale)
        for kept in (nerfs, captures):
            kept["down"] = kept["down"] and kept["down"].scaled(scale)
    up, down = (
        Half(clouds and getattr(clouds, h), nerfs[h] and Skin.of(nerfs[h]), shots_of(captures[h], found.folder, h, shelf.missing))
        for h in ("up", "down")
    )
    fused = full.fused if full is not None else shelf.record("fuse")
    model = Skin.of(fused) if fused is not None else published_model(found.folder)
    moved = full.T_up_from_down if full is not None else None
    places = places_of(clouds, icp, path, moved)
    if not places and result is not None:
        places = (Place("as published", Rigid.from_similarity(result["T_up_from_down"]), "the transform of result.json"),)
    if clouds is None:
        shelf.missing.append("clouds of the halves: no artifact is kept, so only the finished model can be shown")
    if clouds is None and model is None:
        raise UserError("nothing to look at", found.name, "regpipe run --until clouds is the least")
    return Scene(
        found.name, up, down, places, path, said, alternatives_of(icp, result), model,
        upright=None if nerfs["up"] is None else nerfs["up"].axis, facts=facts_of(icp, result),
        missing=tuple(dict.fromkeys(shelf.missing)),
    )  # fmt: skip


def published_model(folder: Path) -> Skin | None:
    """model.ply of a finished result."""
    file = folder / "model.ply"
    if not file.exists():
        return None
    points, normals, colours, faces = read_ply(file)
    return Skin(points, faces, normals, colours)


def shots_of(capture: Capture | None, folder: Path, half: str, missing: list[str]) -> Shots | None:
    """The cameras of a capture, as kept, or as its labels tell."""
    if capture is not None:
        return Shots(capture.cameras, capture.rgb)
    result = read_result(folder)
    try:
        entries, bad = read_entries(folder / "labels" / half, None)
    except UserError:
        return None
    if result is None or bad or not entries:
        return None
    K, R, t = (np.stack([getattr(e, name) for e in entries]) for name in ("K", "R", "t"))
    missing.append(f"capture-{half}: no artifact is kept; the cameras are those of the labels, without images")
    width, height = (round(2 * float(np.median(K[:, k, 2]))) for k in (0, 1))
    cameras = Cameras(K, R, t, max(width, 1), max(height, 1))
    return Shots(cameras if half == "up" else cameras.moved(Rigid.from_similarity(result["T_up_from_down"])))


def places_of(clouds: Any, icp: Registration | None, path: tuple[Place, ...], joint: Rigid | None) -> tuple[Place, ...]:
    """Where each step of the chain that was made puts the lower half."""
    out = []
    if clouds is not None:
        out.append(laid_on(clouds.up.points, clouds.down.points))
    if icp is not None:
        start = Rigid.from_matrix(icp.start)
        how = f"guessed by {icp.source}, verified; {path[0].said}" if path else f"guessed by {icp.source}, verified"
        out.append(Place(VERIFIED, start, how))
        settled = "" if icp.converged else "; the ICP did not settle"
        said = f"moved {way(start, icp.T_up_from_down)}; surfaces that meet lie {icp.chamfer_mm:.3f} mm apart{settled}"
        out.append(Place(REFINED, icp.T_up_from_down, said))
        if joint is not None and np.abs(joint.as_matrix() - icp.T_up_from_down.as_matrix()).max() > 1e-9:
            out.append(Place(JOINT, joint, f"moved another {way(icp.T_up_from_down, joint)}"))
    return tuple(out)


def way(before: Rigid, after: Rigid) -> str:
    """How far it is from one place to another."""
    step = after @ before.inverse()
    shift = float(np.linalg.norm(after.t - before.t))
    return f"{step.angle_deg():.2f}° and {shift:.2f} mm"


def alternatives_of(icp: Registration | None, result: dict[str, Any] | None) -> tuple[Place, ...]:
    """The transforms that the evidence cannot tell from the answer."""
    told = icp.alternatives if icp is not None else tuple((result or {}).get("alternatives", ()))
    out = []
    for n, entry in enumerate(told):
        same = "the same model" if entry.get("same_model") else "another model"
        said = f"{same}, confidence {float(entry['confidence']):.3f}"
        out.append(Place(f"alternative {n + 1}", Rigid.from_similarity(entry["T_up_from_down"]), said))
    return tuple(out)


def facts_of(icp: Registration | None, result: dict[str, Any] | None) -> tuple[str, ...]:
    """The verdict, and why."""
    if icp is None and result is None:
        return ("not registered yet",)
    accepted = icp.accepted if icp is not None else bool((result or {}).get("accepted"))
    confidence = icp.confidence if icp is not None else float((result or {}).get("confidence", 0))
    reasons = icp.reasons if icp is not None else tuple((result or {}).get("reasons", ()))
    return (f"{'Accepted' if accepted else 'Not accepted'}, confidence {confidence:.3f}", *map(str, reasons))


def path_of(
    shelf: Shelf, icp: Registration | None, clouds: Any, nerfs: dict[str, Any], captures: dict[str, Any]
) -> tuple[tuple[Place, ...], str]:
    """Every step of the ICP, run again from where it began, with its own parameters and chance; no step if that cannot be done."""
    manifest = shelf.manifest("icp")
    if (
        icp is None
        or manifest is None
        or clouds is None
        or any(v is None for v in (*nerfs.values(), *captures.values()))
    ):
        return (), "the steps of the ICP cannot be run again: artifacts are missing" if icp is not None else ""
    try:
        params = IcpParams(**manifest["params"])
    except TypeError:
        return (), "the steps of the ICP cannot be run again: another version made them"
    places = retraced(icp, clouds, nerfs, captures, params, int(manifest["seed"]))
    end = way(places[-1].T_up_from_down, icp.T_up_from_down)
    return places, f"{len(places) - 1} steps of the ICP, run again; the end lies {end} from the one on record"


def retraced(
    icp: Registration, clouds: Clouds, nerfs: dict[str, Any], captures: dict[str, Any], params: IcpParams, seed: int
) -> tuple[Place, ...]:
    """Every step of the ICP, run again from where it began, by the same parameters and the same chance."""
    up, down = halves_of(clouds, nerfs["up"], nerfs["down"], captures["up"], captures["down"], icp.scale)
    start = Rigid.from_matrix(icp.start)
    steps, rng = [start], np.random.default_rng([seed, zlib.crc32(b"icp")])
    a, b, _ = polished(up, down, start, clouds.diameter_mm, params, rng, steps.append)
    reach = 2 * params.reach_coarse * clouds.diameter_mm
    gaps = [mean_below(gaps_between(a, b, T), reach) for T in steps]
    return tuple(
        Place(f"step {n}", T, f"surfaces that meet lie {gap:.3f} mm apart", gap)
        for n, (T, gap) in enumerate(zip(steps, gaps, strict=True))
    )


def mean_below(gaps: np.ndarray, reach: float) -> float:  # (n,)
    """Mean of those gaps that are no longer than a reach."""
    near = gaps[gaps < reach]
    return float(near.mean()) if len(near) else float("inf")
