"""Draws the pictures of the README and the docs from a finished run of ``mini`` object 1: python docs/make_pictures.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pipelines.cli.setup import Request, open_run
from registration.geometry.distance import Solid
from registration.geometry.hull import Box, hull_box, hull_depth
from registration.geometry.mesh import TriMesh, iso_surface
from registration.geometry.rays import Caster
from registration.geometry.rigid import Array, Rigid
from registration.nerf.rays import mask_distances
from registration.viz.pictures import DOWN, PAPER, UP, Picture, outlined, sheet, trimmed
from registration.viz.render import around
from registration.viz.scene import Skin
from registration.viz.software import Canvas

HERE = Path(__file__).parent / "pictures"
WRONG = (200, 40, 40)


def titled(picture: Picture, text: str) -> Picture:
    """A picture with a line of text below."""
    h, w = picture.shape[:2]
    image = Image.new("RGB", (w, h + 26), (PAPER,) * 3)
    image.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(image)
    draw.text((w / 2, h + 12), text, fill=(60, 60, 60), anchor="mm", font_size=15)
    return np.asarray(image)


def save(name: str, picture: Picture) -> None:
    """A small WebP."""
    HERE.mkdir(exist_ok=True)
    Image.fromarray(picture).save(HERE / f"{name}.webp", quality=88)
    print(HERE / f"{name}.webp", (HERE / f"{name}.webp").stat().st_size)  # noqa: T201


def enlarged(picture: Picture, size: int) -> Picture:
    """A picture of this size on paper."""
    image = Image.fromarray(picture)
    image.thumbnail((size, size)) if max(picture.shape[:2]) > size else None
    scale = size / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    out = Image.new("RGB", (size, size), (PAPER,) * 3)
    out.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return np.asarray(out)


def framed(picture: Picture, height: int, width: int) -> Picture:
    """What is not black in a picture, in a frame of this size."""
    y, x = (np.flatnonzero((picture > 0).any((2, 1 - k))) for k in (0, 1))
    side = max((y[-1] - y[0]) * width / height, x[-1] - x[0]) * 1.08
    image = Image.fromarray(picture)
    cx, cy = (x[0] + x[-1]) / 2, (y[0] + y[-1]) / 2
    half = (side / 2, side / 2 * height / width)
    box = (cx - half[0], cy - half[1], cx + half[0], cy + half[1])
    return np.asarray(image.crop([round(v) for v in box]).resize((width, height), Image.Resampling.LANCZOS))


def shaded(mesh: TriMesh, size: int) -> Picture:
    """A mesh in plain grey."""
    canvas = Canvas(around(mesh.vertices, 35, 25, size))
    canvas.skin(Skin(mesh.vertices, mesh.faces, mesh.vertex_normals(), np.zeros((0, 3), np.uint8)), (185, 185, 185))
    return canvas.done()


def scattered(clouds: list[tuple[Array, Array, tuple[int, int, int]]], size: int) -> Picture:
    """Clouds (points, normals, colour) together."""
    canvas = Canvas(around(np.concatenate([points for points, _, _ in clouds]), 35, 25, size))
    for points, normals, tint in clouds:
        canvas.cloud(points, normals, tint, 2)
    return canvas.done()


def result(run: Any) -> None:
    """README: two halves, the whole, and the proof in an image."""
    clouds, model = run.record("clouds"), run.record("nerf-full")
    up, down, capture, fused = clouds.up, clouds.down, run.record("capture-down"), model.fused
    T, s = model.T_up_from_down, 360
    mesh = TriMesh(fused.vertices, fused.faces)
    caster = Caster(fused.vertices, fused.faces)
    drawn = trimmed(
        [
            scattered([(up.points, up.normals, UP)], s),
            scattered([(down.points, down.normals, DOWN)], s),
            shaded(mesh, s),
        ]
    )
    drawn.append(framed(outlined(capture, 20, caster, T.inverse(), (60, 190, 255)), *drawn[0].shape[:2]))
    words = ("captured from above", "turned over, captured again", "one model", "a label for every image")
    save("result", sheet([titled(p, w) for p, w in zip(drawn, words, strict=True)], 4))  # fmt: skip


def captures(run: Any) -> None:
    """How it works: what goes in."""
    pictures = []
    for half in ("up", "down"):
        c = run.record(f"capture-{half}")
        pictures += [enlarged(c.rgb[i], 170) for i in np.linspace(1, len(c) - 1, 6).astype(int)]
    save("captures", sheet(pictures, 6))


def check(run: Any) -> None:
    """Captures: from where a capture looks, and a part of it that looks from one side only."""
    from registration.data.check.facts import facts_of
    from registration.viz.sphere import sphere

    whole = run.record("capture-up")
    part = whole.only(np.flatnonzero(whole.cameras.centres()[:, 0] > 0))
    drawn = [sphere(facts_of(c, []), name, False) for c, name in ((whole, "from all around"), (part, "from one side"))]
    save("check", sheet(drawn, 2))


def halves(run: Any) -> None:
    """How it works: hull, field, and what was seen."""
    capture, half, clouds = run.record("capture-up"), run.record("nerf-up"), run.record("clouds")
    distances = mask_distances(capture)
    low, high = hull_box(capture.cameras, distances, capture.mask, 2)
    box = Box.around(low, high, 64)
    hull = iso_surface(
        (-hull_depth(capture.cameras, distances, box.points(), 2) / box.step).reshape(box.shape).astype(np.float32),
        box.low,
        box.step,
    )
    field = TriMesh(half.vertices, half.faces)
    cloud = scattered([(clouds.up.points, clouds.up.normals, UP)], 330)
    drawn = trimmed([shaded(hull, 330), shaded(field, 330), cloud])
    words = ("hull of the silhouettes", "trained field", "points that were really seen")
    save("halves", sheet([titled(p, w) for p, w in zip(drawn, words, strict=True)], 3))  # fmt: skip


def verdict(run: Any) -> None:
    """How it works: a wrong candidate and the right one, contradicting points in red."""
    clouds, half, guesses = run.record("clouds"), run.record("nerf-up"), run.record("poses-shape").T_up_from_down
    best = run.record("icp").T_up_from_down
    solid = Solid.from_field(half.low, half.step, half.sdf)
    down, up = clouds.down, clouds.up
    rival = next(T for T in map(Rigid.from_matrix, guesses) if T.angle_deg(best) > 20)
    drawn, words = [], []
    for T, text in ((rival, "a rival"), (best, "the best")):
        moved, turned = T.apply(down.points), T.turn(down.normals)
        out = solid.at(moved) > 0.015 * clouds.diameter_mm
        parts = [(up.points, up.normals, UP), (moved[~out], turned[~out], DOWN)]
        parts += [(moved[out], turned[out], WRONG)] if out.any() else []
        drawn.append(scattered(parts, 420))
        words.append(f"{text}: {100 * out.mean():.1f} % of the points in known free space")
    save("verdict", sheet([titled(p, w) for p, w in zip(trimmed(drawn), words, strict=True)], 2))


def matches(run: Any) -> None:
    """How it works: what the learned correspondences say of one image."""
    from pipelines.cli.images import guesses
    from pipelines.cli.show import of_one_image

    (best,) = guesses(run.record("poses-surfemb").images, 0, "down")
    pose = Rigid.from_matrix(best.T_cam_from_reference[0])
    save("matches", of_one_image(run, "down", 0, pose, float(best.score[0])))


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--bop-root", type=Path, default=Path("bop"))
    a = parser.parse_args()
    request = Request(
        "mini", (1,), False, None, None, a.bop_root, a.out, None, "standard", (), None, None, None, "auto", False, True
    )
    run = open_run(request, 1, None)
    for draw in (result, captures, check, halves, verdict, matches):
        draw(run)


if __name__ == "__main__":
    main()
