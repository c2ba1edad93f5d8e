"""Which object is meant, and what was kept of it, whatever the parameters it was made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from pipelines import artifacts
from pipelines.chain import DEFAULT
from pipelines.results import read_result
from pipelines.store import Store
from registration.errors import UserError

SHOWN = ("capture-up", "nerf-up", "clouds", "verify", "icp", "fuse", "nerf-full")
"""An object of which one of these was kept can be shown."""


@dataclass(frozen=True)
class Found:
    """One object: where its artifacts are, and where its results."""

    name: str
    store: Path
    folder: Path


def find(out: Path, store: Path | None, dataset: str | None, objid: int | None) -> Found:
    """The object that is meant; with only a folder named, the one object in it."""
    if dataset is None and store is None and read_result(out) is not None and not (out / ".store").is_dir():
        return beside_its_store(out)
    root = store or out / ".store"
    there = [f for f in everything(out, root) if dataset is None or f.name.startswith(f"{dataset}/")]
    chosen = [f for f in there if objid is None or f.name.endswith(f"/obj_{objid:06d}")]
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
    return Found(f"{place.parent.name}/{place.name}", place.parents[1] / ".store", folder)


def everything(out: Path, root: Path) -> list[Found]:
    """Every object of a results folder and its store, by name."""
    names = {f"{p.parent.parent.parent.name}/{p.parent.parent.name}" for p in kept_in(root, "*/*")}
    pairs = {p.parent.parent.name for p in kept_in(root, "*")}
    names |= {f"{p.parent.parent.name}/{p.parent.name}" for p in out.glob("*/obj_*/result.json")}
    found = [Found(name, root, out / name) for name in sorted(names)]
    return found + [Found(name, root, out) for name in sorted(pairs)]


def kept_in(root: Path, depth: str) -> list[Path]:
    """Artifacts below a store that can be shown."""
    return [p for stage in SHOWN for p in root.glob(f"{depth}/{stage}/[0-9a-f]*") if p.is_dir()]


@dataclass
class Shelf:
    """The artifacts of one object that belong together: those of the newest end of the chain, and what they were made of."""

    found: Found
    store: Store = field(init=False)
    keys: dict[str, str] = field(default_factory=dict)
    """Stage -> key of its artifact that belongs to the others."""
    missing: list[str] = field(default_factory=list)
    """What could not be shown, in words."""

    def __post_init__(self) -> None:
        self.store = Store(self.found.store)
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
        manifest = self.store.place(self.found.name, stage).newest()
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
        return self.store.place(self.found.name, stage).manifest(key) if key else None

    def record(self, stage: str) -> Any:
        """The answer of a stage; None if there is none, or it is not there any more."""
        manifest = self.manifest(stage)
        if manifest is None:
            if stage in self.keys:
                self.missing.append(f"{stage}: the artifact is not kept any more")
            return None
        place = self.store.place(self.found.name, stage).of(manifest["key"])
        try:
            return artifacts.load(DEFAULT.named(stage).record_type(), place)
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
            self.missing.append(f"{stage}: {place} cannot be read ({error!r}); regpipe run makes it again")
            return None
