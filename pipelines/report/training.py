"""How both halves were learned, and how well every image fits the model."""

from __future__ import annotations

import numpy as np

from pipelines.pairs import FIRST
from pipelines.report import curves, markup
from registration.data.capture import Capture
from registration.geometry.rigid import Array
from registration.nerf.record import NerfHalf


def silhouettes_chart(
    captures: tuple[Capture, Capture], nerfs: tuple[NerfHalf, NerfHalf], fits: tuple[Array, Array]
) -> str:
    """Overlap of every image."""
    lines = [
        curves.Line(f"{h}, mean {f.mean():.3f}", np.arange(len(f), dtype=float), f, h, mark, frozenset(n.odd.tolist()))
        for h, f, n, mark in zip(FIRST, fits, nerfs, ("round", "square"), strict=True)
    ]
    low = max(0.0, np.floor(20 * min(f.min() for f in fits)) / 20 - 0.001)
    told = "; ".join(
        f"capture {h}: mean {f.mean():.3f}, worst {f.min():.3f} at image {c.ids[int(f.argmin())]}"
        for h, f, c in zip(FIRST, fits, captures, strict=True)
    )
    axes = (
        curves.Axis("image, in the order of the capture", 0, max(1, max(map(len, fits)) - 1)),
        curves.Axis("overlap with the mask", low, 1),
    )
    odd = sum(len(n.odd) for n in nerfs)
    ringed = f" {odd} with a ring do not fit the others; the training left them out." if odd else ""
    drawn = curves.chart(f"Overlap of silhouette and mask. {told}", lines, *axes)
    return f"<h3>Silhouettes, image by image</h3>{drawn}<p>{told[0].upper()}{told[1:]}.{ringed}</p>"


def training_chart(nerfs: tuple[NerfHalf, NerfHalf]) -> str:
    """Errors while both fields were trained."""
    pairs = [(h, n.curve) for h, n in zip(FIRST, nerfs, strict=True) if len(n.curve) > 1]
    if not pairs:
        return "<h3>Training</h3><p>No curve was kept: another back-end trained the halves.</p>"
    values = np.concatenate([c[:, 1] for _, c in pairs])
    values = values[values > 0]
    if not len(values):
        return ""
    lines = [curves.Line(f"field of {h}", c[:, 0], c[:, 1], h) for h, c in pairs]
    x = curves.Axis("step", 0, max(float(c[:, 0].max()) for _, c in pairs))
    y = curves.Axis("colour error (log)", float(values.min()) * 0.9, float(values.max()) * 1.1, log=True)
    told = "; ".join(f"{h}: from {c[0, 1]:.3f} to {c[-1, 1]:.3f}" for h, c in pairs)
    return f"<h3>Training of both fields</h3>{curves.chart(f'Mean colour error over the steps. {told}', lines, x, y)}"


def halves_section(
    captures: tuple[Capture, Capture], nerfs: tuple[NerfHalf, NerfHalf], fits: tuple[Array, Array]
) -> str:
    """How both halves were learned."""
    body = [
        [h, str(len(c)), f"{n.psnr:.1f}", f"{n.mask_iou:.3f}", str(len(c.notes.get("skipped", []))), str(len(n.odd))]
        for h, c, n in zip(FIRST, captures, nerfs, strict=True)
    ]
    head = ["half", "images", "PSNR of held-out images, dB", "silhouettes agree", "skipped", "do not fit"]
    return markup.section(
        "halves",
        "The two halves",
        markup.rows(head, body, "How well each half was learned"),
        silhouettes_chart(captures, nerfs, fits),
        training_chart(nerfs),
    )
