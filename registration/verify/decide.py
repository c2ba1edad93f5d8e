"""From evidence to a verdict: ranking, rivals, confidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from registration.geometry.paint import PRINTED
from registration.geometry.rigid import Array, Rigid
from registration.progress import Tick
from registration.sources.base import HalfModel, Hypotheses
from registration.sources.evidence import TERMS, Evidence, cost_of, costs, judge
from registration.sources.witness import Witness, pulled
from registration.verify.belief import Belief, believe, some_right
from registration.verify.body import Body, bare_masks
from registration.verify.lids import Lids
from registration.verify.params import VerifyParams
from registration.verify.record import Verdict
from registration.verify.rivals import LEAST_TURN_DEG, Sameness, turned
from registration.verify.spin import Round
from registration.verify.symmetry import axis_of, symmetries_of

NEAR_DEG, NEAR_SHARE = 1.0, 0.01
"""Transforms nearer than this came to the same place."""
TOLD = 0.01
"""Other models are named as alternatives from this probability on."""


@dataclass(frozen=True)
class Candidate:
    """A hypothesis pulled into contact, and what speaks against it."""

    T: Rigid
    evidence: Evidence
    source: str
    body: Body | None = None


@dataclass(frozen=True, eq=False)
class Court:
    """Both halves as witnesses, and how they are asked."""

    up: Witness
    down: Witness
    diameter: float
    params: VerifyParams

    def cost(self, c: Candidate) -> float:
        """Loss of log-likelihood."""
        return cost_of(c.evidence, self.params)

    def touched(self, start: Rigid, source: str) -> Candidate:
        """Pull a guess into contact and hear the quick evidence."""
        reach = self.params.reach * self.diameter
        return self.left(pulled(self.up, self.down, start, reach), source)

    def left(self, T: Rigid, source: str) -> Candidate:
        """Hear the quick evidence of a guess as it is."""
        return Candidate(T, judge(self.up, self.down, T, self.diameter, self.params.reach * self.diameter), source)

    def looked_at(self, c: Candidate) -> Candidate:
        """Hold the common body against the images too."""
        body = Body.common(self.up, self.down, c.T, self.params.voxels)
        bare = bare_masks(body, self.up, self.down, c.T)
        return replace(c, evidence=replace(c.evidence, bare=bare), body=body)

    def relieved(self, c: Candidate, around: Round | None, lids: Lids | None) -> Candidate:
        """Hear what is not round, too, where the body nearly is."""
        if around is None:
            return c
        covered = lids.weight * (1 - lids.agree(self.down, c.T)) if lids is not None and lids.weight else 0.0
        return replace(c, evidence=replace(c.evidence, relief=around.unlike(self.down, c.T), lids=covered))

    def near(self, a: Candidate, b: Candidate) -> bool:
        """Whether both came to the same place."""
        return a.T.angle_deg(b.T) < NEAR_DEG and bool(np.linalg.norm(a.T.t - b.T.t) < NEAR_SHARE * self.diameter)

    def likeliest(self, found: Iterable[Candidate]) -> list[Candidate]:
        """In order, those that came to the same place counted once, those without a chance left out."""
        out: list[Candidate] = []
        for c in sorted(found, key=self.cost):
            if out and self.cost(c) > self.cost(out[0]) + self.params.margin:
                break
            if not any(self.near(c, other) for other in out):
                out.append(c)
        return out[: self.params.looked_at]


@dataclass(eq=False)
class Trial:
    """All that was guessed so far, judged."""

    court: Court
    found: list[Candidate]
    looked: dict[int, Candidate]
    """What was looked at closely, by the place of the candidate in memory."""
    guesses: int = 0

    @classmethod
    def of(
        cls, up: HalfModel, down: HalfModel, diameter: float, params: VerifyParams, rng: np.random.Generator
    ) -> Trial:
        """Nothing guessed yet."""
        court = Court(Witness.of(up, params.points, rng), Witness.of(down, params.points, rng), diameter, params)
        return cls(court, [], {})

    def heard(self, guesses: Sequence[Hypotheses], tick: Tick) -> Verdict:
        """Pull every guess into contact and judge it, judge the turns of the best one beside it, rank all so far."""
        params, pairs = self.court.params, [p for g in guesses for p in zip(g.T_up_from_down, g.source, strict=True)]
        self.guesses += len(pairs)
        total, done = len(pairs) + params.turns + params.looked_at, 0
        for matrix, source in pairs:
            self.found.append(self.court.touched(Rigid.from_matrix(matrix), source))
            tick(done := done + 1, total)
        best = self.look(self.court.likeliest(self.found)[0])
        if best.body is not None:
            for T in turned(best.body, best.T, self.court.diameter, params.turns):
                self.found.append(self.court.touched(T, best.source))
                tick(done := done + 1, total)
        around = self.around(best)
        lids = self.lids(best, around)
        ranked: list[Candidate] = []
        for c in [*self.spun(best, around, lids), *self.court.likeliest(self.found)]:
            if not any(self.court.near(c, other) for other in ranked):
                ranked.append(self.court.relieved(self.look(c), around, lids))
            tick(done := min(done + 1, total), total)
        tick(total, total)
        return verdict_of(self.court, sorted(ranked, key=self.court.cost), self.guesses, lids)

    def around(self, best: Candidate) -> Round | None:
        """The axis of the best hypothesis' body, if it is nearly round."""
        if best.body is None:
            return None
        motions = [c.T @ best.T.inverse() for c in self.court.likeliest(self.found)]
        axes = [axis_of(M) for M in motions if M.angle_deg() > LEAST_TURN_DEG]
        return Round.of(best.body, self.court.up, self.court.diameter, axes)

    def lids(self, best: Candidate, around: Round | None) -> Lids | None:
        """What neither half explains around that axis. A print decides by itself, and its edges are unlike one place wherever a surface is a little off."""
        court = self.court
        if around is None or min(court.up.printed.strength(), court.down.printed.strength()) >= PRINTED:
            return None
        return Lids.of(around, court.up, court.down, best.T)

    def spun(self, best: Candidate, around: Round | None, lids: Lids | None) -> list[Candidate]:
        """The best hypothesis turned about that axis: quick evidence hardly tells these apart, so all are looked at."""
        if around is None:
            return []
        most = self.court.params.spins
        turns = around.turns(self.court.down, best.T, most)
        if lids is not None and lids.weight:
            turns += [around.turn(degrees) @ best.T for degrees in lids.peaks[:most]]
        return [self.court.touched(T, best.source) for T in turns]

    def look(self, c: Candidate) -> Candidate:
        """Look closely, once."""
        if id(c) not in self.looked:
            self.looked[id(c)] = self.court.looked_at(c)
        return self.looked[id(c)]


def verify(
    up: HalfModel, down: HalfModel, guesses: Hypotheses, diameter: float, params: VerifyParams,
    rng: np.random.Generator, tick: Tick,
) -> Verdict:  # fmt: skip
    """The verdict on guesses that are all there."""
    return Trial.of(up, down, diameter, params, rng).heard([guesses], tick)


def verdict_of(court: Court, ranked: list[Candidate], candidates: int, lids: Lids | None = None) -> Verdict:
    """Which give the same model, and how likely the best one is."""
    best, params = ranked[0], court.params
    cost = np.array([court.cost(c) for c in ranked])
    group, moved, symmetries = np.arange(len(ranked)), np.ones(len(ranked)), {}
    body = Body.common(court.up, court.down, best.T, params.same_voxels)
    agree = None if lids is None or not lids.tell else cache(partial(lids.agree, court.down))  # each is held against all others
    hidden = (0.0, 0.0) if lids is None or lids.tell else lids.hidden  # lids that meet are as good as holes that do
    if body is not None:
        sameness = Sameness(body, court.up, court.down, best.T, court.diameter, params, agree, hidden)
        group, moved = sameness.groups([c.T for c in ranked])
        symmetries = symmetries_of(sameness, [c.T for c, g in zip(ranked, group, strict=True) if g == 0])
    belief = believe(cost, group, some_right(best.evidence, params))
    column: Callable[[str], Array] = lambda name: np.array([getattr(c.evidence, name) for c in ranked], float)  # noqa: E731
    return Verdict(
        T_up_from_down=np.array([c.T.as_matrix() for c in ranked]), **{name: column(name) for name in TERMS},
        tilt=column("tilt"), turned=column("turned"), overlap=column("overlap"), chamfer_mm=column("chamfer_mm"),
        cost=cost, moved=moved, group=group, probability=belief.each, accepted=bool(belief.each[0] >= params.accept),
        none=belief.none,
        source=tuple(c.source for c in ranked), candidates=candidates, reasons=reasons_of(ranked, belief, params),
        symmetries=symmetries, held=np.zeros((0, 3)) if agree is None or lids is None else np.stack([lids.around.axis, lids.around.middle]),
    )  # fmt: skip


def reasons_of(ranked: list[Candidate], belief: Belief, params: VerifyParams) -> tuple[str, ...]:
    """Why the confidence is what it is, in words."""
    e = ranked[0].evidence
    out = [
        f"{100 * e.mask:.2f} % of the points outside the other capture's masks, beyond the masks' own noise",
        f"{100 * (e.free + e.deep):.1f} % stand in space the other capture looked through",
        f"{100 * e.overlap:.0f} % of the points meet the other half's surface",
    ]
    if len(belief.each) == 1:
        out.append("no rival gives another model")
    else:
        rival = ranked[int(np.flatnonzero(belief.group == 1)[0])].evidence
        ours, theirs = costs(e, params), costs(rival, params)
        most = max(theirs, key=lambda name: theirs[name] - ours[name])
        odds = belief.each[0] / max(belief.each[1], 1e-12)
        words = "more than a million" if odds > 1e6 else f"{odds:,.0f}" if odds >= 10 else f"{odds:.1f}"
        out.append(f"the nearest rival with another model is {words} times less likely, most of all by {SAID[most]}")
    if belief.none > TOLD:
        out.append(f"with a probability of {100 * belief.none:.0f} % none of the hypotheses is right")
    return tuple(out)


SAID = {
    "mask": "points outside the masks", "free": "points in free space", "deep": "cavities that do not fit",
    "apart": "the gap between the surfaces", "colour": "the print", "bare": "parts of the masks that stay bare",
    "relief": "what is not round on them", "lids": "what the views show and neither half explains", "same_side": "the side that both captures would have looked at",
}  # fmt: skip
