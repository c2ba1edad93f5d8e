"""A small renderer of our own: meshes, clouds and lines into one picture, without a display or a graphics card."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from registration.geometry.camera import Cameras
from registration.geometry.mesh import barycentric, blended
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array
from registration.viz.pictures import PAPER, Picture, orbit
from registration.viz.scene import Skin

Drawing = NDArray[np.uint8]  # (h, w, 4)
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

    def skin(self, skin: Skin, tint: tuple[int, int, int] | None = None, caster: Caster | None = None) -> None:
        """A mesh in its own colours or in one; with a caster of it that is there already."""
        depth, face = depth_image(caster or Caster(skin.vertices, skin.faces), self.cameras, 0)
        y, x = np.nonzero((face >= 0) & (depth < self.depth))
        corners = skin.faces[face[y, x]]
        places = self.cameras.places(0, np.stack([x, y], 1).astype(float), depth[y, x])
        weights = barycentric(places, *(skin.vertices[corners[:, k]] for k in range(3)))
        colour = np.einsum("nk,nkd->nd", weights, skin.colours[corners].astype(float)) if tint is None else np.array(tint)
        self.image[y, x] = np.clip(colour * self._light(blended(skin.normals, corners, weights))[:, None], 0, 255)
        self.depth[y, x] = depth[y, x]

    def cloud(self, points: Array, normals: Array, colour: Array | tuple[int, int, int], radius: int = 4) -> None:
        """Points as small discs, lit, in one colour or each in its own; those that face away are left out."""
        facing = (normals @ self.cameras.R[0].T)[:, 2] < 0.2
        value = np.broadcast_to(np.asarray(colour, float), points.shape)[facing] * self._light(normals[facing])[:, None]
        self._dots(points[facing], np.clip(value, 0, 255), radius)

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
        """The picture on paper, its edges smoothed."""
        return self._shrunk(self.image).astype(np.uint8)

    def drawing(self) -> Drawing:
        """The picture on nothing: what was not drawn is transparent."""
        share = self._shrunk(np.isfinite(self.depth)[..., None])
        rgb = self._shrunk(self.image * np.isfinite(self.depth)[..., None]) / np.maximum(share, 1e-9)
        return np.concatenate([rgb, 255 * share], 2).round().clip(0, 255).astype(np.uint8)

    @staticmethod
    def _shrunk(image: Array | NDArray[np.bool_]) -> Array:  # (h, w, k) -> (h / FINE, w / FINE, k)
        h, w, k = image.shape
        return image.reshape(h // FINE, FINE, w // FINE, FINE, k).mean((1, 3))

    def _light(self, normals: Array) -> Array:
        return 0.55 + 0.55 * np.clip(normals @ self.cameras.R[0].T @ LAMP, 0, 1)

    def _dots(self, points: Array, colours: Array, radius: int) -> None:
        uv, z = self.cameras.project(0, points)
        order = np.argsort(-z, kind="stable")  # near ones are written last
        middle, z, colours = np.rint(uv[order]).astype(int), z[order], colours[order]
        h, w = self.depth.shape
        reach = range(-radius, radius + 1)
        for dx, dy in ((x, y) for x in reach for y in reach if x * x + y * y <= radius * radius + 0.5):
            x, y = middle.T + np.array([[dx], [dy]])
            inside = np.flatnonzero((x >= 0) & (y >= 0) & (x < w) & (y < h) & (z > 0))
            inside = inside[z[inside] < self.depth[y[inside], x[inside]]]
            self.image[y[inside], x[inside]], self.depth[y[inside], x[inside]] = colours[inside], z[inside]


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
