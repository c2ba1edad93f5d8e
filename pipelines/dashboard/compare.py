"""Two runs, or two sources, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pipelines.dashboard.rows import ACCEPTED, Row
from pipelines.halves import kept
from pipelines.store import Damaged, Store
from registration.geometry.rigid import Rigid
from registration.sources.base import Hypotheses
from registration.verify.record import Verdict

COMPARED = {
    "confidence": "confidence", "gap, mm": "chamfer_mm", "diameter, mm": "diameter_mm", "PSNR, dB": "psnr_db",
    "silhouettes agree": "mask_iou", "alternatives": "alternatives", "candidates": "candidates", "seconds": "seconds",
}  # fmt: skip


def side_by_side(a: Row, b: Row) -> list[dict[str, Any]]:
    """What both tell, and the difference where it is a number."""
    out: list[dict[str, Any]] = [
        {"what": what, "a": str(getattr(a, what)), "b": str(getattr(b, what)), "b - a": None}
        for what in ("verdict", "source")
    ]
    for what, name in COMPARED.items():
        x, y = getattr(a, name), getattr(b, name)
        out.append({"what": what, "a": shown(x), "b": shown(y), "b - a": None if x is None or y is None else y - x})
    for stage in dict.fromkeys((*a.stages, *b.stages)):
        x, y = a.stages.get(stage), b.stages.get(stage)
        out.append(
            {"what": f"{stage}, s", "a": shown(x), "b": shown(y), "b - a": None if x is None or y is None else y - x}
        )
    for package in sorted(set(a.versions) | set(b.versions)):
        if a.versions.get(package) != b.versions.get(package):
            x, y = a.versions.get(package, "-"), b.versions.get(package, "-")
            out.append({"what": f"version of {package}", "a": x, "b": y, "b - a": None})
    return out


def shown(value: float | None) -> str:
    """A number to be read."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def apart(a: Row, b: Row) -> tuple[float, float] | None:
    """Degrees and millimetres between two transforms of one object; None if either has none."""
    try:
        x, y = Rigid.from_matrix(a.T_up_from_down), Rigid.from_matrix(b.T_up_from_down)
    except ValueError:
        return None
    return x.angle_deg(y), float(np.linalg.norm(x.t - y.t))


def runs_compared(rows: Iterable[Row], a: str, b: str) -> list[dict[str, Any]]:
    """Objects that both runs have: both verdicts, and how far the transforms lie apart."""
    kept = list(rows)
    first, second = ({r.name: r for r in kept if r.run == run} for run in (a, b))
    out = []
    for name in sorted(set(first) & set(second)):
        x, y = first[name], second[name]
        way = apart(x, y)
        out.append(
            {
                "object": name, "verdict of a": x.verdict, "verdict of b": y.verdict, "confidence of a": x.confidence,
                "confidence of b": y.confidence, "apart, degrees": way and way[0], "apart, mm": way and way[1],
                "seconds of a": x.seconds, "seconds of b": y.seconds,
            }
        )  # fmt: skip
    return out


def source_facts(row: Row) -> list[dict[str, Any]]:
    """What each source guessed for an object, how long it took, and how verification ranked it; from the store."""
    store, out = row.store, []
    verdict = newest(store, row.name, "verify", Verdict)
    for stage in (s for s in store.stages(row.name) if s.startswith("poses-")):
        source = stage.removeprefix("poses-")
        guesses = newest(store, row.name, stage, Hypotheses)
        manifest = store.place(row.name, stage).newest() or {}
        facts: dict[str, Any] = {
            "object": row.name, "source": source, "guesses": None if guesses is None else len(guesses),
            "seconds": manifest.get("seconds"), "best rank": None, "cost over the best": None,
            "won": row.source == source and row.verdict == ACCEPTED,
        }  # fmt: skip
        ranks = [n for n, s in enumerate(verdict.source) if s == source] if verdict is not None else []
        if verdict is not None and ranks:
            facts["best rank"] = ranks[0] + 1
            facts["cost over the best"] = float(verdict.cost[ranks[0]] - verdict.cost[0])
        out.append(facts)
    return out


def sources_compared(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Each source over all objects: how often it was asked, how often it won, how long it took."""
    facts = [f for r in rows for f in source_facts(r)]
    out = []
    for source in sorted({f["source"] for f in facts}):
        mine = [f for f in facts if f["source"] == source]
        seconds = [f["seconds"] for f in mine if f["seconds"] is not None]
        out.append(
            {
                "source": source, "asked": len(mine), "guesses": sum(f["guesses"] or 0 for f in mine),
                "won and accepted": sum(f["won"] for f in mine),
                "ranked first": sum(f["best rank"] == 1 for f in mine),
                "seconds, mean": sum(seconds) / len(seconds) if seconds else None,
            }
        )  # fmt: skip
    return out


def newest(store: Store, name: str, stage: str, kind: type) -> Any:
    """The newest artifact of a stage; None if there is none that can be read."""
    try:
        found = kept(store, name, stage, kind)
    except Damaged:
        return None
    return None if found is None else found[0]
