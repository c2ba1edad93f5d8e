"""What packaging prints: fields, stripes, rows of text, a bar code, a logo, a name. Each draws into a picture (h, w, 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.geometry.rigid import Array

Rng = np.random.Generator


def cuts(n: int, length: int, rng: Rng) -> list[int]:
    """Where to cut a length into n uneven pieces."""
    widths = rng.uniform(0.6, 1.4, n)
    return [0, *(np.cumsum(widths) / widths.sum() * length).astype(int)]


def span(h: int, w: int) -> tuple[NDArray, NDArray]:
    """Pixels of a picture from its middle, in halves of its short side: right (1, w), down (h, 1)."""
    half = min(h, w) / 2
    return (np.arange(w)[None] - (w - 1) / 2) / half, (np.arange(h)[:, None] - (h - 1) / 2) / half


def field(slot: Array, ink: Array, rng: Rng) -> None:
    """All on one side of a straight or wavy edge."""
    (x, y), angle = span(*slot.shape[:2]), rng.choice([0, 90, 180, 270, rng.uniform(0, 360)]) * np.pi / 180
    along, wave = x * np.sin(angle) - y * np.cos(angle), rng.choice([0, rng.uniform(0, 0.25)])
    slot[x * np.cos(angle) + y * np.sin(angle) + wave * np.sin(3 * along) > rng.uniform(0.1, 0.7)] = ink


def bars(slot: Array, inks: Array, word: str, rng: Rng) -> None:
    """Stripes: upright, level or aslant."""
    (x, y), angle = span(*slot.shape[:2]), rng.choice([0, 90, 45, 135, 20]) * np.pi / 180
    slot[(x * np.cos(angle) + y * np.sin(angle)) / rng.uniform(0.2, 0.6) % 1 < rng.uniform(0.3, 0.6)] = inks[0]


def text(slot: Array, inks: Array, word: str, rng: Rng) -> None:
    """Rows of small blocks with gaps between words, the last row cut short."""
    (h, w, _), rows = slot.shape, int(rng.integers(3, 8))
    line = max(5, min(h, w) // rows)
    letter = max(3, line // 2)
    for top in range(0, h - line + 1, line):
        n = w // letter if top + 2 * line <= h else int(w // letter * rng.uniform(0.3, 0.8))
        for k in np.flatnonzero(rng.random(n) < 0.84):
            high = int(line * rng.choice([0.1, 0.25]))
            slot[top + high : top + int(0.75 * line), k * letter : (k + 1) * letter - max(1, letter // 4)] = inks[0]


def code(slot: Array, inks: Array, word: str, rng: Rng) -> None:
    """A bar code on a light patch."""
    h, w, _ = slot.shape
    thick, light = max(2, min(h, w) // 40), inks[np.argmax(inks.sum(1))]
    patch = slot[: max(6, min(h, w // 2)), : max(6, min(w, 2 * h))]
    patch[:] = light
    inner = patch[2 * thick : -2 * thick, 2 * thick : -2 * thick]
    line = np.repeat(rng.random(inner.shape[1] // thick + 1) < 0.5, thick)[: inner.shape[1]]
    inner[:, line] = inks[np.argmin(inks.sum(1))]


def disc(slot: Array, inks: Array, word: str, rng: Rng) -> None:
    """A logo: a disc with a ring and a few spokes or a smaller disc aside."""
    x, y = span(*slot.shape[:2])
    x, y = x - rng.uniform(-0.2, 0.2), y - rng.uniform(-0.2, 0.2)
    r, angle = np.hypot(x, y) / 0.8, np.arctan2(y, x) / (2 * np.pi) + rng.random()
    slot[r < 1] = inks[0]
    slot[(r < 0.88) & (r > 0.75)] = inks[1]
    mark = (
        (angle * rng.integers(1, 5) % 1 < rng.uniform(0.3, 0.6)) if rng.random() < 0.6 else np.hypot(x + 0.15, y) < 0.3
    )
    slot[mark & (r < 0.62)] = inks[1]


def title(slot: Array, inks: Array, word: str, rng: Rng) -> None:
    """The brand's name, as large as fits; upwards where the slot is upright."""
    import cv2

    canvas = slot if slot.shape[1] >= slot.shape[0] else np.rot90(slot, -1)
    font, thick = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_TRIPLEX])), int(rng.integers(4, 9))
    (w, h), _ = cv2.getTextSize(word, font, 2.0, thick)
    stamp = cv2.putText(np.zeros((h + 2 * thick, w), np.uint8), word, (0, h + thick), font, 2.0, 255, thick)
    scale = min(canvas.shape[0] / stamp.shape[0], canvas.shape[1] / stamp.shape[1])
    size = max(1, int(stamp.shape[1] * scale)), max(1, int(stamp.shape[0] * scale))
    ink = cv2.resize(stamp, size, interpolation=cv2.INTER_AREA)[..., None] / 255
    top = (canvas.shape[0] - size[1]) // 2
    patch = canvas[top : top + size[1], : size[0]]
    patch[:] = patch + ink * (inks[0] - patch)


MOTIFS = (title, disc, text, bars, code)
OFTEN = (0.3, 0.22, 0.25, 0.17, 0.06)
