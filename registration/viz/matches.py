"""What the learned correspondences see in an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registration.geometry.rays import Caster, depth_image
from registration.geometry.rigid import Array, Rigid
from registration.viz.charts import lines
from registration.viz.pictures import DOWN, PAPER, UP, Picture, sheet
from registration.viz.software import captioned

if TYPE_CHECKING:
    from registration.embedding.looks import Looks
    from registration.embedding.query import Pictures, Said
    from registration.embedding.record import Correspondences, Embedding, Features
    from registration.nerf.record import NerfHalf
    from registration.viz.software import Canvas

PANEL = 320
NEAR_PX = 4.0
"""Pixels of a look within which a correspondence agrees with a pose."""


def as_colours(points: Array, middle: Array, radius: float) -> Array:  # (n, 3) -> (n, 3) 0..255
    """A place as a colour: red, green and blue are x, y and z."""
    return 127.5 * (np.clip((points - middle) / radius, -1, 1) + 1)


def enlarged(image: Array, size: int = PANEL) -> Picture:
    """Pixels as squares, so that it is seen how many there are."""
    rows = np.minimum(np.arange(size) * len(image) // size, len(image) - 1)
    return image[rows][:, rows].astype(np.uint8)


def of_image(
    pictures: Pictures, said: Said, features: Features, reference: NerfHalf, pose: Rigid | None, score: float, name: str
) -> Picture:
    """One image (the first of the pictures): what it shows, where the network puts it, and what the pose makes of it."""
    from registration.embedding.query import answers_of

    looks, rgb = pictures.looks, pictures.rgb[0].astype(float)
    size = looks.hit.shape[1]
    answers = answers_of(features, said, 0)
    best = features.points[answers.likeness.argmax(1)] if len(answers.pixels) else np.zeros((0, 3))
    e = features.embedding
    predicted = np.full((size, size, 3), float(PAPER))
    x, y = answers.pixels.astype(int).T if len(best) else (np.zeros(0, int), np.zeros(0, int))
    blend = answers.trust[:, None]
    tint = blend * as_colours(best, e.middle, e.radius) + (1 - blend) * PAPER
    for dx in (-1, 0):
        for dy in (-1, 0):
            predicted[y + dy, x + dx] = tint
    masked = np.where(pictures.mask[0][..., None], rgb, 0.35 * rgb + 0.65 * PAPER)
    panels = [
        captioned(enlarged(rgb), name, "the image, turned to the object"),
        captioned(enlarged(masked), "Mask", f"{pictures.mask[0].sum()} pixels of the object"),
        captioned(enlarged(predicted), "Coordinates", "where on the reference: x, y, z as red, green, blue"),
    ]
    if pose is not None:
        panels += posed(looks, rgb, answers.pixels, best, reference, pose, score)
    return sheet(panels, len(panels), 12)


def posed(
    looks: Looks, rgb: Array, pixels: Array, best: Array, reference: NerfHalf, pose: Rigid, score: float
) -> list[Picture]:
    """Correspondences that a pose agrees with, and the reference's outline as it puts it."""
    camera, size = looks.cameras.only(0), looks.hit.shape[1]
    moved = camera.moved(camera.pose(0).inverse() @ pose)
    where, _ = moved.project(0, best)
    agree = np.linalg.norm(where - pixels, axis=1) < NEAR_PX
    dots = 0.4 * np.asarray(enlarged(rgb), float) + 0.6 * PAPER
    for (x, y), good in zip(pixels, agree, strict=True):
        cx, cy = ((np.array([x, y]) + 0.5) * PANEL / size).astype(int)
        dots[max(cy - 3, 0) : cy + 3, max(cx - 3, 0) : cx + 3] = UP if good else (200, 200, 204)
    fine = PANEL / size
    K = moved.K.copy()
    K[:, :2] *= fine
    K[:, :2, 2] += (fine - 1) / 2
    large = type(moved)(K, moved.R, moved.t, PANEL, PANEL)
    seen = depth_image(Caster(reference.vertices, reference.faces), large, 0)[1] >= 0
    rim = seen & ~(np.roll(seen, 2, 0) & np.roll(seen, -2, 0) & np.roll(seen, 2, 1) & np.roll(seen, -2, 1))
    outline = np.asarray(enlarged(rgb), np.uint8).copy()
    outline[rim] = DOWN
    share = f"{int(agree.sum())} of {len(agree)} agree with the pose"
    return [
        captioned(dots.astype(np.uint8), "Correspondences", share),
        captioned(outline, "Pose", f"the reference's outline; score {score:.2f} (0: chance)"),
    ]


def of_looks(bank: Correspondences, canvas: Canvas, most: int = 8) -> Picture:
    """The clean cloud, and some looks as coordinates; what was never seen is pale."""
    canvas.cloud(bank.points, bank.normals, UP)
    looks = bank.looks
    panels = [captioned(canvas.done(), "Cleaned cloud", f"{len(bank.points):,} points; {len(looks)} looks")]
    for i in np.unique(np.linspace(0, len(looks) - 1, most).round().astype(int)):
        image = np.full((*looks.hit[i].shape, 3), float(PAPER))
        seen = looks.hit[i]
        colours = 127.5 * (np.clip(looks.point[i][seen].astype(float), -1, 1) + 1)
        image[seen] = np.where(looks.known[i][seen][:, None], colours, 0.25 * colours + 0.75 * PAPER)
        share = looks.known[i].sum() / max(seen.sum(), 1)
        stood = "where a camera stood" if bank.own[i] else "where none stood"
        panels.append(captioned(enlarged(image), f"Look {i + 1}", f"{stood}; {100 * share:.0f} % known"))
    return sheet(panels, 3, 12)


def of_training(embedding: Embedding, half: str) -> Picture:
    """How the training went, on looks that were kept back."""
    tint = UP if half == "up" else DOWN
    c = embedding.curve
    found = lines([(np.stack([c[:, 0], 100 * c[:, 3]], 1), tint)], "step", "% of pixels that find their place", 480, 320)
    loss = lines([(c[:, [0, 2]], tint)], "step", "contrast of looks kept back", 480, 320)
    said = f"began with: {embedding.start}; channels {', '.join(embedding.channels)}"
    return sheet([captioned(found, f"Embedding of {half}", said), captioned(loss, "Loss")], 2, 12)


def of_features(features: Features, canvas: Canvas) -> Picture:
    """The cloud in the three strongest directions of its embeddings: like colours are alike to the network."""
    centred = features.features - features.features.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    shown = centred @ axes[:3].T
    tints = np.clip(127.5 * (1 + shown / (2.2 * shown.std(0) + 1e-9)), 0, 255)
    canvas.cloud(features.points, features.normals, tints)
    words = f"{len(features.points):,} points; like colours are alike to the network"
    return sheet([captioned(canvas.done(), "Features", words)], 1, 12)
