"""The verdict in plain words, first on the page."""

from __future__ import annotations

from html import escape

from pipelines.report.markup import listed
from registration.fuse.record import Model
from registration.verify.record import Registration

EXACT_DEG = 1.0
"""Turns are told in whole degrees."""


def percent(share: float) -> str:
    """A probability as people say it; never more certain than it is."""
    if share >= 0.9995:
        return "more than 99.9 %"
    return "less than 0.1 %" if share < 0.0005 else f"{100 * share:.1f} %"


def headline(icp: Registration) -> str:
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


def verdict(icp: Registration, model: Model) -> str:
    """The box at the top."""
    d = icp.diameter_mm
    met = f"{icp.chamfer_mm:.2f} mm apart ({100 * icp.chamfer_mm / d:.2f} % of its {d:.0f} mm)"
    turn = model.T_up_from_down.angle_deg()
    lines = [
        f"The object was turned by {turn:.0f} degrees between the captures. Where both captures saw its surface, the two halves lie {met}.",
        symmetry(icp),
        *(
            ""
            if model.fused.seen >= 0.995
            else [f"{100 * model.fused.seen:.0f} % of the surface was seen; the rest is a guess between what was."]
        ),
    ]
    said = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    return (
        f'<div class="verdict {"yes" if icp.accepted else "no"}"><p class="word"><span aria-hidden="true">{"✓" if icp.accepted else "!"}</span> '
        f"{headline(icp)}</p><p class='sure'>confidence <b>{icp.confidence:.3f}</b></p><p><b>{escape(meaning(icp))}</b></p>{said}"
        f"<p>What speaks for it and against it:</p>{listed(icp.reasons)}</div>"
    )
