"""Finished results as rows of a table; nothing but the standard library, so that it is quick."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.bucket import open_store
from pipelines.results import read_result
from pipelines.store import Store

ACCEPTED, REFUSED, UNFINISHED = "accepted", "not accepted", "unfinished"
VERDICTS = (ACCEPTED, REFUSED, UNFINISHED)


@dataclass(frozen=True)
class Row:
    """One object of one results folder."""

    run: str
    """The results folder, as it was named."""
    dataset: str
    object: str
    folder: Path
    verdict: str
    confidence: float | None = None
    source: str = ""
    chamfer_mm: float | None = None
    diameter_mm: float | None = None
    psnr_db: float | None = None
    mask_iou: float | None = None
    alternatives: int = 0
    candidates: int | None = None
    finished: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    T_up_from_down: tuple[tuple[float, ...], ...] = ()
    kept: str = ""
    """The address of its store, if it is not in its usual place."""

    @property
    def name(self) -> str:
        """Data set and object."""
        return f"{self.dataset}/{self.object}"

    @property
    def seconds(self) -> float | None:
        """Of all stages together."""
        return sum(self.stages.values()) if self.stages else None

    @property
    def chamfer_share(self) -> float | None:
        """The gap between the halves, percent of the diameter."""
        return 100 * self.chamfer_mm / self.diameter_mm if self.chamfer_mm is not None and self.diameter_mm else None

    @property
    def store(self) -> Store:
        """Where its artifacts are."""
        return store_of(self.run, self.kept)

    @property
    def report(self) -> Path:
        """Where its report is, if there is one."""
        return self.folder / "report" / "index.html"


def store_of(run: str, kept: str) -> Store:
    """The store of a results folder."""
    return open_store(kept or Path(run) / ".store")


def rows_of(runs: Iterable[Path], kept: str = "") -> list[Row]:
    """Every object below the results folders, by name."""
    out = []
    for run in runs:
        done = {p.parent for p in run.glob("*/obj_*/result.json")}
        begun = {run / name for name in store_of(str(run), kept).names() if "/" in name}
        out += [row_of(folder, str(run), kept) for folder in sorted(done | begun)]
        if (run / "result.json").is_file():  # of two captures that were named
            out.append(row_of(run, str(run), kept))
    return out


def row_of(folder: Path, run: str, kept: str = "") -> Row:
    """One object; what its result does not tell is None."""
    result = read_result(folder)
    dataset, name = folder.parent.name, folder.name
    if result is None:
        seconds = kept_seconds(store_of(run, kept), f"{dataset}/{name}")
        return Row(run, dataset, name, folder, UNFINISHED, stages=seconds, kept=kept)
    model = mapping(result.get("model"))
    written = (folder / "result.json").stat().st_mtime
    return Row(
        run, dataset, name, folder, ACCEPTED if result.get("accepted") is True else REFUSED,
        confidence=number(result.get("confidence")), source=str(result.get("source", "")),
        chamfer_mm=number(result.get("chamfer_mm")), diameter_mm=number(result.get("diameter_mm")),
        psnr_db=mean(model.get("psnr_db")), mask_iou=mean(model.get("mask_iou")),
        alternatives=len(sequence(result.get("alternatives"))), candidates=whole(result.get("candidates")),
        finished=datetime.fromtimestamp(written).strftime("%Y-%m-%d %H:%M"),
        stages={str(k): v for k, x in mapping(result.get("stages")).items() if (v := number(x)) is not None},
        versions={str(k): str(v) for k, v in mapping(result.get("versions")).items()},
        reasons=tuple(map(str, sequence(result.get("reasons")))), T_up_from_down=matrix(result.get("T_up_from_down")),
        kept=kept,
    )  # fmt: skip


def kept_seconds(store: Store, name: str) -> dict[str, float]:
    """Stage -> seconds of its newest artifact, of an object that is not finished."""
    newest = {stage: store.place(name, stage).newest() for stage in store.stages(name)}
    return {stage: manifest["seconds"] for stage, manifest in newest.items() if manifest is not None}


def table(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The columns of the overview, with units in their heads."""
    return [
        {
            "object": r.name, "verdict": r.verdict, "confidence": r.confidence, "source": r.source, "gap, mm": r.chamfer_mm,
            "gap, % of d": r.chamfer_share, "seconds": r.seconds, "diameter, mm": r.diameter_mm, "PSNR, dB": r.psnr_db,
            "silhouettes agree": r.mask_iou, "alternatives": r.alternatives, "finished": r.finished, "run": r.run,
        }
        for r in rows
    ]  # fmt: skip


def times(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Object by stage: seconds; stages in the order in which they ran."""
    kept = list(rows)
    order = list(dict.fromkeys(stage for r in kept for stage in r.stages))
    return [{"object": r.name} | {s: r.stages.get(s) for s in order} | {"run": r.run} for r in kept]


def filtered(
    rows: Iterable[Row], runs: Iterable[str] = (), datasets: Iterable[str] = (), verdicts: Iterable[str] = (),
    sources: Iterable[str] = (), least: float = 0.0, words: str = "",
) -> list[Row]:  # fmt: skip
    """Those that meet every wish; an empty wish is none, and who has no confidence yet has none."""
    wishes = ((set(runs), "run"), (set(datasets), "dataset"), (set(verdicts), "verdict"), (set(sources), "source"))
    return [
        r
        for r in rows
        if all(not wish or getattr(r, name) in wish for wish, name in wishes)
        and (r.confidence or 0.0) >= least
        and all(w in r.name.lower() for w in words.lower().split())
    ]


def number(value: Any) -> float | None:
    """A finite number, or None."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None


def whole(value: Any) -> int | None:
    """A whole number, or None."""
    found = number(value)
    return None if found is None else int(found)


def mean(values: Any) -> float | None:
    """Of the numbers in a list, or None."""
    found = [v for x in sequence(values) if (v := number(x)) is not None]
    return sum(found) / len(found) if found else None


def mapping(value: Any) -> dict[str, Any]:
    """A dict, or an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def matrix(value: Any) -> tuple[tuple[float, ...], ...]:
    """A 4x4 matrix of numbers, or nothing."""
    lines = [[number(x) for x in sequence(line)] for line in sequence(value)]
    if len(lines) != 4 or any(len(line) != 4 or None in line for line in lines):
        return ()
    return tuple(tuple(float(x or 0.0) for x in line) for line in lines)
