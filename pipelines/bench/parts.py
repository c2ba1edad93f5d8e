"""Procedural parts, rendered and registered: how often the answer is right, by kind of symmetry."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.bench.score import judged, surface, truths
from pipelines.execute import Run
from pipelines.publish import NEEDED
from pipelines.results import read_result
from registration.data.synthetic import SynthParams, make_dataset
from registration.data.synthetic.dataset import MINI, check
from registration.data.synthetic.parts import Kind
from registration.errors import UserError
from registration.geometry.rigid import Rigid
from registration.progress import Tick, silent
from registration.verify.record import Registration

KINDS: tuple[Kind, ...] = ("none", "near", "exact")
DECIDE = ("verify", "icp")
"""Stages whose seconds are told."""


@dataclass(frozen=True)
class PartSet:
    """A data set of parts of every kind in turn; the same seed gives the same parts, however many there are."""

    seed: int
    objects: int
    params: SynthParams

    @property
    def name(self) -> str:
        """One for each way to render, so that none replaces another."""
        p, plain = self.params, SynthParams()
        size = "" if (p.views, p.size) == (plain.views, plain.size) else f"-{p.views}x{p.size}"
        return f"parts-{self.seed}{size}{'-print' if p.printed else ''}"

    def truth(self, root: Path, number: int) -> Path:
        """The truth of one object."""
        return root / f"{self.name}_truth" / f"obj_{number:06d}.json"


def ensure(root: Path, wanted: PartSet, tick: Tick = silent) -> None:
    """Render the data set, unless it is there; a smaller one is rendered again with more objects after the same first ones."""
    from filelock import FileLock

    check(wanted.name, wanted.objects, wanted.params)
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{wanted.name}.lock"):
        there = objects_there(root, wanted)
        if there < wanted.objects:
            make_dataset(
                root, wanted.name, objects=wanted.objects, seed=wanted.seed, kinds=KINDS, params=wanted.params,
                force=there > 0, tick=tick,
            )  # fmt: skip


def objects_there(root: Path, wanted: PartSet) -> int:
    """How many objects are rendered already; another data set of this name is refused."""
    place = root / wanted.name
    if not place.exists():
        return 0
    try:
        told = dict(json.loads((place / "dataset_info.json").read_text()))
    except (OSError, ValueError, TypeError):
        told = {}
    info = asdict(SynthParams()) | told  # what is not told is as it always was
    wish = {"seed": wanted.seed, "version": MINI, **asdict(wanted.params)}
    other = [f"{k} {info.get(k)} instead of {v}" for k, v in wish.items() if info.get(k) != v]
    files = truths(place.with_name(f"{place.name}_truth"))
    for n, file in enumerate(files):
        kind = json.loads(file.read_text()).get("symmetry")
        if kind != KINDS[n % len(KINDS)]:
            other.append(f"{file.stem} of kind {kind} instead of {KINDS[n % len(KINDS)]}")
            break
    if other:
        mend = f"remove it and {place.name}_truth, or choose another --seed or --bop-root"
        raise UserError(f"a data set of other parts ({', '.join(other)})", place, mend)
    return len(files)


def answer_of(run: Run, folder: Path, whole: bool) -> tuple[Rigid, float, bool] | None:
    """Transform, confidence and verdict of this very run: of result.json after a whole run, else of the stage icp."""
    if whole:
        result = read_result(folder)
        if result is None or result.get("keys") != {name: run.keys[name] for name in NEEDED}:
            return None
        return Rigid.from_similarity(result["T_up_from_down"]), float(result["confidence"]), bool(result["accepted"])
    place, key = run.place("icp"), run.keys["icp"]
    if place.manifest(key) is None:
        return None
    icp: Registration = place.load(Registration, key)
    return icp.T_up_from_down, float(icp.confidence), bool(icp.accepted)


def score_part(run: Run, folder: Path, truth: Path, whole: bool) -> dict[str, Any]:
    """One object's row; only its name and kind if the run has no answer."""
    facts = json.loads(truth.read_text())
    row: dict[str, Any] = {"object": truth.stem, "kind": facts["symmetry"]}
    answer = answer_of(run, folder, whole)
    if answer is None:
        return row
    T, confidence, accepted = answer
    made = [run.place(stage).manifest(run.keys[stage]) for stage in DECIDE]
    row |= {"accepted": accepted, "confidence": confidence} | judged(T, facts, surface(truth.with_suffix(".ply")))
    return row | {"seconds": float(sum(m["seconds"] for m in made if m))}


def by_kind(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The table, its last line all kinds together; an object without an answer is neither right nor accepted."""
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    return [*(counted(kind, [r for r in rows if r["kind"] == kind]) for kind in kinds), counted("all", rows)]


def counted(kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One line of it; medians and means are over the objects that have an answer."""
    done = [row for row in rows if "right" in row]
    right, accepted = [r["right"] for r in done], [r["accepted"] for r in done]
    out: dict[str, Any] = {
        "kind": kind,
        "objects": len(rows),
        "right": sum(right),
        "accepted": sum(accepted),
        "right_accepted": sum(a and r for a, r in zip(accepted, right, strict=True)),
        "false_accepts": sum(a and not r for a, r in zip(accepted, right, strict=True)),
    }
    if done:
        out["h95"] = float(np.median([row["h95"] for row in done]))
        out["seconds"] = float(np.mean([row["seconds"] for row in done]))
    return out
