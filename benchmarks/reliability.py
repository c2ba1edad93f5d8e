"""How far told probabilities hold: a table and a curve."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

ODDS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 1.0)
"""Borders of the bands of the probability."""


def shown(pairs: list[tuple[float, bool]], picture: Path | None) -> None:
    """The table of all models, and the curve."""
    bins = table(pairs)
    if picture:
        picture.write_text(drawn(bins))


def table(pairs: list[tuple[float, bool]]) -> list[tuple[float, float, int]]:
    """Mean probability, share that is right and number, in bands of the probability."""
    p, right = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    out = []
    for low, high in pairwise(ODDS):
        among = (p >= low) & ((p < high) | (high == 1.0))
        if among.any():
            out.append((float(p[among].mean()), float(right[among].mean()), int(among.sum())))
            print(f"{low:5.3f} to {high:5.3f}: {among.sum():5d} models, said {p[among].mean():.3f}, right {right[among].mean():.3f}")  # fmt: skip
    print(f"{len(p)} models, Brier score {float(((p - right) ** 2).mean()):.4f}")
    return out


def drawn(bins: list[tuple[float, float, int]]) -> str:
    """The reliability curve as a picture."""
    at = lambda x, y: (60 + 380 * x, 420 - 380 * y)  # noqa: E731
    grid = "".join(
        f'<path d="M{at(k / 5, 0)[0]} 40V420M60 {at(0, k / 5)[1]}H440" stroke="#8885" /><text x="{at(k / 5, 0)[0]}" y="440" text-anchor="middle">{k / 5:g}</text><text x="52" y="{at(0, k / 5)[1] + 5}" text-anchor="end">{k / 5:g}</text>'
        for k in range(6)
    )
    dots = "".join(
        f'<circle cx="{at(said, is_)[0]:.1f}" cy="{at(said, is_)[1]:.1f}" r="{3 + 1.5 * np.log10(n):.1f}" fill="#268bd2"><title>{n} models</title></circle>'
        for said, is_, n in bins
    )
    line = " ".join(f"{at(said, is_)[0]:.1f},{at(said, is_)[1]:.1f}" for said, is_, _ in bins)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 470 470" font-family="sans-serif" font-size="13" fill="#555"><rect width="470" height="470" fill="#fff"/>'
        f'{grid}<path d="M60 420L440 40" stroke="#999" stroke-dasharray="5 4"/><polyline points="{line}" fill="none" stroke="#268bd2" stroke-width="2"/>{dots}'
        '<text x="250" y="462" text-anchor="middle">probability that was told</text><text transform="translate(16 230) rotate(-90)" text-anchor="middle">share that is right</text></svg>\n'
    )
