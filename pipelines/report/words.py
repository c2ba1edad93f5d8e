"""The verdict in plain words, first on the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pipelines.report.markup import listed
from registration.fuse.record import Model
from registration.verify.record import Joined, Registration

EXACT_DEG = 1.0
"""Turns are told in whole degrees."""


def percent(share: float) -> str:
    """A probability as people say it; never more certain than it is."""
    if share >= 0.9995:
        return "more than 99.9 %"
    return "less than 0.1 %" if share < 0.0005 else f"{100 * share:.1f} %"


def headline(icp: Registration | Joined) -> str:
    """Accepted or not."""
    return "Accepted" if icp.accepted else "Not accepted"


def meaning(icp: Registration) -> str:
    """What the reader may do with the result."""
    sure = percent(icp.confidence)
    if icp.accepted:
        return (
            f"With a probability of {sure} this is the right model of the object. Its labels can be used as they are."
        )
    others = [a for a in icp.alternatives if not a.get("same_model")]
    rivals = (
        f" {counted(len(others), 'other model fits', 'other models fit')} nearly as well: see the alternatives."
        if others
        else ""
    )
    return (
        f"This is the likeliest model, but with a probability of {sure} only, which is less than was asked for.{rivals} "
        "Do not use its labels before you have looked at it."
    )


def counted(n: int, one: str, many: str) -> str:
    """A number and its noun."""
    return f"{'one' if n == 1 else n} {one if n == 1 else many}".capitalize()


def symmetry(icp: Registration) -> str:
    """What transforms that give the same model mean."""
    same = sum(bool(a.get("same_model")) for a in icp.alternatives)
    if not same:
        return ""
    told = counted(same, "other transform gives", "other transforms give")
    return f"{told} the same model: the object looks the same after a turn, and its labels are right up to that."


def unit(icp: Registration | Joined, model: Model) -> list[str]:
    """What is to be known of lengths, where the captures do not count them in millimetres."""
    scales, out = model.scales, []
    if not icp.metric and model.known_mm:
        out.append("The captures have no unit: the object is as large as its diameter that was given.")
    elif not icp.metric:
        out = ["The captures have no known unit: millimetres are assumed ones. --diameter makes them true."]
    if len(scales) == 2 and scales[1] != 1:
        out.append(f"Lengths of the capture down times {scales[1]:.4f} are lengths of the capture up.")
    return out


def unseen(model: Model) -> list[str]:
    """What is to be known of the surface that nobody saw."""
    seen = model.fused.seen
    return [] if seen >= 0.995 else [f"{100 * seen:.0f} % of the surface was seen; the rest is a guess between what was."]


def apart(icp: Registration | Joined, model: Model) -> str:
    """How far surfaces that meet lie apart."""
    d, mm = icp.diameter_mm, "mm" if icp.metric or model.known_mm else "assumed mm"
    return f"{icp.chamfer_mm:.2f} {mm} apart ({100 * icp.chamfer_mm / d:.2f} % of its {d:.0f} {mm})"


def verdict(icp: Registration, model: Model) -> str:
    """The box at the top."""
    turn = model.T_up_from_down.angle_deg()
    lines = [
        f"The object was turned by {turn:.0f} degrees between the captures. Where both captures saw its surface, the two halves lie {apart(icp, model)}.",
        symmetry(icp), *unit(icp, model), *unseen(model),
    ]  # fmt: skip
    return box(icp, meaning(icp), lines)


def verdict_of_many(join: Joined, model: Model, names: Sequence[str]) -> str:
    """The same of more than two captures."""
    placed = ", ".join(names[n] for n in join.placed)
    sure = percent(join.confidence)
    what = (
        f"With a probability of {sure} every capture lies where it belongs. The labels can be used as they are."
        if join.accepted
        else f"The likeliest places of the captures, with a probability of {sure} only, or not of all of them. "
        "Do not use the labels before you have looked at it."
    )
    lines = [
        f"The model is made of {placed}. Where two of them saw the same surface, it lies {apart(join, model)}.",
        *unit(join, model), *unseen(model),
    ]  # fmt: skip
    return box(join, what, lines)


def box(icp: Registration | Joined, what: str, lines: Sequence[str]) -> str:
    """Verdict, what it means, what speaks for and against it."""
    said = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    return (
        f'<div class="verdict {"yes" if icp.accepted else "no"}"><p class="word"><span aria-hidden="true">{"✓" if icp.accepted else "!"}</span> '
        f"{headline(icp)}</p><p class='sure'>confidence <b>{icp.confidence:.3f}</b></p><p><b>{escape(what)}</b></p>{said}"
        f"<p>What speaks for it and against it:</p>{listed(icp.reasons)}</div>"
    )
