"""Procedural parts as a machine shop makes them: bodies, bosses, holes, slots, threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from registration.geometry.mesh import TriMesh, diameter

Kind = Literal["none", "near", "exact"]
"""How symmetric a part is: clearly not, but for one small feature, or truly (n-fold about z)."""
SIDES = 72
EDGE = 4.0  # mm; longest of a package's triangles: its vertices carry the print
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Part:
    """A closed part about the origin, millimetres."""

    mesh: TriMesh
    name: str
    kind: Kind
    fold: int
    """It maps onto itself under turns by 360/fold degrees about z; 0: under every turn; 1: under none."""


def cylinder(height: float, radius: float, top: float | None = None, sides: int = SIDES) -> Any:
    """A cylinder or cone about z, standing on the ground."""
    import manifold3d as m

    return m.Manifold.cylinder(height, radius, radius if top is None else top, sides)


def block(x: float, y: float, z: float) -> Any:
    """A box centred in x and y, standing on the ground."""
    import manifold3d as m

    return m.Manifold.cube([x, y, z]).translate([-x / 2, -y / 2, 0])


def rounded_block(x: float, y: float, z: float, r: float) -> Any:
    """A box with rounded upright edges."""
    import manifold3d as m

    posts = [
        cylinder(z, r, sides=24).translate([sx * (x / 2 - r), sy * (y / 2 - r), 0]) for sx in (-1, 1) for sy in (-1, 1)
    ]
    return m.Manifold.batch_hull(posts)


def around(make: Callable[[], Any], count: int, radius: float, phase_deg: float = 0.0) -> Any:
    """Copies of a feature on a ring about z."""
    import manifold3d as m

    parts = [make().translate([radius, 0, 0]).rotate([0, 0, phase_deg + 360 * k / count]) for k in range(count)]
    return m.Manifold.batch_boolean(parts, m.OpType.Add)


def thread(length: float, radius: float, pitch: float, depth: float) -> Any:
    """A helical ridge about z: a tooth's outline, twisted as it rises."""
    import manifold3d as m

    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    tooth = depth * (1 - np.abs(angle / np.pi - 1))  # once round, from valley to crest and back
    outline = np.stack([(radius + tooth) * np.cos(angle), (radius + tooth) * np.sin(angle)], 1)
    turns = length / pitch
    return m.CrossSection([outline]).extrude(length, int(24 * turns), 360 * turns)


def stepped(rng: Rng) -> tuple[Any, float, float, str]:
    """A turned body: flange, barrel, neck; perhaps a thread. Body, height, flange radius, name."""
    R, h1, h2 = rng.uniform(24, 38), rng.uniform(9, 15), rng.uniform(22, 40)
    barrel = R * rng.uniform(0.6, 0.8)
    neck, h3 = barrel * rng.uniform(0.45, 0.7), rng.uniform(10, 20)
    body = (
        cylinder(h1, R)
        + cylinder(h2, barrel, barrel * rng.uniform(0.85, 1)).translate([0, 0, h1])
        + cylinder(h3, neck).translate([0, 0, h1 + h2])
    )
    body -= cylinder(h1 + h2 + h3, neck * 0.5).translate([0, 0, h1 * 0.6])
    body -= cylinder(h1 * 0.45, R * 0.62)
    return body, h1 + h2 + h3, R, "turned part"


def housing(rng: Rng) -> tuple[Any, float, float, str]:
    """A square socket: shell, floor, collar. Body, height, half its width, name."""
    w, h, wall = rng.uniform(44, 64), rng.uniform(24, 38), rng.uniform(5, 7)
    body = rounded_block(w, w, h, w * 0.14) - rounded_block(w - 2 * wall, w - 2 * wall, h, w * 0.1).translate(
        [0, 0, h * 0.45]
    )
    collar = cylinder(h * 0.95, w * 0.27) - cylinder(h, w * 0.18).translate([0, 0, h * 0.3])
    body = body + collar - cylinder(h * 0.3, w * 0.3)
    return body, h, w / 2, "socket"


def bracket(rng: Rng) -> tuple[Any, float, str]:
    """An L bracket with a rib, a boss and holes: nothing symmetric about it."""
    a, b, w, t = rng.uniform(60, 84), rng.uniform(38, 56), rng.uniform(32, 42), rng.uniform(9, 12)
    body = rounded_block(a, w, t, 5) + block(t, w, b).translate([-a / 2 + t / 2 + 1, 0, 0])
    rib = block(a * 0.42, 7, b * 0.7).translate([-a / 2 + a * 0.21 + 4, w * 0.22, 0])
    rib -= block(a, 20, b * 1.5).rotate([0, rng.uniform(38, 48), 0]).translate([-a / 2 + a * 0.42 + 12, w * 0.22, t])
    body += rib
    boss = rng.uniform(8, 10.5)
    body += cylinder(t + rng.uniform(9, 15), boss, boss * 0.9).translate([a * 0.27, -w * 0.1, 0])
    body -= cylinder(60, boss * 0.55).translate([a * 0.27, -w * 0.1, -5])
    body -= cylinder(30, rng.uniform(5, 7)).rotate([0, 90, 0]).translate([-a / 2 - 5, -w * 0.17, b * 0.7])
    body -= block(a * 0.34, 8, t).translate([a * 0.02, w * 0.3, t * 0.45])
    body -= block(11, w * 0.4, t * 0.8).translate([a * 0.14, -w * 0.2, -t * 0.35])
    body -= cylinder(t, 6.5, 3.5).translate([-a * 0.12, -w * 0.14, -t * 0.3])
    return body, a, "bracket"


def notched(body: Any, height: float, reach: float, rng: Rng, size: float) -> Any:
    """A body with one small feature that breaks its symmetry: a notch, a boss or a hole near the rim."""
    angle, which = rng.uniform(0, 360), rng.integers(3)
    if which == 0:
        cut = block(size, size, size * 1.4).translate([reach - size * 0.3, 0, -size * 0.2])
        return body - cut.rotate([0, 0, angle])
    if which == 1:
        bump = block(size, size * 0.9, size * 1.2).translate([reach, 0, 0])
        return body + bump.rotate([0, 0, angle])
    hole = cylinder(4 * reach, size * 0.6).rotate([0, 90, 0]).translate([reach * 0.45, 0, height * 0.16])
    return body - hole.rotate([0, 0, angle])


def symmetric_body(rng: Rng) -> tuple[Any, float, float, int, str]:
    """A body with n-fold symmetry about z: body, height, reach, n, name."""
    if rng.random() < 0.5:
        body, height, reach, name = stepped(rng)
        fold = int(rng.choice([0, 3, 4, 6]))
        if fold:
            body -= around(lambda: cylinder(200, reach * 0.1, sides=24).translate([0, 0, -50]), fold, reach * 0.86)
        elif rng.random() < 0.7:
            body += cylinder(12, reach * 0.5).translate([0, 0, height - 1])
        return body, height, reach, fold, name
    body, height, reach, name = housing(rng)
    body -= around(lambda: block(reach * 0.5, reach * 0.3, height), 4, reach, 0).translate([0, 0, height * 0.7])
    return body, height, reach, 4, name


def make_part(kind: Kind, rng: Rng) -> Part:
    """A part of this kind of symmetry; another draw of the dice is another part."""
    if kind == "none":
        body, name, fold = asymmetric(rng)
    else:
        body, height, reach, fold, name = symmetric_body(rng)
        if kind == "near":
            body, fold = notched(body, height, reach, rng, 0.16 * reach + 2.5), 1
    return Part(about_origin(body, kind == "exact"), name, kind, fold)


def about_origin(body: Any, turns: bool) -> TriMesh:
    """The largest piece of a body, its middle at the origin; one that ``turns`` keeps its axis."""
    pieces = sorted(body.decompose(), key=lambda p: -p.volume())
    raw = pieces[0].to_mesh()
    mesh = TriMesh(np.asarray(raw.vert_properties, float)[:, :3], np.asarray(raw.tri_verts, np.int64))
    middle = (mesh.vertices.min(0) + mesh.vertices.max(0)) / 2
    if turns:
        middle[:2] = 0
    return TriMesh(mesh.vertices - middle, mesh.faces)


def asymmetric(rng: Rng) -> tuple[Any, str, int]:
    """A bracket, or a socket with a threaded stub and features on one side only."""
    if rng.random() < 0.5:
        body, _, name = bracket(rng)
        return body, name, 1
    body, height, reach, name = housing(rng)
    r = reach * rng.uniform(0.3, 0.4)
    stub = thread(height * 0.9, r * 0.85, 5.0, r * 0.15).rotate([0, 90, 0]).translate([reach - 2, 0, height * 0.45])
    body += stub + block(reach * 0.7, reach * 0.5, height * 0.7).translate([-reach * 0.9, reach * 0.55, 0])
    body -= cylinder(60, reach * 0.16).rotate([90, 0, 0]).translate([reach * 0.3, reach + 5, height * 0.4])
    body -= block(reach * 0.6, reach * 0.35, height * 0.3).translate([0, -reach * 0.65, -1])
    return body, f"{name} with a threaded stub", 1


def carton(rng: Rng) -> tuple[Any, int]:
    """A box, its sides clearly different or, now and then, two of them alike; and its fold about z."""
    square = rng.random() < 0.35
    x, flat = rng.uniform(50, 85), rng.random() < 0.3
    y = x if square else x * rng.uniform(0.35, 0.8)
    z = x * (rng.uniform(0.3, 0.75) if flat else rng.uniform(1.2, 1.9))
    return block(x, y, z), 4 if square else 2


def bottle(rng: Rng) -> Any:
    """A round bottle with a shoulder, a neck and a cap."""
    import manifold3d as m

    R, body, rise = rng.uniform(24, 36), rng.uniform(60, 100), rng.uniform(14, 34)
    neck, cap = R * rng.uniform(0.34, 0.5), rng.uniform(10, 20)
    bend = np.linspace(0, np.pi, 9)[1:]
    shoulder = np.stack([neck + (R - neck) * (1 + np.cos(bend)) / 2, body + rise * bend / np.pi], 1)
    top, wide = body + rise + rng.uniform(3, 10), neck * rng.uniform(1.1, 1.3)
    foot = [[0, 0], [R * 0.92, 0], [R, R * 0.08], [R, body]]
    closure = [[neck, top], [wide, top], [wide, top + cap], [0, top + cap]]
    return m.CrossSection([np.concatenate([foot, shoulder, closure])]).revolve(SIDES)


def tin(rng: Rng) -> Any:
    """A tin with a rim and a sunk lid at either end."""
    R, h = rng.uniform(30, 46), rng.uniform(40, 120)
    lip, sunk = R * 0.05, rng.uniform(2, 4)
    body = cylinder(h, R) + cylinder(lip, R + lip / 2) + cylinder(lip, R + lip / 2).translate([0, 0, h - lip])
    lid = cylinder(2 * sunk, R - lip)
    return body - lid.translate([0, 0, -sunk]) - lid.translate([0, 0, h - sunk])


def make_package(rng: Rng) -> Part:
    """A box, a bottle or a tin: symmetric, until something is printed on it."""
    which, fold = rng.choice(3, p=[0.5, 0.25, 0.25]), 0
    if which == 0:
        body, fold = carton(rng)
    else:
        body = bottle(rng) if which == 1 else tin(rng)
    mesh = about_origin(body.refine_to_length(EDGE), turns=True)
    return Part(mesh, ("box", "bottle", "tin")[which], "exact", fold)


def part_size(part: Part) -> float:
    """Diameter, mm."""
    return diameter(part.mesh.vertices)
