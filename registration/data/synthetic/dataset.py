"""Two captures of each object in BOP's onboarding layout; the truth apart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from scipy.spatial.transform import Rotation

from registration.data.synthetic.paint import Print, make_print
from registration.data.synthetic.parts import Kind, Part, make_package, make_part
from registration.data.synthetic.scene import dome, expose, room_lamps, shoot, spoil_depth, spoil_mask
from registration.errors import UserError
from registration.geometry.mesh import TriMesh, diameter, read_mesh
from registration.geometry.ply import write_ply
from registration.geometry.rays import Caster
from registration.geometry.rigid import Rigid
from registration.progress import Tick, silent

MINI = 1
"""Version of the bundled data set: raised when what is rendered changes."""
Rng = np.random.Generator


@dataclass(frozen=True)
class SynthParams:
    """How captures are rendered."""

    views: int = 60
    size: int = 200
    """Pixels along each side of the images."""
    depth: bool = False
    mask_noise: float = 1.0
    """1: as a good segmenter; 0: perfect masks."""
    noise: float = 1.0
    """Of the sensor; 0: none."""
    gloss: float = 0.35
    tilt_deg: float = 4.0
    """How far the object rests off level after it was turned over."""
    printed: bool = False
    """Parts wear a print, as packaging does; else each is of one grey."""
    lowest_deg: float = 5.0
    """Cameras stand so high above the table at least."""


def load_part(file: Path) -> Part:
    """The user's own mesh as a part, millimetres."""
    mesh = read_mesh(file, merged=True)
    vertices = mesh.vertices
    size = diameter(vertices)
    if not 1 <= size <= 5000:
        raise UserError(f"the mesh is {size:.3g} mm large", file, "meshes are in millimetres, 1 to 5000: scale it")
    middle = (vertices.min(0) + vertices.max(0)) / 2
    return Part(TriMesh(vertices - middle, mesh.faces), file.stem, "none", 1)


def turned_over(size: float, tilt_deg: float, rng: Rng) -> Rigid:
    """T_up_from_down: over about a level axis, any heading, a little off level, a little aside."""
    heading, axis = rng.uniform(0, 2 * np.pi, 2)
    flip = Rotation.from_rotvec(np.pi * np.array([np.cos(axis), np.sin(axis), 0]))
    tilt = Rotation.from_rotvec(np.radians(rng.normal(0, tilt_deg / 2, 3) * (1, 1, 0)))
    R = (Rotation.from_rotvec([0, 0, heading]) * flip * tilt).as_matrix()
    return Rigid(R, rng.uniform(-0.04, 0.04, 3) * size)


def write_capture(
    folder: Path,
    mesh: TriMesh,
    T_capture_from_mesh: Rigid,
    objid: int,
    p: SynthParams,
    coat: float | Print,
    rng: Rng,
    tick: Tick,
) -> Rigid:
    """Images, masks and poses of one capture, in a frame of its own: T_posed_from_frame."""
    import cv2

    for name in ("rgb", "mask_visib", *(["depth"] if p.depth else [])):
        (folder / name).mkdir(parents=True)
    size = diameter(mesh.vertices)
    posed = mesh.moved(T_capture_from_mesh)
    # The frame that the labels use is not the one the camera looks at: nothing in the files tells where the object's own is.
    frame = Rigid(Rotation.from_rotvec([0, 0, rng.uniform(0, 2 * np.pi)]).as_matrix(), rng.uniform(-0.1, 0.1, 3) * size)
    cameras = dome(p.views, p.size, 1.85 * p.size, 2.35 * size, rng, p.lowest_deg)
    caster, lamps = Caster(posed.vertices, posed.faces), room_lamps(rng)
    tone = coat.posed(T_capture_from_mesh) if isinstance(coat, Print) else coat
    gt: dict[str, Any] = {}
    camera: dict[str, Any] = {}
    for i in range(p.views):
        shot = shoot(posed, caster, cameras, i, lamps, tone, p.gloss)
        mask = spoil_mask(shot.cover, rng, p.mask_noise)
        cv2.imwrite(str(folder / "rgb" / f"{i:06d}.png"), expose(shot, rng, p.noise)[..., ::-1])
        cv2.imwrite(str(folder / "mask_visib" / f"{i:06d}_000000.png"), mask.astype(np.uint8) * 255)
        if p.depth:
            cv2.imwrite(
                str(folder / "depth" / f"{i:06d}.png"), (spoil_depth(shot.depth, rng) * 10).round().astype(np.uint16)
            )
        pose = cameras.pose(i) @ frame
        gt[str(i)] = [{"obj_id": objid, "cam_R_m2c": pose.R.ravel().tolist(), "cam_t_m2c": pose.t.tolist()}]
        camera[str(i)] = {"cam_K": cameras.K[i].ravel().tolist(), "depth_scale": 0.1}
        tick(i + 1, p.views)
    (folder / "scene_gt.json").write_text(json.dumps(gt, indent=1))
    (folder / "scene_camera.json").write_text(json.dumps(camera, indent=1))
    return frame


def symmetries(fold: int, T: Rigid) -> dict[str, Any]:
    """What BOP's models_info.json says of a part, moved by T, that a turn by 360 / fold degrees about z does not change; 0: any turn."""
    if fold == 0:
        return {"symmetries_continuous": [{"axis": T.R[:, 2].tolist(), "offset": T.t.tolist()}]}
    turns = [Rigid.exp([0, 0, 2 * np.pi * k / fold, 0, 0, 0]) for k in range(1, fold)]
    return {"symmetries_discrete": [(T @ turn @ T.inverse()).as_matrix().ravel().tolist() for turn in turns]}


def write_object(root: Path, truth: Path, part: Part, objid: int, p: SynthParams, rng: Rng, tick: Tick) -> None:
    """Both captures and the truth of one object."""
    size = diameter(part.mesh.vertices)
    over = turned_over(size, p.tilt_deg, rng)
    rest = Rigid(Rotation.from_rotvec([0, 0, rng.uniform(0, 2 * np.pi)]).as_matrix(), np.zeros(3))
    placed = {"up": rest, "down": over.inverse() @ rest}
    coat = make_print(np.ptp(part.mesh.vertices, axis=0), rng, part.fold == 0) if p.printed else rng.uniform(0.35, 0.75)
    frames = {}
    for half, T in placed.items():
        folder = root / "onboarding_static" / f"obj_{objid:06d}_{half}"
        offset = 0 if half == "up" else p.views
        count = lambda done, _, o=offset: tick(o + done, 2 * p.views)  # noqa: E731
        frames[half] = write_capture(folder, part.mesh, T, objid, p, coat, rng, count)
    # x_posed = frame x_capture, and x_posed_up = over x_posed_down
    G, T_up_from_part = frames["up"].inverse() @ over @ frames["down"], frames["up"].inverse() @ placed["up"]
    facts = {
        "T_up_from_down": G.as_matrix().tolist(),
        "diameter": size,
        "textured": p.printed,
        "name": part.name,
        "symmetry": part.kind,
        "fold": part.fold,
        **({} if p.printed else symmetries(part.fold, T_up_from_part)),  # a print breaks them
    }
    (truth / f"obj_{objid:06d}.json").write_text(json.dumps(facts, indent=1))
    true = part.mesh.moved(T_up_from_part)
    colours = np.full((len(true.vertices), 3), 150, np.uint8)
    if isinstance(coat, Print):
        colours = (255 * coat(part.mesh.vertices, part.mesh.vertex_normals()) ** (1 / 2.2)).round().astype(np.uint8)
    write_ply(truth / f"obj_{objid:06d}.ply", true.vertices, true.vertex_normals(), colours, true.faces)


def made(n: int, kinds: Sequence[Kind], printed: bool, rng: Rng) -> Part:
    """Part ``n`` of a data set: of the kinds in turn; if none is named, a package to print on, or else of every kind."""
    if printed and not kinds:
        return make_package(rng)
    kinds = kinds or ("none", "near", "exact")
    return make_part(kinds[n % len(kinds)], rng)


def make_dataset(
    root: Path, name: str, *, objects: int = 3, seed: int = 0, kinds: Sequence[Kind] = (), meshes: Sequence[Path] = (),
    params: SynthParams | None = None, force: bool = False, tick: Tick = silent,
) -> Path:  # fmt: skip
    """Render ``objects`` parts of these kinds in turn (or one per mesh) into ``root/name``, their truth into ``root/name_truth``."""
    params = params or SynthParams()
    check(name, objects, params)
    place, truth = root / name, root / f"{name}_truth"
    if place.exists() and not force:
        raise UserError("the data set is there already", place, "choose another name, or pass --force to replace it")
    parts = [load_part(f) for f in meshes]
    total = (len(parts) or objects) * 2 * params.views
    mark = uuid4().hex[:8]
    beside, truth_beside = root / f".{name}-{mark}", root / f".{name}_truth-{mark}"
    try:
        beside.mkdir(parents=True)
        truth_beside.mkdir()
        for n in range(len(parts) or objects):
            rng = np.random.default_rng([seed, n])
            part = parts[n] if parts else made(n, kinds, params.printed, rng)
            write_object(
                beside,
                truth_beside,
                part,
                n + 1,
                params,
                rng,
                lambda done, _, n=n: tick(n * 2 * params.views + done, total),
            )
        facts = {"made_by": "regpipe data synth", "seed": seed, "version": MINI, **asdict(params)}
        (beside / "dataset_info.json").write_text(json.dumps(facts, indent=1))
        for old in (place, truth):
            shutil.rmtree(old, ignore_errors=True)
        truth_beside.rename(truth)
        beside.rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(truth_beside, ignore_errors=True)
    return place


def check(name: str, objects: int, params: SynthParams) -> None:
    """Refuse what cannot be rendered."""
    if Path(name).name != name or name in ("", ".", "..") or name.endswith("_truth"):
        raise UserError("not a name for a data set", repr(name), "one word, such as parts")
    if not (8 <= params.views <= 5000 and 32 <= params.size <= 4096 and 1 <= objects <= 1000):
        raise UserError(
            "out of range",
            f"{objects} objects, {params.views} views, {params.size} pixels",
            "1 to 1000 objects, 8 to 5000 views, 32 to 4096 pixels",
        )


def ensure_mini(root: Path, tick: Tick = silent) -> Path:
    """The bundled data set: an asymmetric, a nearly symmetric and a symmetric part."""
    info = root / "mini" / "dataset_info.json"
    try:
        if json.loads(info.read_text())["version"] == MINI:
            return root / "mini"
    except (OSError, ValueError, KeyError):
        pass  # not there, or made by another version
    return make_dataset(root, "mini", seed=7, params=SynthParams(views=36, size=168), force=True, tick=tick)
