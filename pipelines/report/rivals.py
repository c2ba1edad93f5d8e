"""The hypotheses that came nearest, side by side, and what speaks against each."""

from __future__ import annotations

import numpy as np

from pipelines.report import curves, drawings, markup
from pipelines.report.words import percent
from registration.geometry.rigid import Rigid
from registration.nerf.record import Clouds
from registration.verify.record import Verdict

MOST_RIVALS = 5
"""Other hypotheses drawn beside the best."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def rivals_of(verdict: Verdict) -> list[int]:
    """Hypotheses to be drawn beside the best: at most some of the same model, then the best of each other."""
    same = [n for n in range(1, len(verdict.cost)) if verdict.group[n] == 0][:2]
    firsts = [int(np.flatnonzero(verdict.group == g)[0]) for g in dict.fromkeys(verdict.group.tolist()) if g != 0]
    return [*same, *firsts][:MOST_RIVALS]


def alternatives_section(verdict: Verdict, clouds: Clouds) -> str:
    """The best hypothesis and its rivals side by side, and the scores of all."""
    picked = [0, *rivals_of(verdict)]
    words, alts = [], []
    for n in picked:
        chance = percent(float(verdict.probability[verdict.group[n]]))
        kind = "chosen" if n == 0 else "the same model" if verdict.group[n] == 0 else "another model"
        words.append(f"{n + 1}: {kind}, {chance}")
        alts.append(f"Hypothesis {n + 1}, {kind}: both halves as clouds in blue and orange")
    pictures = drawings.pairs_of(clouds, [Rigid.from_matrix(verdict.T_up_from_down[n]) for n in picked], drawings.SMALL)
    said = (
        "<p>The hypotheses that came nearest, before ICP. “The same model” means a turn that leaves the object as it is: "
        "no rival. A probability belongs to a model, not to a picture.</p>"
    )
    if len(picked) == 1:
        said = "<p>No other hypothesis came near enough to be looked at.</p>"
    return markup.section(
        "alternatives",
        "Alternatives",
        said,
        markup.gallery(pictures, words, alts, "contact"),
        scores_chart(verdict),
        hypotheses_table(verdict),
    )


def scores_chart(verdict: Verdict) -> str:
    """What every candidate costs, beside the best."""
    extra = verdict.cost - verdict.cost[0]
    names = [f"{n + 1} {LETTERS[min(int(g), 25)]}" for n, g in enumerate(verdict.group)]
    shown_values = [f"+{e:,.1f}" if n else "best" for n, e in enumerate(extra)]
    looks = ["plain" if g == 0 else "other" for g in verdict.group]
    told = "Cost of every candidate beyond that of the best"
    said = (
        "<p>How much more each candidate contradicts the captures than the best one. A cost that is larger by 4.6 is a "
        f"hundred times less likely. Candidates with the same letter give the same model. {verdict.candidates} were proposed.</p>"
    )
    bars = curves.bars(told, names, list(map(float, extra)), shown_values, looks)
    return f"<h3>Scores of the candidates</h3>{bars}{said}"


def hypotheses_table(verdict: Verdict) -> str:
    """The likeliest hypotheses and what speaks against each."""
    head = [
        "rank",
        "model",
        "source",
        "cost",
        "outside masks, %",
        "in free space, %",
        "masks bare, px",
        "print apart",
        "relief apart",
        "lids apart",
        "sides turned by",
        "moves the model by, % of d",
    ]
    body = [
        [
            str(n + 1), LETTERS[min(int(verdict.group[n]), 25)], verdict.source[n], f"{verdict.cost[n]:.1f}", f"{100 * verdict.mask[n]:.2f}",
            f"{100 * (verdict.free[n] + verdict.deep[n]):.1f}", f"{verdict.bare[n]:.3f}", f"{verdict.colour[n]:.2f}", f"{verdict.relief[n]:.2f}", f"{verdict.lids[n]:.1f}", f"{verdict.turned[n]:.0f}°", f"{100 * verdict.moved[n]:.2f}",
        ]
        for n in range(min(8, len(verdict.cost)))
    ]  # fmt: skip
    return "<h3>What speaks against each</h3>" + markup.rows(head, body, "The likeliest hypotheses")
