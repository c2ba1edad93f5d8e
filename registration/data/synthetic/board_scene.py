"""A part on the printed board or on a newspaper, filmed by a camera that goes round it, or that stands while all turns before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from registration.data.scan.board import Board
from registration.data.scan.lens import Lens
from registration.data.synthetic.grounds import TABLE, TEXEL, Light, newspaper, room, sample, sheet, wood
from registration.data.synthetic.paint import Paint
from registration.data.synthetic.scene import OVERSAMPLING, Lamp, lighting
from registration.geometry.camera import pixel_grid
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import MISS, Caster
from registration.geometry.rigid import Array, Rigid

Rng = np.random.Generator
SHADE, REACH = 2.0, 260.0  # mm: of where shadows fall; from the middle, where these are drawn
SOFT = 6  # rays to a lamp from each place


@dataclass(frozen=True)
class FilmParams:
    """How a film is made."""

    frames: int = 150
    width: int = 960
    height: int = 540
    turntable: bool = False
    """The board turns with the part, camera, lamps and room stand."""
    black: bool = False
    """The board is printed in black."""
    noise: float = 1.0
    blur: float = 1.0
    """How much the hand moves during exposures; 0: none."""
    gloss: float = 0.25
    ground: Literal["board", "texture"] = "board"
    """texture: in the board's place lies a page of a newspaper that nobody knows."""
    marker_mm: float = 0.0
    """Side of a marker on that page; 0: none."""


@dataclass(frozen=True, eq=False)
class Film:
    """All that stands on and about the board, and how each frame sees it."""

    board: Board
    mesh: TriMesh  # in the board's frame
    tone: float | Paint
    lens: Lens
    poses: list[Rigid]  # T_cam_from_board
    turns: Array  # (n,) angle by which the room has turned about the board, radians
    p: FilmParams


def resting(mesh: TriMesh, over: bool, rng: Rng) -> Rigid:
    """T_board_from_part as it stands by itself: as likely as can be or, turned ``over``, as far from that as it stands at all."""
    import trimesh

    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    stands, chances = trimesh.poses.compute_stable_poses(solid, n_samples=1, sigma=0.0)
    up = np.array([T[2, :3] for T in stands])  # the board's z in the part's frame
    first = int(np.argmax(chances))
    chosen = int(np.argmin(up @ up[first] - 0.3 * (np.asarray(chances) > 0.02))) if over else first
    heading = Rigid.exp([0, 0, rng.uniform(0, 2 * np.pi), 0, 0, 0])
    T = heading @ Rigid(stands[chosen][:3, :3], np.zeros(3))
    low, high = T.apply(mesh.vertices).min(0), T.apply(mesh.vertices).max(0)
    aside = rng.uniform(-8, 8, 2)
    return Rigid(T.R, np.array([*(aside - (low + high)[:2] / 2), -low[2]]))


def phone(p: FilmParams, rng: Rng) -> Lens:
    """A lens as telephones have: a little barrel distortion, its middle a little off."""
    long = max(p.width, p.height)
    centre = np.array([p.width - 1, p.height - 1]) / 2 + rng.normal(0, 0.006 * long, 2)
    distortion = np.array([rng.uniform(0.03, 0.1), rng.uniform(-0.2, -0.1), *rng.normal(0, 0.001, 2)])
    return Lens(rng.uniform(0.8, 0.95) * long, centre, distortion, (p.width, p.height))


def walk(p: FilmParams, lens: Lens, board: Board, height: float, rng: Rng) -> tuple[list[Rigid], Array]:
    """Three rounds from low to high, held by an unsteady hand; on a turntable the camera is set anew for each."""
    share = (np.arange(p.frames) + 0.5) / p.frames
    if p.turntable:
        share = (np.floor(3 * share) + 0.5) / 3
    turn = 2 * np.pi * 3 * (np.arange(p.frames) + 0.5) / p.frames
    azimuth = turn + rng.uniform(0, 2 * np.pi)
    elevation = np.radians(16 + 56 * share)
    shake = gaussian_filter(rng.normal(size=(p.frames, 5)), (4, 0), mode="wrap")
    shake = 0 * shake if p.turntable else shake / shake.std(0)
    distance = 1.2 * lens.f / max(lens.size) * board.size_mm[0] * (1 + 0.05 * shake[:, 0])
    poses = []
    for n in range(p.frames):
        e = elevation[n] + 0.03 * shake[n, 1]
        out = np.array([np.cos(e) * np.cos(azimuth[n]), np.cos(e) * np.sin(azimuth[n]), np.sin(e)])
        eye = np.array([0, 0, 0.4 * height]) + distance[n] * out
        forward = np.array([*(6 * shake[n, 2:4]), 0.4 * height]) - eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        roll, down = 0.03 * shake[n, 4], np.cross(forward, right)
        right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
        R = np.stack([right, down, forward])
        poses.append(Rigid(R, -R @ eye))
    return poses, turn if p.turntable else np.zeros(p.frames)


def lamps_over(rng: Rng) -> list[Lamp]:
    """A key lamp that casts a shadow and a weaker fill, fixed to the room."""
    side = rng.uniform(0, 2 * np.pi)
    towards = lambda a, up: np.array([np.cos(a), np.sin(a), up]) / np.hypot(1, up)  # noqa: E731
    key, fill = towards(side, rng.uniform(0.9, 1.6)), towards(side + np.pi + rng.uniform(-0.6, 0.6), 0.6)
    return [Lamp(key, 0.62, True), Lamp(fill, 0.22, False)]


class Set:
    """The film set: draws single frames."""

    def __init__(self, film: Film, rng: Rng) -> None:
        self.film, self.caster = film, Caster(film.mesh.vertices, film.mesh.faces)
        self.lamps = lamps_over(rng)
        printed = film.p.ground == "board"
        self.page, self.page_low = sheet(film.board, film.p.black) if printed else newspaper(film.p.marker_mm, rng)
        self.table, self.walls = wood(rng), room(rng)
        w, h = film.lens.size
        fine = (pixel_grid(w * OVERSAMPLING, h * OVERSAMPLING) + 0.5) / OVERSAMPLING - 0.5
        flat = film.lens.directions(fine)
        self.rays = np.concatenate([flat, np.ones((len(flat), 1))], 1)
        self.rays = (self.rays / np.linalg.norm(self.rays, axis=1, keepdims=True)).astype(np.float32)
        self.jitter = rng.normal(0, 0.035, (SOFT, 3))
        self.shade: tuple[float, Light] | None = None

    def hung(self, turn: float) -> list[tuple[Lamp, Array]]:
        """The lamps, and where the board sees them."""
        R = Rigid.exp([0, 0, turn, 0, 0, 0]).R
        return [(lamp, R @ lamp.direction) for lamp in self.lamps]

    def shadows(self, turn: float) -> Light:  # (n, n) light that reaches the table
        """Drawn anew only if the lamps have turned."""
        if self.shade and self.shade[0] == turn:
            return self.shade[1]
        n = int(2 * REACH / SHADE)
        x = (np.arange(n) + 0.5) * SHADE - REACH
        ground = np.stack([*np.meshgrid(x, x), np.full((n, n), 0.01)], -1).reshape(-1, 3).astype(np.float64)
        light = np.full(len(ground), 0.26)
        for lamp, to in self.hung(turn):
            seen = 1.0
            if lamp.casts:
                rays = [(to + j) / np.linalg.norm(to + j) for j in self.jitter]
                seen = np.mean([~self.caster.blocked(ground, np.tile(r, (len(ground), 1))) for r in rays], axis=0)
            light += lamp.power * to[2] * seen
        around = [(np.cos(a) * 0.7, np.sin(a) * 0.7, 0.7) for a in np.arange(6)]
        open_ = np.mean([~self.caster.blocked(ground, np.tile(r, (len(ground), 1))) for r in around], axis=0)
        light -= 0.16 * (1 - open_)  # the room's own light where the part hides it
        self.shade = turn, light.reshape(n, n).astype(np.float32)
        return self.shade[1]

    def ground(self, eye: Array, rays: Light, turn: float) -> Light:  # (3,), (h, w, 3) -> (h, w, 3)
        """Page, table and room, without the part."""
        drop = np.where(
            rays[..., 2] < -1e-6, np.float32(-eye[2]) / np.minimum(rays[..., 2], np.float32(-1e-6)), np.float32(1e6)
        )
        places = eye[:2].astype(np.float32) + drop[..., None] * rays[..., :2]
        R = Rigid.exp([0, 0, -turn, 0, 0, 0]).R
        there = places @ R[:2, :2].T.astype(np.float32)  # in the room
        out = sample(self.table, np.full(2, -TABLE), 2.0, there)
        span = np.array(self.page.shape[1::-1]) * TEXEL
        on = ((places > self.page_low) & (places < self.page_low + span)).all(-1)
        out[on] = sample(self.page, self.page_low, TEXEL, places)[on]
        out *= sample(self.shadows(turn), np.full(2, -REACH), SHADE, places)[..., None]
        far = np.abs(there).max(-1) > TABLE
        d = rays[far] @ R.T
        row = (90 - np.degrees(np.arcsin(np.clip(d[:, 2], -1, 1)))).astype(int).clip(0, 179)
        out[far] = self.walls[row, np.degrees(np.arctan2(d[:, 1], d[:, 0])).astype(int) % 360]
        return out

    def frame(self, i: int) -> tuple[Array, Array]:
        """Linear brightness (h, w, 3) of frame i without noise, and how much of each pixel is the part, (h, w)."""
        film, s = self.film, OVERSAMPLING
        (w, h), pose, turn = film.lens.size, film.poses[i], float(film.turns[i])
        rays = np.asarray(self.rays @ pose.R, np.float32)
        eye = -pose.R.T @ pose.t
        image = self.ground(eye, rays.reshape(h * s, w * s, 3), turn).reshape(-1, 3)
        pixels = film.lens.pixels(pose.apply(film.mesh.vertices))
        low, high = np.clip((pixels.min(0) - 2) * s, 0, None), (pixels.max(0) + 3) * s
        rows, columns = slice(int(low[1]), int(min(high[1], h * s))), slice(int(low[0]), int(min(high[0], w * s)))
        worth = np.arange(h * w * s * s).reshape(h * s, w * s)[rows, columns].ravel()
        distance, face = self.caster.first_hits(eye, rays[worth].astype(float))
        hit = face != MISS
        d = rays[worth[hit]].astype(float)
        p = eye + distance[hit, None] * d
        n = film.mesh.face_normals()[face[hit]]
        n = np.where((n * d).sum(1, keepdims=True) > 0, -n, n)
        light, sheen = lighting(self.caster, p + 0.05 * n, n, d, self.hung(turn), film.p.gloss)
        albedo = film.tone(p, n) if callable(film.tone) else film.tone
        image[worth[hit]] = albedo * (light - sheen)[:, None] + 0.5 * sheen[:, None]
        cover = np.zeros(len(rays))
        cover[worth[hit]] = 1
        blocks = lambda a: a.reshape(h, s, w, s, *a.shape[1:]).mean((1, 3))  # noqa: E731
        return blocks(image), blocks(cover)


def filmed(linear: Array, rng: Rng, noise: float, blur: float) -> NDArray[np.uint8]:  # (h, w, 3)
    """What a telephone makes of it: a moved hand, a focus that hunts at times, exposure, vignette, gamma, noise."""
    import cv2

    h, w = linear.shape[:2]
    length = blur * rng.choice([rng.uniform(0, 3), rng.uniform(6, 14)], p=[0.85, 0.15]) * max(h, w) / 960
    if length > 1:
        n, angle = int(np.ceil(length)) | 1, rng.uniform(0, np.pi)
        kernel = np.zeros((n, n), np.float32)
        reach = length / 2 * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(round(v) for v in n // 2 + sign * reach) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        linear = np.asarray(cv2.filter2D(linear, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), float)
    soft = blur * rng.choice([0.4, rng.uniform(1.5, 3)], p=[0.93, 0.07]) * max(h, w) / 960
    linear = gaussian_filter(linear, (max(soft, 0.35), max(soft, 0.35), 0))
    y, x = np.mgrid[:h, :w]
    vignette = 1 - 0.12 * ((x / w - 0.5) ** 2 + (y / h - 0.5) ** 2) / 0.5
    bright = np.clip(linear * vignette[..., None] * rng.uniform(0.92, 1.08), 0, 1.2) ** (1 / 2.2)
    image = bright * np.array([1.0, 0.99, 0.97]) + noise * rng.normal(0, 1, bright.shape) * (
        0.005 + 0.01 * np.sqrt(bright)
    )
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
