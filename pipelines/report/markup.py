"""Pieces of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files

from registration.viz.pictures import Picture, data_uri


@cache
def static(name: str) -> str:
    """A style sheet or a script that every page carries inside."""
    return (files("pipelines.report") / "static" / name).read_text(encoding="utf-8")


def image(picture: Picture, alt: str, quality: int = 82) -> str:
    """A picture; ``alt`` is what a screen reader says."""
    h, w = picture.shape[:2]
    return f'<img src="{data_uri(picture, quality)}" width="{w}" height="{h}" alt="{escape(alt)}">'


def figure(picture: Picture, caption: str, alt: str = "", look: str = "") -> str:
    """A picture with its caption."""
    return f'<figure class="{look}">{image(picture, alt or caption)}<figcaption>{escape(caption)}</figcaption></figure>'


def gallery(pictures: Sequence[Picture], captions: Sequence[str], alts: Sequence[str], look: str) -> str:
    """Pictures beside each other, as many in a row as fit."""
    body = "".join(figure(p, c, a) for p, c, a in zip(pictures, captions, alts, strict=True))
    return f'<div class="gallery {look}">{body}</div>'


def rows(head: Sequence[str], body: Sequence[Sequence[str]], caption: str) -> str:
    """A table that scrolls by itself where it is too wide."""
    cells = "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
    lines = "".join(
        f'<tr><th scope="row">{escape(line[0])}</th>' + "".join(f"<td>{escape(c)}</td>" for c in line[1:]) + "</tr>"
        for line in body
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def listed(lines: Sequence[str]) -> str:
    """Sentences as a list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""


def section(name: str, title: str, *body: str) -> str:
    """A part of the page that can be linked to."""
    return f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{escape(title)}</h2>{"".join(body)}</section>'


def shell(title: str, body: str, scripts: Sequence[str], links: Sequence[tuple[str, str]] = (), look: str = "") -> str:
    """A whole page: style and scripts inside, nothing is fetched."""
    there = "".join(f'<a href="{escape(href)}">{escape(word)}</a>' for href, word in links)
    code = "".join(f"<script>{static(name)}</script>" for name in scripts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{static('page.css')}</style></head><body>"
        f'<a class="skip" href="#main">To the content</a><header class="top screen-only"><nav aria-label="Parts of the page">{there}</nav>'
        '<button type="button" id="theme" aria-pressed="false">Dark</button></header>'
        f'<main id="main" class="{look}">{body}</main>{code}</body></html>'
    )
