"""Artifacts on disk: whole or not there, checked when read, one writer at a time."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

from registration.errors import UserError

Where = Path | str
"""A folder, or the URL of a bucket and a prefix in it."""
KEPT = 4
"""Artifacts kept of each stage of an object: going back to an old parameter costs nothing."""
STALE_SECONDS = 24 * 3600
"""Scratch folders of dead runs are removed after this long."""


@cache
def versions() -> dict[str, str]:
    """What made an artifact."""
    out = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    for name in ("regpipe", "numpy", "scipy", "torch", "scikit-image", "embreex"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(file: Path, body: str | bytes) -> None:
    """Write beside, force to disk, rename."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    with beside.open("wb") as stream:
        stream.write(body.encode() if isinstance(body, str) else body)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)


class Damaged(UserError):
    """An artifact is not as it was written."""


def believed(text: str | bytes, key: str) -> dict[str, Any] | None:
    """A manifest of this key, complete; None if it cannot be one. Its files lie in one folder, under plain names."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("key") != key or not isinstance(body.get("files"), dict):
        return None
    body = {"stage": "", "version": None, "params": {}, "inputs": {}, "seed": None, "seconds": 0.0} | body
    plain = all(name not in ("", ".", "..") and not set(name) & set("/\\\0") for name in body["files"])
    whole = all(isinstance(f, dict) and isinstance(f.get("bytes"), int) for f in body["files"].values())
    summed = whole and all(re.fullmatch("[0-9a-f]{64}", str(f.get("sha256"))) for f in body["files"].values())
    times = all(isinstance(body.get(name), int | float) for name in ("seconds", "finished"))
    told = isinstance(body["params"], dict) and isinstance(body["inputs"], dict)
    return body if plain and summed and times and told and all(isinstance(k, str) for k in body["inputs"].values()) else None


def note(text: str | bytes) -> dict[str, Any] | None:
    """What was remembered of a failure."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


@dataclass(frozen=True)
class Place:
    """Where the artifacts of one object's one stage live."""

    folder: Path

    def of(self, key: str) -> Path:
        """The artifact of this key, there or not."""
        return self.folder / key

    def where(self, key: str) -> str:
        """The same, to be read by people."""
        return str(self.folder / key)

    def held(self) -> list[str]:
        """Of all artifacts, whole or not."""
        return [p.name for p in self.folder.glob("[0-9a-f]*") if p.is_dir()]

    def manifest(self, key: str) -> dict[str, Any] | None:
        """The manifest of a whole artifact; None if there is none."""
        if not key.isalnum():
            return None
        try:
            return believed((self.folder / key / "manifest.json").read_bytes(), key)
        except OSError:
            return None

    def manifests(self) -> list[dict[str, Any]]:
        """Of all whole artifacts, the last that was finished first."""
        return sorted((m for key in self.held() if (m := self.manifest(key))), key=lambda m: -m["finished"])

    def newest(self) -> dict[str, Any] | None:
        """The manifest of the last artifact that was finished, whatever its key."""
        return next(iter(self.manifests()), None)

    def load(self, kind: type, key: str) -> Any:
        """The record of an artifact whose files are all as they were written."""
        from pipelines import artifacts

        wrong = self.damage(key)
        if wrong is None:
            try:
                return artifacts.load(kind, self.of(key))
            except Exception as error:  # not what this version writes: decoders raise whatever they come across
                wrong = f"the record ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        raise Damaged(f"{wrong} is not as it was written", self.where(key), "regpipe run makes it again")

    def scratch(self, key: str) -> Path:
        """Where a stage may keep checkpoints of this key; stays if it is killed."""
        folder = self.folder / f".scratch-{key}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def damage(self, key: str) -> str | None:
        """The first file that is not as it was written; None if all are."""
        manifest = self.manifest(key)
        if manifest is None:
            return "manifest.json"
        for name, facts in manifest["files"].items():
            file = self.of(key) / name
            if not file.is_file() or file.stat().st_size != facts["bytes"] or digest(file) != facts["sha256"]:
                return name
        return None

    def remove(self, key: str) -> None:
        """Forget an artifact: first its manifest, so that no half of it is ever believed."""
        (self.of(key) / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(self.of(key), ignore_errors=True)

    def put(self, key: str, fill: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """Let ``fill`` write a folder beside and say its manifest, which is added last; move it into place in one step."""
        beside = self.folder / f".new-{key}-{uuid4().hex[:8]}"
        beside.mkdir(parents=True)
        try:
            manifest = fill(beside)
            write_whole(beside / "manifest.json", json.dumps(manifest, indent=1))
            if (self.folder / key).exists():
                self.remove(key)
            try:
                beside.rename(self.folder / key)
            except OSError:
                if self.manifest(key) is None:  # else another run was faster
                    raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return manifest

    def commit(self, key: str, facts: dict[str, Any], fill: Callable[[Path], None]) -> dict[str, Any]:
        """Keep what ``fill`` writes into a folder, with these facts; its manifest."""

        def described(folder: Path) -> dict[str, Any]:
            fill(folder)
            files = {f.name: {"bytes": f.stat().st_size, "sha256": digest(f)} for f in sorted(folder.iterdir())}
            return {"format": 1, "key": key, **facts, "files": files, "versions": versions(), "finished": time.time()}

        manifest = self.put(key, described)
        shutil.rmtree(self.folder / f".scratch-{key}", ignore_errors=True)
        (self.folder / "failed.json").unlink(missing_ok=True)
        return manifest

    def failed(self) -> dict[str, Any] | None:
        """How the stage failed when it was last tried."""
        try:
            return note((self.folder / "failed.json").read_bytes())
        except OSError:
            return None

    def note_failure(self, key: str, reason: str) -> None:
        """Remember a failure for `status`, if that can be written."""
        with suppress(OSError):
            write_whole(self.folder / "failed.json", json.dumps({"key": key, "reason": reason, "when": time.time()}))

    def prune(self, keep: str) -> None:
        """Remove the oldest artifacts beyond those kept, and what dead runs left behind."""
        for manifest in [m for m in self.manifests() if m["key"] != keep][KEPT - 1 :]:
            self.remove(manifest["key"])
        for left in [*self.folder.glob(".new-*"), *self.folder.glob(".scratch-*")]:
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def alone(self, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        """One writer of this key at a time; the lock dies with its process."""
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f".lock-{key}")
        try:
            lock.acquire(timeout=0.1)
        except Timeout:
            waiting()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


@dataclass(frozen=True)
class Store:
    """All artifacts under one root: ``<object>/<stage>/<key>/``."""

    root: Path
    """Artifacts, or copies of them; checkpoints and curves, which are never anywhere else."""

    def place(self, name: str, stage: str) -> Place:
        """Where one stage of one object lives."""
        return Place(self.root / name / stage)

    def where(self, name: str = "") -> str:
        """Where an object is, to be read by people."""
        return str(self.root / name)

    def folders(self, inside: str = "") -> list[str]:
        """Names of the folders in one of its folders."""
        place = self.root / inside
        return sorted(p.name for p in place.iterdir() if p.is_dir() and p.name[0] != ".") if place.is_dir() else []

    def names(self) -> list[str]:
        """Every object: ``dataset/obj_NNNNNN``, or ``up+down`` of two capture folders."""
        out = []
        for top in self.folders():
            inner = self.folders(top)
            objects = [n for n in inner if n.startswith("obj_")]
            out += [f"{top}/{n}" for n in objects] if objects else [top] * bool(inner)
        return out

    def stages(self, name: str) -> list[str]:
        """Every stage of an object of which anything is kept."""
        return self.folders(name)
