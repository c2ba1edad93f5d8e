"""Pictures as arrays, drawn without a display."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.camera import Cameras
from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array, Rigid

Picture = NDArray[np.uint8]  # (h, w, 3)
UP, DOWN = (38, 139, 210), (230, 126, 34)
"""Blue and orange: told apart by every kind of eye."""
TINTS = (UP, DOWN, (0, 158, 115), (190, 90, 160), (200, 170, 20), (110, 110, 110))
"""Of captures, in their order; of more captures they come again."""
PAPER = 250


def png(picture: Picture) -> bytes:
    """PNG file of a picture."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", optimize=True)
    return out.getvalue()


def webp(picture: Picture, quality: int = 82) -> bytes:
    """WebP file of a picture, with or without an alpha channel."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "WEBP", quality=quality)
    return out.getvalue()


def data_uri(picture: Picture, quality: int = 82) -> str:
    """A picture to be put into a page."""
    return "data:image/webp;base64," + base64.b64encode(webp(picture, quality)).decode()


def orbit(mesh_or_points: Array, azimuth_deg: float, elevation_deg: float, size: int) -> Cameras:
    """One camera that looks at the whole of something from a direction; z is up."""
    low, high = mesh_or_points.min(0), mesh_or_points.max(0)
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    a, e = np.radians([azimuth_deg, elevation_deg])
    away = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0])
    R = np.stack([right, -np.cross(away, right), -away])
    t = -R @ (middle + 6 * radius * away)
    f = 0.5 * size * 5.6 * 1.06
    K = np.array([[f, 0, (size - 1) / 2], [0, f, (size - 1) / 2], [0, 0, 1]])
    return Cameras(K[None], R[None], t[None], size, size)


def outlined(
    capture: Capture, i: int, caster: Caster, T_capture_from_model: Rigid, colour: tuple[int, int, int]
) -> Picture:
    """One image with the model's outline drawn into it."""
    import cv2

    depth, _ = depth_image(caster, capture.cameras.moved(T_capture_from_model), i)
    scale = max(1, round(220 / max(capture.mask.shape[1:])))
    image = cv2.resize(capture.rgb[i], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    seen = cv2.resize(np.isfinite(depth).astype(np.uint8), None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(seen, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(image.copy(), lines, -1, colour, 1, cv2.LINE_AA), np.uint8)


def trimmed(pictures: list[Picture], margin: int = 10) -> list[Picture]:
    """Pictures of one size without the rows and columns that are bare paper in all of them."""
    drawn = np.any([(p != PAPER).any(2) for p in pictures], axis=0)
    y, x = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    if not len(y):
        return pictures
    top, left = max(0, y[0] - margin), max(0, x[0] - margin)
    return [p[top : y[-1] + 1 + margin, left : x[-1] + 1 + margin] for p in pictures]


def sheet(pictures: list[Picture], columns: int, gap: int = 4) -> Picture:
    """Pictures of one size in rows."""
    h, w = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    out = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), PAPER, np.uint8)
    for n, picture in enumerate(pictures):
        y, x = divmod(n, columns)
        out[y * (h + gap) : y * (h + gap) + h, x * (w + gap) : x * (w + gap) + w] = picture
    return out
