"""Which object is meant, and what was kept of it, whatever the parameters it was made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.bucket import open_store
from pipelines.chain import DEFAULT
from pipelines.results import read_result
from pipelines.store import Damaged, Store, Where
from registration.errors import UserError

SHOWN = ("capture-up", "nerf-up", "clouds", "verify", "icp", "fuse", "nerf-full")
"""An object of which one of these was kept can be shown."""


@dataclass(frozen=True)
class Found:
    """One object: where its artifacts are, and where its results."""

    name: str
    store: Store
    folder: Path


def find(out: Path, store: Where | None, dataset: str | None, objid: int | None) -> Found:
    """The object that is meant; with only a folder named, the one object in it."""
    if dataset is None and store is None and read_result(out) is not None and not (out / ".store").is_dir():
        return beside_its_store(out)
    kept = open_store(store or out / ".store")
    there = [f for f in everything(out, kept) if dataset is None or f.name.startswith(f"{dataset}/")]
    chosen = [f for f in there if objid is None or f.name.endswith(f"/obj_{objid:06d}")]
    chosen = [f for f in chosen if can_be_shown(f)]
    asked = f"{dataset or 'any data set'}{f', object {objid}' if objid is not None else ''}"
    if not chosen:
        mend = "regpipe run first, or name the place with --out or --store"
        if there:
            mend = f"there: {named(there)}"
        raise UserError(f"nothing to look at ({asked})", out, mend)
    if len(chosen) > 1:
        raise UserError("which object?", named(chosen), "name it with --dataset D --objid N")
    return chosen[0]


def named(found: list[Found], most: int = 8) -> str:
    """Some of their names."""
    return ", ".join(f.name for f in found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")


def beside_its_store(folder: Path) -> Found:
    """An object's own results folder was named: OUT/DATASET/obj_NNNNNN."""
    place = folder.resolve()
    return Found(f"{place.parent.name}/{place.name}", open_store(place.parents[1] / ".store"), folder)


def everything(out: Path, store: Store) -> list[Found]:
    """Every object of a results folder and its store, by name."""
    kept = store.names()
    finished = [f"{p.parent.parent.name}/{p.parent.name}" for p in out.glob("*/obj_*/result.json")]
    return [Found(name, store, out / name if "/" in name else out) for name in sorted({*kept, *finished})]


def can_be_shown(found: Found) -> bool:
    """Whether there is a result, or one of the artifacts that are shown."""
    if (found.folder / "result.json").is_file():
        return True
    return any(stage in SHOWN and found.store.place(found.name, stage).held() for stage in found.store.stages(found.name))


@dataclass
class Shelf:
    """The artifacts of one object that belong together: those of the newest end of the chain, and what they were made of."""

    found: Found
    keys: dict[str, str] = field(default_factory=dict)
    """Stage -> key of its artifact that belongs to the others."""
    missing: list[str] = field(default_factory=list)
    """What could not be shown, in words."""

    def __post_init__(self) -> None:
        for stage in (
            "nerf-full",
            "fuse",
            "icp",
            "verify",
            "clouds",
            "nerf-up",
            "nerf-down",
            "capture-up",
            "capture-down",
        ):
            self.take(stage)

    def take(self, stage: str) -> None:
        """The newest artifact of a stage, unless one that is there already was made of another."""
        manifest = self.found.store.place(self.found.name, stage).newest()
        if stage in self.keys or manifest is None:
            return
        if any(self.keys.get(name.replace("_", "-"), key) != key for name, key in manifest.get("inputs", {}).items()):
            return
        self.keys[stage] = manifest["key"]
        for word, key in manifest.get("inputs", {}).items():
            self.keys.setdefault(word.replace("_", "-"), key)

    def manifest(self, stage: str) -> dict[str, Any] | None:
        """Of the artifact that belongs to the others; None if it is not there any more."""
        key = self.keys.get(stage)
        return self.found.store.place(self.found.name, stage).manifest(key) if key else None

    def record(self, stage: str) -> Any:
        """The answer of a stage; None if there is none, or it is not there any more."""
        manifest = self.manifest(stage)
        if manifest is None:
            if stage in self.keys:
                self.missing.append(f"{stage}: the artifact is not kept any more")
            return None
        try:
            return self.found.store.place(self.found.name, stage).load(DEFAULT.named(stage).record_type(), manifest["key"])
        except Damaged as error:
            self.missing.append(f"{stage}: {error}")
            return None
