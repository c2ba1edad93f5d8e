"""More than two captures: from transforms between pairs to one place for each, and which pairs to believe.

Pairs that were accepted connect the captures. Where a loop of them does not close, one of its pairs is wrong: the places that each
spanning tree of the pairs gives are held against what *all* pairs of captures saw, and the likeliest places decide which pair it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from registration.geometry.rigid import Array, Rigid
from registration.geometry.similar import Similar
from registration.verify.symmetry import explained

OFF_DEG, OFF_SHARE, OFF_SCALE = 5.0, 0.03, 0.02
"""A pair agrees with the captures' places if it is off by less: degrees, shares of the diameter, of the scale."""
MOST_TREES = 300
"""Of more spanning trees, so many are drawn."""
MOST_COUNTED = 12
"""Pairs of which all subsets are gone through."""

Cost = Callable[[int, int, Similar], float]
"""Loss of log-likelihood if capture b lies so in the frame of capture a."""


@dataclass(frozen=True, eq=False)
class Pair:
    """What the registration of two captures said."""

    a: int
    b: int
    found: Similar
    """T_a_from_b."""
    confidence: float
    accepted: bool
    overlap: float = 1.0
    symmetries: dict[str, Any] = field(default_factory=dict)
    """Motions in the frame of a that leave the model as it is."""


@dataclass(frozen=True, eq=False)
class Extent:
    """How large an object is in its capture's own unit, and where its middle lies there."""

    middle: Array  # (3,)
    diameter: float


@dataclass(frozen=True, eq=False)
class Places:
    """Where captures lie in the frame of the first of them, and which pairs say so."""

    at: dict[int, Similar]
    used: frozenset[int]
    """Pairs, by number, that lie as the captures do."""
    alike: frozenset[int]
    """Pairs that give the same model: they are off by a turn that leaves it as it is."""
    confidence: float = 0.0


def between(at: dict[int, Similar], a: int, b: int) -> Similar:
    """T_a_from_b, by the captures' places."""
    return at[a].inverse() @ at[b]


def off_by(pair: Pair, at: dict[int, Similar], extents: Sequence[Extent]) -> tuple[float, float, float]:
    """How far a pair is from the captures' places: degrees, shares of the diameter, of the scale."""
    rest = pair.found.inverse() @ between(at, pair.a, pair.b)
    e = extents[pair.b]
    return rest.motion.angle_deg(), float(np.linalg.norm(rest.apply(e.middle) - e.middle)) / e.diameter, abs(rest.scale - 1)


def agrees(off: tuple[float, float, float]) -> bool:
    """Whether that is near enough."""
    return off[0] < OFF_DEG and off[1] < OFF_SHARE and off[2] < OFF_SCALE


def same_model(pair: Pair, at: dict[int, Similar], extents: Sequence[Extent]) -> bool:
    """Whether a pair is off by a turn only that leaves the model as it is."""
    axes = [np.array(s["axis"], float) for s in pair.symmetries.get("symmetries_continuous", ())]
    turns = [np.array(M, float).reshape(4, 4) for M in pair.symmetries.get("symmetries_discrete", ())]
    placed, e = between(at, pair.a, pair.b), extents[pair.b]
    M = placed.motion @ pair.found.motion.inverse()
    others = [Rigid.from_similarity(T) for T in turns] + [Rigid.identity()] * bool(axes)
    known = any(explained(M, other, axes) for other in others)
    shift = np.linalg.norm(placed.apply(e.middle) - pair.found.apply(e.middle)) / (placed.scale * e.diameter)
    return known and bool(shift < OFF_SHARE) and abs(placed.scale / pair.found.scale - 1) < OFF_SCALE


def kruskal(count: int, pairs: Sequence[Pair], order: Iterable[int]) -> tuple[frozenset[int], list[int]]:
    """The first pairs of an order that close no loop; and the group that each capture then belongs to."""
    tree, group = [], list(range(count))
    for n in order:
        a, b = group[pairs[n].a], group[pairs[n].b]
        if a != b:
            tree.append(n)
            group = [a if g == b else g for g in group]
    return frozenset(tree), group


def surest(count: int, pairs: Sequence[Pair], numbers: Iterable[int]) -> frozenset[int]:
    """The tree of the likeliest pairs."""
    return kruskal(count, pairs, sorted(numbers, key=lambda n: -pairs[n].confidence))[0]


def spanning_trees(count: int, pairs: Sequence[Pair], numbers: Sequence[int], rng: np.random.Generator) -> Iterator[frozenset[int]]:
    """The surest tree first; then all others, or as many as are drawn."""
    first = surest(count, pairs, numbers)
    yield first
    if comb(len(numbers), len(first)) <= MOST_TREES:
        found = (kruskal(count, pairs, some)[0] for some in combinations(numbers, len(first)))
        yield from (tree for tree in found if len(tree) == len(first))
    else:
        yield from (kruskal(count, pairs, rng.permutation(numbers).tolist())[0] for _ in range(MOST_TREES))


def places_of(tree: frozenset[int], group: Sequence[int], pairs: Sequence[Pair]) -> dict[int, Similar]:
    """Where a tree of pairs puts the captures."""
    at = {group[0]: Similar.identity()}
    while len(at) < len(group):
        for n in sorted(tree):
            p = pairs[n]
            if p.a in at and p.b not in at:
                at[p.b] = at[p.a] @ p.found
            elif p.b in at and p.a not in at:
                at[p.a] = at[p.b] @ p.found.inverse()
    return at


def solutions(
    group: Sequence[int], pairs: Sequence[Pair], known: Sequence[int], extents: Sequence[Extent], trees: Iterable[frozenset[int]]
) -> list[Places]:
    """What the trees come to, each once: trees whose places the same pairs agree with are one solution."""
    out: dict[frozenset[int], Places] = {}
    for tree in trees:
        at = places_of(tree, group, pairs)
        used = frozenset(n for n in known if n in tree or agrees(off_by(pairs[n], at, extents)))
        alike = frozenset(n for n in known if n not in used and same_model(pairs[n], at, extents))
        if len(used | alike) == len(known):
            return [Places(at, used, alike)]  # no loop contradicts
        out.setdefault(used | alike, Places(at, used, alike))
    return list(out.values())


def judged(found: list[Places], cost: Cost, extents: Sequence[Extent]) -> tuple[float, Places]:
    """The likeliest solution and its share of the probability; the evidence of every pair of captures is heard."""
    if len(found) == 1:
        return 1.0, found[0]
    asked: dict[tuple[int, int], list[tuple[Similar, float]]] = {}

    def heard(a: int, b: int, T: Similar) -> float:
        known = asked.setdefault((a, b), [])
        for old, value in known:
            if agrees(off_by(Pair(a, b, old, 1.0, True), {a: Similar.identity(), b: T}, extents)):
                return value
        known.append((T, cost(a, b, T)))
        return known[-1][1]

    total = np.array([sum(heard(a, b, between(s.at, a, b)) for a, b in combinations(sorted(s.at), 2)) for s in found])
    return float(1 / np.exp(total.min() - total).sum()), found[int(total.argmin())]


def relaxed(at: dict[int, Similar], pairs: Sequence[Pair], used: frozenset[int], extents: Sequence[Extent], sized: bool) -> dict[int, Similar]:
    """Places that all used pairs agree with best: weighed by how sure they are and how much surface they share."""
    first, *others = at
    chosen = [pairs[n] for n in sorted(used)]
    radius = {c: extents[c].diameter * at[c].scale / 2 for c in at}
    middle = {c: at[c].apply(extents[c].middle) for c in at}
    width = 7 if sized else 6

    def moved(x: Array) -> dict[int, Similar]:
        out = {first: at[first]}
        for c, step in zip(others, x.reshape(-1, width), strict=True):
            grown = float(np.exp(step[6] / radius[c])) if sized else 1.0
            turn = Rigid.exp([*(step[:3] / radius[c]), 0, 0, 0])
            shift = middle[c] + step[3:6] - turn.apply(grown * middle[c])
            out[c] = Similar(Rigid(turn.R, shift), grown) @ at[c]
        return out

    def misfit(x: Array) -> Array:
        out, now = [], moved(x)
        for p in chosen:
            r, e = extents[p.b].diameter / 2, extents[p.b]
            rest = p.found.inverse() @ between(now, p.a, p.b)
            turn = rest.motion.R
            twist = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]) / 2
            parts = [*(r * twist), *(rest.apply(e.middle) - e.middle), *([r * np.log(rest.scale)] if sized else [])]
            out += [np.sqrt(p.confidence * max(p.overlap, 0.01)) * at[p.b].scale * v for v in parts]
        return np.array(out)

    return moved(least_squares(misfit, np.zeros(width * len(others)), xtol=1e-5, ftol=1e-5).x)


def reliability(count: int, pairs: Sequence[Pair], used: Sequence[int]) -> float:
    """Probability that the right ones among agreeing pairs connect all captures they reach: a loop confirms its pairs."""
    tree = surest(count, pairs, used)
    rest = sorted(set(used) - tree, key=lambda n: -pairs[n].confidence)[: max(0, MOST_COUNTED - len(tree))]
    chance = {n: pairs[n].confidence for n in [*tree, *rest]}
    if not rest:
        return float(np.prod(list(chance.values())))
    total = 0.0
    for right in range(2 ** len(chance)):
        holds = [n for k, n in enumerate(chance) if right >> k & 1]
        if len(kruskal(count, pairs, holds)[0]) == len(tree):
            total += float(np.prod([c if n in holds else 1 - c for n, c in chance.items()]))
    return total


def sureness(count: int, pairs: Sequence[Pair], used: frozenset[int], group: Sequence[int]) -> float:
    """Never more than the best witness of every capture says, for what misleads one pair may mislead its neighbours."""
    best = [max((pairs[n].confidence for n in used if c in (pairs[n].a, pairs[n].b)), default=0.0) for c in group]
    return min([reliability(count, pairs, sorted(used)), *best])


def join(count: int, pairs: Sequence[Pair], extents: Sequence[Extent], cost: Cost, sized: bool, rng: np.random.Generator) -> Places:
    """A place for every capture that accepted pairs connect; if there is no such pair, by the likeliest ones."""
    known = [n for n, p in enumerate(pairs) if p.accepted]
    known = known or sorted(surest(count, pairs, range(len(pairs))))
    groups = kruskal(count, pairs, known)[1]
    most = max(groups, key=groups.count)
    group = [c for c in range(count) if groups[c] == most]
    known = [n for n in known if pairs[n].a in group]
    share, best = judged(solutions(group, pairs, known, extents, spanning_trees(count, pairs, known, rng)), cost, extents)
    at, used = relaxed(best.at, pairs, best.used, extents, sized), best.used
    late = frozenset(n for n in known if agrees(off_by(pairs[n], at, extents))) - used
    if late:  # the way along a tree was too long to see that they agree
        used |= late
        at = relaxed(at, pairs, used, extents, sized)
    return Places(at, used, best.alike - used, share * sureness(count, pairs, used | best.alike, group))
