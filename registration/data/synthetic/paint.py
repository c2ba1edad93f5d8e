"""Print as packaging wears it: a picture for every side, worn as a solid texture by any part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from registration.data.synthetic.motifs import MOTIFS, OFTEN, cuts, field
from registration.geometry.rigid import Array, Rigid

Rng = np.random.Generator
Paint = Callable[[Array, Array], Array]
"""Points and outward unit normals (n, 3) to linear albedo (n, 3), 0..1."""
TEXELS, DRAFTS = 400, 4  # along a part's longest side; prints drawn, of which the least symmetric is taken
RIM, LID_RIM, GAP = 0.07, 0.17, 8  # bare edge of a side and of a round lid, by its short side; texels between things
LID = 0.8  # |normal's z| from which on a round part shows its lid
# The sides of a part and how their pictures hang: towards the viewer, to his right, up.
OUT = np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]], float)
RIGHT = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [1, 0, 0]], float)
UP = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]], float)


@dataclass(frozen=True, eq=False)
class Print:
    """Linear albedo of every point of a part about the origin, in the part's own frame."""

    extents: Array  # (3,) mm
    sides: tuple[Array, ...]  # (rows, columns, 3): as in OUT; of a round part +z, -z and once around

    def __call__(self, points: Array, normals: Array) -> Array:  # (n, 3), (n, 3) -> (n, 3)
        """What is printed there."""
        side, at = np.argmax(normals @ OUT.T, 1), points / self.extents
        u, v = (at * RIGHT[side]).sum(1), (at * UP[side]).sum(1)  # -0.5..0.5
        if len(self.sides) == 3:
            around = np.abs(normals[:, 2]) < LID
            side = np.where(around, 2, side)
            u = np.where(around, np.arctan2(at[:, 1], at[:, 0]) / (2 * np.pi), u)
            v = np.where(around, at[:, 2], v)
        out = np.empty((len(points), 3))
        for k, picture in enumerate(self.sides):
            here, (h, w, _) = side == k, picture.shape
            texel = np.stack([(0.5 - v[here]) * h - 0.5, (0.5 + u[here]) * w - 0.5])
            for c in range(3):
                out[here, c] = map_coordinates(picture[..., c], texel, order=1, mode="nearest")
        return out

    def posed(self, T_scene_from_part: Rigid) -> Paint:
        """The print of the part where it stands."""
        back, R = T_scene_from_part.inverse(), T_scene_from_part.R
        return lambda points, normals: self(back.apply(points), normals @ R)


def make_print(size_mm: Array, rng: Rng, around: bool = False) -> Print:  # (3,) extents
    """A print, faint or strong, for a box of this size or, all ``around``, for a round part."""
    size_mm = np.maximum(size_mm, 1e-3 * size_mm.max())
    return min((draft(size_mm, rng, around) for _ in range(DRAFTS)), key=likeness)


def draft(size_mm: Array, rng: Rng, around: bool) -> Print:
    """One print, as the dice fall."""
    x, y, z = (max(32, int(s)) for s in size_mm / size_mm.max() * TEXELS)
    inks, word = palette(rng), "".join(rng.choice(list("AEIKLMNORSTVXZ"), rng.integers(3, 7)))
    sides = [side(y, x, inks, word, rng, LID_RIM if around else RIM) for _ in range(2)]
    if around:
        bare = int(z * rng.uniform(0, 0.4))  # above the label, as a bottle's neck is
        label = [side(z - bare, w, inks, word, rng) for w in np.diff(cuts(4, int(np.pi * x), rng)).tolist()]
        neck = np.tile(inks[rng.integers(3)], (bare, sum(p.shape[1] for p in label), 1))
        sides += [np.concatenate([neck, np.concatenate(label, 1)])]
    else:
        sides += [side(z, w, inks, word, rng) for w in (y, x, y, x)]
    faint = np.exp(rng.uniform(np.log(0.2), 0))
    return Print(size_mm, tuple(inks[0] + faint * (gaussian_filter(s, (0.6, 0.6, 0)) - inks[0]) for s in sides))


def likeness(worn: Print) -> float:
    """Largest correlation of a print with itself turned about z or upside down."""
    d = np.random.default_rng(0).normal(size=(2000, 3))
    round_ = np.hypot(d[:, 0], d[:, 1]), np.abs(d[:, 2])
    p = d / (np.max(round_, 0) if len(worn.sides) == 3 else np.abs(d).max(1))[:, None]
    n = OUT[np.argmax(p @ OUT.T, 1)]
    turns = Rotation.from_euler("ZX", [(a, b) for a in range(0, 360, 30) for b in (0, 180)][1:], degrees=True)
    flat = lambda R: (c := worn(p @ R.T * worn.extents / 2, n @ R.T)) - c.mean(0)  # noqa: E731
    own = flat(np.eye(3)).ravel()
    return max(np.corrcoef(own, flat(R).ravel())[0, 1] for R in turns.as_matrix())


def palette(rng: Rng) -> Array:  # (5, 3) linear
    """Paper, two colours, dark and light."""
    from skimage.color import hsv2rgb

    hue, paper = rng.random(), rng.random() < 0.55
    hues = [hue + rng.normal(0, 0.1), hue, hue + rng.choice([0.1, 0.33, 0.5, 0.67]), hue, hue]
    saturation = [rng.uniform(0, 0.25) if paper else rng.uniform(0.4, 0.85), *rng.uniform(0.4, 0.95, 2), 0.5, 0.05]
    value = [rng.uniform(0.75, 1) if paper else rng.uniform(0.5, 1), *rng.uniform(0.45, 1, 2), 0.15, 1]
    return 0.03 + 0.82 * hsv2rgb(np.stack([np.mod(hues, 1), saturation, value], 1)) ** 2.2


def side(h: int, w: int, inks: Array, word: str, rng: Rng, rim: float = RIM) -> Array:  # (h, w, 3)
    """A ground, a field or two, and a row of things in an order of its own."""
    picture = np.tile(inks[rng.choice(3, p=[0.5, 0.3, 0.2])], (h, w, 1))
    for _ in range(rng.integers(1, 3)):
        field(picture, inks[rng.integers(5)], rng)
    things = rng.choice(len(MOTIFS), 3 if max(h, w) < 2.5 * min(h, w) else 4, replace=False, p=OFTEN)
    margin = max(2, int(rim * min(h, w)))
    inner = picture[margin:-margin, margin:-margin]
    ends = cuts(len(things), max(inner.shape[:2]), rng)
    for thing, a, b in zip(things, ends, ends[1:], strict=False):
        slot = inner[a : b - GAP] if h >= w else inner[:, a : b - GAP]
        apart = np.abs(inks**0.45 - slot.mean((0, 1)) ** 0.45).sum(1) * rng.uniform(0.6, 1, 5)
        if min(slot.shape[:2]) > 6:
            MOTIFS[thing](slot, inks[np.argsort(-apart)], word, rng)
    return picture
