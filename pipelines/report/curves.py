"""Curves as SVG inside the page: they follow its colours, and every mark tells its value when it is pointed at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import numpy as np

from registration.geometry.rigid import Array

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 74, 14, 12, 48


@dataclass(frozen=True, eq=False)
class Line:
    """One series; ``look`` names its colour in the style sheet: up, down, plain."""

    name: str
    x: Array  # (n,)
    y: Array  # (n,)
    look: str
    marks: str = ""
    """``round`` or ``square`` draws a mark at every value, in place of a line."""
    ringed: frozenset[int] = frozenset()
    """Entries whose mark gets a ring."""


@dataclass(frozen=True)
class Axis:
    """What an axis says, and from where to where it goes."""

    label: str
    low: float
    high: float
    log: bool = False

    def at(self, value: Array) -> Array:
        """Share of the way along it."""
        f: Callable[[Array], Array] = np.log10 if self.log else np.asarray
        low, high = f(np.array(self.low)), f(np.array(self.high))
        return (f(np.clip(value, self.low, self.high)) - low) / max(float(high - low), 1e-12)

    def ticks(self) -> list[float]:
        """Round numbers along it."""
        if self.log:
            places = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            values = [m * 10.0**p for p in places for m in ((1, 3) if len(places) < 5 else (1,))]
        else:
            step = nice_step((self.high - self.low) / 5)
            values = [
                k * step for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
            ]
        return [v for v in values if self.low * (1 - 1e-9) <= v <= self.high * (1 + 1e-9)]


def nice_step(rough: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if not rough > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))


def across(values: Array) -> Array:
    """Pixels from the left for shares of the way."""
    return LEFT + values * (WIDTH - LEFT - RIGHT)


def down(values: Array) -> Array:
    """Pixels from the top for shares of the way up."""
    return HEIGHT - BOTTOM - values * (HEIGHT - TOP - BOTTOM)


def number(value: float) -> str:
    """A short number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def frame(x: Axis, y: Axis) -> str:
    """Axes, their numbers and their names."""
    out = []
    for v, p in zip(y.ticks(), down(y.at(np.array(y.ticks()))), strict=True):
        out.append(
            f'<path class="rule" d="M{LEFT} {p:.1f}H{WIDTH - RIGHT}"/><text x="{LEFT - 6}" y="{p + 4:.1f}" text-anchor="end">{number(v)}</text>'
        )
    for v, p in zip(x.ticks(), across(x.at(np.array(x.ticks()))), strict=True):
        out.append(f'<text x="{p:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{number(v)}</text>')
    out.append(f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.label)}</text>')
    out.append(
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{escape(y.label)}</text>'
    )
    return "".join(out)


def drawn(line: Line, x: Axis, y: Axis) -> str:
    """One series."""
    known = np.isfinite(line.x) & np.isfinite(line.y)
    px, py = across(x.at(line.x)), down(y.at(line.y))
    if not line.marks:
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(px[known], py[known], strict=True))
        return f'<path class="line {line.look}" d="M{path}"/>' if path else ""
    out = []
    for n in np.flatnonzero(known):
        told = f"<title>{escape(line.name)}, {number(float(line.x[n]))}: {number(float(line.y[n]))}</title>"
        a, b = px[n], py[n]
        if n in line.ringed:
            out.append(f'<circle class="ring" cx="{a:.1f}" cy="{b:.1f}" r="8"/>')
        if line.marks == "round":
            out.append(f'<circle class="mark {line.look}" cx="{a:.1f}" cy="{b:.1f}" r="4">{told}</circle>')
        else:
            out.append(
                f'<rect class="mark {line.look}" x="{a - 3.6:.1f}" y="{b - 3.6:.1f}" width="7.2" height="7.2">{told}</rect>'
            )
    return "".join(out)


def chart(told: str, lines: list[Line], x: Axis, y: Axis, limits: tuple[tuple[float, str], ...] = ()) -> str:
    """Series on a pair of axes; ``limits`` are upright lines with a word each. ``told`` is what a screen reader says."""
    marks = ""
    for value, word in limits:
        p = float(across(x.at(np.array(value))))
        marks += f'<path class="limit" d="M{p:.1f} {TOP}V{HEIGHT - BOTTOM}"/><text x="{p + 5:.1f}" y="{TOP + 12}">{escape(word)}</text>'
    body = frame(x, y) + marks + "".join(drawn(line, x, y) for line in lines)
    keys = "".join(
        f'<li><span class="key {line.look} {line.marks or "stroke"}"></span>{escape(line.name)}</li>' for line in lines
    )
    legend = f'<ul class="legend" aria-hidden="true">{keys}</ul>' if len(lines) > 1 else ""
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(told)}">{body}</svg>{legend}'
    )


def bars(told: str, names: list[str], values: list[float], shown: list[str], looks: list[str] | None = None) -> str:
    """A bar for every name, with its value in words."""
    top = max([v for v in values if math.isfinite(v)] or [1.0]) or 1.0
    looks = looks or ["plain"] * len(names)
    rows = "".join(
        f'<li><span>{escape(name)}</span><i class="{look}" style="width:{58 * max(0.0, min(1.0, v / top)):.1f}%"></i><b>{escape(text)}</b></li>'
        for name, v, text, look in zip(names, values, shown, looks, strict=True)
    )
    return f'<ol class="bars" aria-label="{escape(told)}">{rows}</ol>'
