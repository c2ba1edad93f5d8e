"""A small renderer of our own: meshes, clouds and lines into one picture, without a display or a graphics card."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from registration.geometry.camera import Cameras
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array
from registration.viz.pictures import PAPER, Picture, orbit
from registration.viz.scene import Skin

FINE = 2
"""Pixels drawn along each side of one that is shown."""
INK = (40, 44, 52)
LAMP = np.array([-0.4, -0.6, -0.7]) / np.linalg.norm([0.4, 0.6, 0.7])
"""Where light comes from, in the camera: the viewer's upper left."""


@dataclass(eq=False)
class Canvas:
    """A picture in the making, with the depth of every pixel."""

    cameras: Cameras
    image: NDArray[np.float64] = field(init=False)
    depth: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        h, w = self.cameras.height, self.cameras.width
        self.image = np.full((h, w, 3), float(PAPER))
        self.depth = np.full((h, w), np.inf)

    @classmethod
    def around(cls, points: Array, azimuth_deg: float, elevation_deg: float, width: int, height: int) -> Canvas:
        """One that is filled by the points (n, 3), seen from a direction; z is up."""
        far = orbit(points, azimuth_deg, elevation_deg, 2)
        seen = points @ far.R[0].T + far.t[0]
        flat = seen[:, :2] / seen[:, 2:]
        low, high = flat.min(0), flat.max(0)
        size = FINE * np.array([width, height])
        f = float((0.92 * size / np.maximum(high - low, 1e-9)).min())
        middle = (size - 1) / 2 - f * (low + high) / 2
        K = np.array([[f, 0, middle[0]], [0, f, middle[1]], [0, 0, 1]])
        return cls(Cameras(K[None], far.R, far.t, *map(int, size)))

    def skin(self, skin: Skin, tint: tuple[int, int, int] | None = None) -> None:
        """A mesh in its own colours or in one."""
        depth, face = depth_image(Caster(skin.vertices, skin.faces), self.cameras, 0)
        seen = (face >= 0) & (depth < self.depth)
        corners = skin.faces[face[seen]]
        colour = skin.colours[corners].mean(1) if tint is None else np.tile(np.array(tint, float), (len(corners), 1))
        self.image[seen] = np.clip(colour * self._light(skin.normals[corners].mean(1))[:, None], 0, 255)
        self.depth[seen] = depth[seen]

    def cloud(self, points: Array, normals: Array, colour: tuple[int, int, int], radius: int = 4) -> None:
        """Points as small discs, lit; those that face away are left out."""
        facing = (normals @ self.cameras.R[0].T)[:, 2] < 0.2
        value = np.array(colour, float) * self._light(normals[facing])[:, None]
        self._dots(points[facing], np.clip(value, 0, 255), radius)

    def tinted(self, points: Array, normals: Array, colours: Array, radius: int = 5) -> None:
        """Points as small discs in colours of their own (n, 3); those that face away are left out."""
        facing = (normals @ self.cameras.R[0].T)[:, 2] < 0.2
        self._dots(points[facing], np.clip(colours[facing], 0, 255), radius)

    def lines(self, segments: Array, colour: tuple[int, int, int], radius: int = 1) -> None:  # (n, 2, 3)
        """Straight lines, hidden where something stands before them."""
        if not len(segments):
            return
        uv, z = self.cameras.project(0, segments.reshape(-1, 3))
        ahead = (z.reshape(-1, 2) > 1e-6).all(1)
        steps = int(np.ceil(np.abs(np.diff(uv.reshape(-1, 2, 2)[ahead], axis=1)).max(initial=1))) + 1
        share = np.linspace(0, 1, min(steps, 4 * self.cameras.width))[None, :, None]
        points = segments[ahead, :1] * (1 - share) + segments[ahead, 1:] * share
        points = points.reshape(-1, 3)
        self._dots(points, np.tile(np.array(colour, float), (len(points), 1)), radius)

    def done(self) -> Picture:
        """The picture, its edges smoothed."""
        h, w = self.cameras.height // FINE, self.cameras.width // FINE
        return self.image.reshape(h, FINE, w, FINE, 3).mean((1, 3)).astype(np.uint8)

    def _light(self, normals: Array) -> Array:
        return 0.55 + 0.55 * np.clip(normals @ self.cameras.R[0].T @ LAMP, 0, 1)

    def _dots(self, points: Array, colours: Array, radius: int) -> None:
        uv, z = self.cameras.project(0, points)
        xy = np.rint(uv).astype(int)
        h, w = self.depth.shape
        reach = range(-radius, radius + 1)
        disc = np.array([(x, y) for x in reach for y in reach if x * x + y * y <= radius * radius + 0.5])
        xy = (xy[:, None] + disc).reshape(-1, 2)
        z, colours = np.repeat(z, len(disc)), np.repeat(colours, len(disc), axis=0)
        inside = (xy >= 0).all(1) & (xy[:, 0] < w) & (xy[:, 1] < h) & (z > 0)
        inside[inside] = z[inside] < self.depth[xy[inside, 1], xy[inside, 0]]
        order = np.flatnonzero(inside)[np.argsort(-z[inside], kind="stable")]  # near ones are written last
        x, y = xy[order].T
        self.image[y, x], self.depth[y, x] = colours[order], z[order]


def captioned(picture: Picture, title: str, said: str = "", room: int = 3) -> Picture:
    """A picture over its title and so many lines of small print."""
    from PIL import Image, ImageDraw, ImageFont

    h, w = picture.shape[:2]
    large, small = ImageFont.load_default(max(15, w // 24)), ImageFont.load_default(max(12, w // 32))
    line = int(1.3 * max(12, w // 32))
    top = int(1.5 * max(15, w // 24))
    image = Image.new("RGB", (w, h + top + room * line + 6), (PAPER,) * 3)
    image.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(image)
    draw.text((8, h), title, INK, font=large)
    words, lines, dots = said.split(), [""], "..."
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if draw.textlength(longer + dots, small) < w - 16 else [*lines, word]
    for n, text in enumerate(lines[:room]):
        more = dots if n == room - 1 and len(lines) > room else ""
        draw.text((8, h + top + n * line), text + more, (90, 96, 105), font=small)
    return np.asarray(image)
