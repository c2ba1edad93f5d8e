"""Fits the weights of verification to parts whose truth is known, and shows how far its probabilities can be believed.

python benchmarks/calibrate.py gather CACHE.json RUNS TRUTH [--strangers 12]   once per data set, after `regpipe run --until clouds`
python benchmarks/calibrate.py fit CACHE.json ... [--picture FILE.svg]         weights, and probabilities of parts left out of the fit
python benchmarks/calibrate.py told RUNS TRUTH [--picture FILE.svg]            what the verdicts of a run told, against the truth

gather judges every hypothesis of shape and print and every turn tried on purpose, far beyond the margin of a run, and notes
whether it is right (h95 below 0.0165 by 200,000 points; printed parts below 5 degrees too). strangers: halves of different parts.
fit has two steps, as registration/verify/belief.py has two factors. The weights between hypotheses maximise the likelihood of the right
model among all of a part; the doubt is a logistic regression on the best hypothesis of each part, as it is, and once all that is
not plainly wrong (h95 above 0.03) has been struck out. Both are held to weights set by hand where the data say nothing. Each part's probabilities are told by a fit
that did not see it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import KDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.reliability import shown
from pipelines.bench.score import truths
from pipelines.bucket import open_store
from pipelines.halves import kept
from pipelines.store import Store
from registration.data.capture import Capture
from registration.geometry.mesh import read_mesh
from registration.geometry.rigid import Array, Rigid
from registration.nerf.record import Clouds, NerfHalf
from registration.progress import silent
from registration.sources.base import HalfModel
from registration.sources.catalogue import load
from registration.sources.evidence import TERMS, same_side
from registration.sources.params import PosesParams
from registration.verify.decide import Hypotheses, Trial
from registration.verify.params import VerifyParams
from registration.verify.record import Verdict

RIGHT, NEARLY, TURNED_DEG = 0.0165, 0.02, 5.0
"""A transform is right below the first share of the diameter; between the two it is struck out with the right ones."""
PLAIN = 0.03
"""From this share of the diameter on a transform is plainly wrong."""
DOUBTS = ("mask", "stands", "bare", "print", "side")
SHARES = {"out": 0.5, "strangers": 0.5}
"""What a part without its right hypotheses, and a pair of strangers, count in the fit."""
HAND = {"mask": 400.0, "free": 80.0, "deep": 25.0, "apart": 6.0, "colour": 50.0, "bare": 400.0, "relief": 20.0, "lids": 1.0}
HAND_DOUBT = {"mask": 4000.0, "stands": 10.0, "bare": 10.0, "print": 70.0, "side": 5.0, "at": 10.0}
HELD, DOUBT_HELD = 0.3, 0.03
"""How firmly the logarithms of the weights are held to those set by hand."""
OWN = VerifyParams()


def looks_right(degrees: Array, textured: bool) -> NDArray[np.bool_]:  # (n,)
    """Whether turns off the truth leave the print where it is, as far as there is one."""
    return (degrees < TURNED_DEG) | (not textured)


@dataclass(frozen=True, eq=False)
class Pool:
    """All hypotheses of one part."""

    name: str
    evidence: Array  # (n, len(TERMS))
    side: Array  # (n,)
    h95: Array  # (n,)
    right: NDArray[np.bool_]  # (n,)
    nearly: NDArray[np.bool_]  # (n,)
    group: NDArray[np.int64]  # (n,)
    stranger: bool

    @classmethod
    def of(cls, row: dict[str, Any]) -> Pool:
        """From what gather wrote."""
        h95, turned = np.array(row["h95"]), looks_right(np.array(row["degrees"]), row["textured"])
        return cls(
            row["name"], np.array([row[t] for t in TERMS], float).T, np.array([same_side(d) for d in row["turned"]]),
            h95, (h95 < RIGHT) & turned, (h95 < NEARLY) & turned, np.array(row["group"]), row["stranger"],
        )  # fmt: skip

    def leaders(self, cost: Array, among: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """The best hypothesis of every model, the best first."""
        order = np.argsort(cost)
        order = order if among is None else order[among[order]]
        return order[np.sort(np.unique(self.group[order], return_index=True)[1])]

    def doubts(self, n: int) -> Array:  # (len(DOUBTS),)
        """What speaks against one hypothesis in itself."""
        e = dict(zip(TERMS, self.evidence[n], strict=True))
        return np.array(
            [e["mask"], e["free"] + e["deep"], e["bare"], max(0.0, e["colour"] - OWN.print_slack), self.side[n]]
        )


class Off:
    """How far a transform is off the truth."""

    def __init__(self, file: Path) -> None:
        """By a dense sample of the true surface."""
        self.facts = json.loads(file.read_text())
        self.G, self.d = Rigid.from_matrix(self.facts["T_up_from_down"]), float(self.facts["diameter"])
        points = read_mesh(file.with_suffix(".ply")).sample(200_000, np.random.default_rng(1))[0]
        self.tree, self.some = KDTree(points), points[:4000]

    def h95(self, T: Rigid) -> float:
        """95 % of the surface is moved by less than this share of the diameter."""
        M = T @ self.G.inverse()
        ways = [np.asarray(self.tree.query(X.apply(self.some))[0]) for X in (M, M.inverse())]
        return float(max(np.quantile(w, 0.95) for w in ways)) / self.d


def halves(store: Store, name: str) -> tuple[HalfModel, HalfModel, float] | None:
    """Both halves of a part, if they are there."""
    found = [kept(store, name, s, k) for s, k in (
        ("capture-up", Capture), ("nerf-up", NerfHalf), ("capture-down", Capture), ("nerf-down", NerfHalf), ("clouds", Clouds),
    )]  # fmt: skip
    if any(f is None for f in found):
        return None
    cu, nu, cd, nd, clouds = (f[0] for f in found if f is not None)
    return HalfModel(cu, nu, clouds.up), HalfModel(cd, nd, clouds.down), clouds.diameter_mm


def judged(up: HalfModel, down: HalfModel, diameter: float) -> dict[str, Any]:
    """Everything that verification says of everything that could be guessed."""
    rng, poses = np.random.default_rng(0), PosesParams()
    found = [Hypotheses.of(load(n).fit(up, poses, rng, silent).propose(down, rng, silent)) for n in ("shape", "print")]
    verdict = Trial.of(up, down, diameter, replace(OWN, margin=1e9), rng).heard(found, silent)
    row = {name: getattr(verdict, name).tolist() for name in (*TERMS, "turned", "group")}
    return row | {"T": verdict.T_up_from_down.tolist()}


def gather(cache: Path, runs: Path, truth: Path, strangers: int) -> None:
    """Judge all parts of a run and some pairs of strangers; what the cache holds already is not done again."""
    rows: list[dict[str, Any]] = json.loads(cache.read_text()) if cache.exists() else []
    store, known, there = open_store(runs.resolve().parent / ".store"), {r["name"] for r in rows}, []
    for file in truths(truth):
        name = f"{runs.resolve().name}/{file.stem}"
        pair = halves(store, name)
        if pair is None:
            continue
        there.append((name, pair))
        if name not in known:
            off, row = Off(file), judged(*pair)
            Ts = [Rigid.from_matrix(T) for T in row["T"]]
            row |= {"h95": [off.h95(T) for T in Ts], "degrees": [T.angle_deg(off.G) for T in Ts]}
            keep(cache, rows, row | {"name": name, "textured": bool(off.facts.get("textured")), "stranger": False})
    for n in range(min(strangers, len(there))):
        (one, a), (other, b) = there[n], there[(n + 3) % len(there)]
        if one != other and f"{one}+{other}" not in known:
            row = judged(a[0], b[1], max(a[2], b[2]))
            far = [1.0] * len(row["T"])
            keep(
                cache,
                rows,
                row | {"name": f"{one}+{other}", "textured": False, "stranger": True, "h95": far, "degrees": far},
            )


def keep(cache: Path, rows: list[dict[str, Any]], row: dict[str, Any]) -> None:
    """Keep a row."""
    rows.append(row)
    cache.write_text(json.dumps(rows))
    print(row["name"], len(row["T"]), "hypotheses", flush=True)


def relative(theta: Array, pools: list[Pool], start: Array) -> float:
    """Minus the log-likelihood of the right models, and what holds the weights."""
    loss = HELD * float(((theta - start) ** 2).sum())
    for pool in pools:
        cost = pool.evidence @ np.exp(theta) + OWN.same_side_cost * pool.side
        best = pool.leaders(cost)
        if pool.right[best].any():
            z = cost[best[0]] - cost[best]
            loss -= float(np.log(max(np.exp(z)[pool.right[best]].sum() / np.exp(z).sum(), 1e-12)))
    return loss


def cases(pools: list[Pool], weights: Array) -> list[tuple[Array, bool, float]]:
    """The best hypothesis of every part as it is, and without what is nearly right: its doubts, whether it is right, its share."""
    out = []
    for pool in pools:
        cost = pool.evidence @ weights + OWN.same_side_cost * pool.side
        first = int(np.argmin(cost))
        if pool.stranger:
            out.append((pool.doubts(first), False, SHARES["strangers"]))
            continue
        if pool.right[first]:
            out.append((pool.doubts(first), True, 1.0))
        far = ~pool.nearly & (pool.h95 > PLAIN)  # near-symmetric turns are for the comparison to tell, not for doubt
        if far.any():
            out.append((pool.doubts(int(pool.leaders(cost, far)[0])), False, SHARES["out"]))
    return out


def doubtful(theta: Array, found: list[tuple[Array, bool, float]], start: Array) -> float:
    """Minus the log-likelihood of being right, and what holds the weights."""
    loss = DOUBT_HELD * float(((theta - start) ** 2).sum())
    for doubts, right, share in found:
        z = np.exp(theta[-1]) - doubts @ np.exp(theta[:-1])
        loss += share * float(np.logaddexp(0, -z if right else z))
    return loss


def fitted(pools: list[Pool]) -> tuple[Array, Array]:
    """Weights between hypotheses (len(TERMS),), and those of the doubt and where it turns (len(DOUBTS) + 1,)."""
    start = np.log([HAND[t] for t in TERMS])
    best = minimize(relative, start, (pools, start), method="Nelder-Mead", options={"maxfev": 4000, "fatol": 1e-4})
    weights = np.exp(best.x)
    first = np.log([HAND_DOUBT[d] for d in (*DOUBTS, "at")])
    doubt = minimize(doubtful, first, (cases(pools, weights), first), method="Nelder-Mead", options={"maxfev": 4000})
    return weights, np.exp(doubt.x)


def believed(pool: Pool, weights: Array, doubt: Array) -> list[tuple[float, bool]]:
    """Every model's probability and whether it is right."""
    cost = pool.evidence @ weights + OWN.same_side_cost * pool.side
    best = pool.leaders(cost)
    z = np.exp(cost[best[0]] - cost[best])
    some = (1 - OWN.surprise) / (1 + np.exp(np.clip(pool.doubts(int(best[0])) @ doubt[:-1] - doubt[-1], -50, 50)))
    return [(float(some * p), bool(pool.right[n])) for p, n in zip(z / z.sum(), best, strict=True)]


def told(runs: Path, truth: Path, picture: Path | None) -> None:
    """How far the probabilities hold that a run has told of its models, those that it looked at."""
    store, pairs = open_store(runs.resolve().parent / ".store"), []
    for file in truths(truth):
        found = kept(store, f"{runs.resolve().name}/{file.stem}", "verify", Verdict)
        if found is None:
            continue
        verdict, off = found[0], Off(file)
        firsts = [int(np.flatnonzero(verdict.group == g)[0]) for g in range(len(verdict.probability))]
        Ts = [Rigid.from_matrix(verdict.T_up_from_down[n]) for n in firsts]
        turned = looks_right(np.array([T.angle_deg(off.G) for T in Ts]), bool(off.facts.get("textured")))
        right = turned & (np.array([off.h95(T) for T in Ts]) < RIGHT)
        mine = [(float(p), bool(r)) for p, r in zip(verdict.probability, right, strict=True)]
        line(file.stem, *mine[0])
        pairs += mine
    shown(pairs, picture)


def line(name: str, p: float, right: bool) -> None:
    """One part's best model."""
    print(f"{name:<36} {p:.4f} {'right' if right else 'wrong'} {'' if p < OWN.accept else 'accepted'}")


def fit(caches: list[Path], picture: Path | None) -> None:
    """Fit, and tell how well the probabilities of parts that were left out hold."""
    pools = [Pool.of(row) for cache in caches for row in json.loads(cache.read_text())]
    weights, doubt = fitted(pools)
    for name, value in zip([*(f"{t}_cost" for t in TERMS), "doubt_mask", "doubt_free", "doubt_bare", "doubt_print", "doubt_side", "doubt_at"], [*weights, *doubt], strict=True):  # fmt: skip
        print(f"    {name}: float = {value:.3g}")
    pairs: list[tuple[float, bool]] = []
    for k, pool in enumerate(pools):
        w, v = fitted(pools[:k] + pools[k + 1 :])
        mine = believed(pool, w, v)
        pairs += mine
        line(pool.name, *mine[0])
    shown(pairs, picture)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    first = steps.add_parser("gather")
    for name in ("cache", "runs", "truth"):
        first.add_argument(name, type=Path)
    first.add_argument("--strangers", type=int, default=12)
    second = steps.add_parser("fit")
    second.add_argument("caches", type=Path, nargs="+")
    third = steps.add_parser("told")
    third.add_argument("runs", type=Path)
    third.add_argument("truth", type=Path)
    for step in (second, third):
        step.add_argument("--picture", type=Path)
    a = parser.parse_args()
    if a.step == "gather":
        gather(a.cache, a.runs, a.truth, a.strangers)
    elif a.step == "fit":
        fit(a.caches, a.picture)
    else:
        told(a.runs, a.truth, a.picture)


if __name__ == "__main__":
    main()
