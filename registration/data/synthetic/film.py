"""Two films of one part on the printed board, turned over in between, and the truth about them."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from registration.data.scan.board import Board
from registration.data.synthetic.board_scene import Film, FilmParams, Set, filmed, phone, resting, walk
from registration.data.synthetic.paint import Print
from registration.data.synthetic.parts import Part, part_size
from registration.errors import UserError
from registration.geometry.ply import write_ply
from registration.progress import Tick, silent

Rng = np.random.Generator


def make_film(board: Board, part: Part, coat: float | Print, over: bool, p: FilmParams, rng: Rng) -> tuple[Film, Any]:
    """The set of one side, and T_board_from_part."""
    T = resting(part.mesh, over, rng)
    posed, lens = part.mesh.moved(T), phone(p, rng)
    tone = coat.posed(T) if isinstance(coat, Print) else coat
    poses, turns = walk(p, lens, board, float(posed.vertices[:, 2].max()), rng)
    return Film(board, posed, tone, lens, poses, turns, p), T


def shoot_film(film: Film, file: Path, photos: bool, rng: Rng, tick: Tick) -> None:
    """A video file or, as ``photos``, a folder of pictures."""
    import cv2

    stage, writer = Set(film, rng), None
    if photos:
        file.mkdir(parents=True)
    else:
        code = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(file), code, 30.0, film.lens.size)
        if not writer.isOpened():
            raise UserError("no video can be written", file, "this OpenCV has no mp4v encoder: take --photos")
    for i in range(len(film.poses)):
        image = filmed(stage.frame(i)[0], rng, film.p.noise, film.p.blur)[..., ::-1]
        if writer:
            writer.write(np.ascontiguousarray(image))
        else:
            cv2.imwrite(str(file / f"{i:06d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
        tick(i + 1, len(film.poses))
    if writer:
        writer.release()


def make_films(
    root: Path, name: str, part: Part, coat: float | Print, board: Board, seed: int,
    params: FilmParams | None = None, photos: bool = False, force: bool = False, tick: Tick = silent,
) -> Path:  # fmt: skip
    """``root/name/up.mp4`` and ``down.mp4`` (or folders up/ and down/), the truth into ``root/name_truth``."""
    p = params or FilmParams()
    check(name, p)
    place, truth = root / name, root / f"{name}_truth"
    if place.exists() and not force:
        raise UserError("something is there already", place, "choose another name, or pass --force to replace it")
    beside = root / f".{name}-{uuid4().hex[:8]}"
    try:
        (beside / "films").mkdir(parents=True)
        (beside / "truth").mkdir()
        facts: dict[str, Any] = {"diameter": part_size(part), "name": part.name, "seed": seed, **asdict(p)}
        for k, half in enumerate(("up", "down")):
            rng = np.random.default_rng([seed, k])
            film, T = make_film(board, part, coat, half == "down", p, rng)
            count = lambda done, total, k=k: tick(k * total + done, 2 * total)  # noqa: E731
            shoot_film(film, beside / "films" / (half if photos else f"{half}.mp4"), photos, rng, count)
            facts[half] = {
                "T_board_from_part": T.as_matrix().tolist(), "K": film.lens.K.tolist(),
                "distortion": film.lens.distortion.tolist(), "T_cam_from_board": [P.as_matrix().tolist() for P in film.poses],
            }  # fmt: skip
        (beside / "truth" / "films.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
        mesh = part.mesh
        write_ply(
            beside / "truth" / "part.ply", mesh.vertices, mesh.vertex_normals(),
            np.full((len(mesh.vertices), 3), 150, np.uint8), mesh.faces,
        )  # fmt: skip
        for old in (place, truth):
            shutil.rmtree(old, ignore_errors=True)
        (beside / "films").rename(place)
        (beside / "truth").rename(truth)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return place


def check(name: str, p: FilmParams) -> None:
    """Refuse what cannot be filmed."""
    if Path(name).name != name or name in ("", ".", "..") or name.endswith("_truth"):
        raise UserError("not a name for films", repr(name), "one word, such as bracket")
    if not (8 <= p.frames <= 5000 and min(p.width, p.height) >= 128 and max(p.width, p.height) <= 4096):
        mend = "8 to 5000 frames, 128 to 4096 pixels"
        raise UserError("out of range", f"{p.frames} frames of {p.width} x {p.height}", mend)
