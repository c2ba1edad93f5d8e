"""The captures of one object as witnesses of each other, and the record of where they lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.geometry.similar import Similar
from registration.sources.base import HalfModel
from registration.sources.witness import Witness
from registration.verify.decide import Court
from registration.verify.join import Extent, Pair, Places, agrees, join, kruskal, off_by
from registration.verify.params import VerifyParams
from registration.verify.record import Joined, Registration

Found = Mapping[tuple[int, int], Registration]


@dataclass(eq=False)
class Hearing:
    """What all captures say to a transform between two of them."""

    halves: Sequence[HalfModel]
    """Each in its own frame and unit."""
    extents: Sequence[Extent]
    params: VerifyParams
    rng: np.random.Generator
    known: dict[tuple[int, float], Witness] = field(default_factory=dict)

    def witness(self, n: int, scale: float = 1.0) -> Witness:
        """One capture in another size."""
        key = n, round(scale, 4)
        if key not in self.known:
            self.known[key] = Witness.of(self.halves[n].scaled(scale), self.params.points, self.rng)
        return self.known[key]

    def cost(self, a: int, b: int, T: Similar) -> float:
        """Loss of log-likelihood if b lies so in the frame of a; it may come into contact first, but not go elsewhere."""
        size = max(self.extents[a].diameter, T.scale * self.extents[b].diameter)
        court = Court(self.witness(a), self.witness(b, T.scale), size, self.params)
        found = court.touched(T.motion, "join")
        if not agrees(off_by(Pair(a, b, Similar(found.T, T.scale), 1.0, True), {a: Similar.identity(), b: T}, self.extents)):
            found = court.left(T.motion, "join")
        return court.cost(court.looked_at(found))


def extent_of(half: HalfModel) -> Extent:
    """Size and middle of a half."""
    return Extent(half.cloud.points.mean(0), diameter(half.nerf.vertices))


def pairs_of(found: Found) -> list[Pair]:
    """Registrations as pairs."""
    return [
        Pair(a, b, Similar(r.T_up_from_down, r.scale), r.confidence, r.accepted, r.overlap, r.symmetries)
        for (a, b), r in found.items()
    ]


def worth_asking(found: Found, asked: Collection[tuple[int, int]]) -> tuple[int, int] | None:
    """The likeliest pair that was not asked yet and would connect captures that accepted pairs do not connect."""
    pairs = pairs_of(found)
    groups = kruskal(1 + max(p.b for p in pairs), pairs, [n for n, p in enumerate(pairs) if p.accepted])[1]
    apart = [p for p in pairs if groups[p.a] != groups[p.b] and (p.a, p.b) not in asked]
    best = max(apart, key=lambda p: p.confidence, default=None)
    return (best.a, best.b) if best else None


def joined(
    halves: Sequence[HalfModel], found: Found, names: Sequence[str], params: VerifyParams, rng: np.random.Generator
) -> Joined:
    """Where all captures lie; ``found`` are the registrations of pairs of them, by their numbers."""
    pairs = pairs_of(found)
    extents, sized = [extent_of(h) for h in halves], not all(h.capture.metric for h in halves)
    places = join(len(halves), pairs, extents, Hearing(halves, extents, params, rng).cost, sized, rng)
    told = [entry_of(n, p, places, extents) for n, p in enumerate(pairs)]
    whole = len(places.at) == len(halves)
    sure = any(p.accepted for p in pairs) and places.confidence >= params.accept
    first, registrations = next(iter(places.at)), list(found.values())
    gaps = [registrations[n].chamfer_mm * places.at[pairs[n].a].scale for n in sorted(places.used)]
    return Joined(
        placed=tuple(places.at), places=tuple(s.motion for s in places.at.values()),
        scales=tuple(s.scale for s in places.at.values()), pairs=tuple(told), confidence=places.confidence,
        accepted=whole and sure, reasons=reasons_of(places, told, names),
        chamfer_mm=float(np.mean(gaps)),
        diameter_mm=max(s.scale * extents[c].diameter for c, s in places.at.items()),
        symmetries=symmetries_of(places, pairs), metric=halves[first].capture.metric,
        unit_mm=tuple(halves[c].capture.unit_mm for c in places.at),
    )  # fmt: skip


def entry_of(n: int, pair: Pair, places: Places, extents: Sequence[Extent]) -> dict[str, Any]:
    """What became of a pair."""
    out: dict[str, Any] = {"a": pair.a, "b": pair.b, "confidence": round(pair.confidence, 4), "overlap": round(pair.overlap, 4)}
    out["T_a_from_b"] = pair.found.as_matrix().tolist()
    if not {pair.a, pair.b} <= set(places.at):
        return out | {"state": "left out" if pair.accepted else "not accepted"}
    degrees, share, _ = off_by(pair, places.at, extents)
    out |= {"off_deg": round(degrees, 3), "off_share": round(share, 5)}
    if n in places.used:
        return out | {"state": "used"}
    return out | {"state": "same model" if n in places.alike else "rejected" if pair.accepted else "not accepted"}


def reasons_of(places: Places, told: Sequence[dict[str, Any]], names: Sequence[str]) -> tuple[str, ...]:
    """Why the captures lie as they do, in words."""
    by = lambda state: [t for t in told if t["state"] == state]  # noqa: E731
    named = lambda t: f"{names[t['a']]} and {names[t['b']]}"  # noqa: E731
    used, out = by("used"), []
    worst = max((t["off_deg"] for t in used), default=0.0), max((100 * t["off_share"] for t in used), default=0.0)
    out.append(
        f"{len(places.at)} of {len(names)} captures lie where {len(used)} of {len(told)} pairs put them, "
        f"{worst[0]:.2f} degrees and {worst[1]:.2f} % of the diameter off at most"
    )
    for t in by("rejected"):
        out.append(f"{named(t)}: rejected, the other pairs and all images put them {t['off_deg']:.0f} degrees elsewhere")
    for t in by("same model"):
        out.append(f"{named(t)}: off by {t['off_deg']:.0f} degrees, a turn that leaves the object as it is")
    for t in by("not accepted"):
        out.append(f"{named(t)}: not accepted by itself, confidence {t['confidence']:.3f}")
    missing = [names[c] for c in range(len(names)) if c not in places.at]
    if missing:
        out.append(f"no place for {', '.join(missing)}: no pair connects it with the others; it takes no part in the model")
    return tuple(out)


def symmetries_of(places: Places, pairs: Sequence[Pair]) -> dict[str, Any]:
    """The model's, in the frame of the first capture: of the first pair that was used, unless another one denies them."""
    used = [pairs[n] for n in sorted(places.used | places.alike)]
    if not used or not all(p.symmetries for p in used):
        return {}
    S, known = places.at[used[0].a], used[0].symmetries
    out: dict[str, Any] = {}
    if known.get("symmetries_discrete"):
        turns = [Similar(Rigid.from_similarity(np.array(M, float).reshape(4, 4))) for M in known["symmetries_discrete"]]
        out["symmetries_discrete"] = [(S @ M @ S.inverse()).as_matrix().ravel().tolist() for M in turns]
    if known.get("symmetries_continuous"):
        out["symmetries_continuous"] = [
            {"axis": S.motion.turn(np.array(s["axis"])).tolist(), "offset": S.apply(np.array(s["offset"])).tolist()}
            for s in known["symmetries_continuous"]
        ]
    return out
