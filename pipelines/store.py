"""Artifacts on disk: whole or not there, checked when read, one writer at a time."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

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


@dataclass(frozen=True)
class Place:
    """Where the artifacts of one object's one stage live."""

    folder: Path

    def of(self, key: str) -> Path:
        """The artifact of this key, there or not."""
        return self.folder / key

    def manifest(self, key: str) -> dict[str, Any] | None:
        """The manifest of a whole artifact; None if there is none."""
        try:
            found = json.loads((self.of(key) / "manifest.json").read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.get("key") == key else None

    def newest(self) -> dict[str, Any] | None:
        """The manifest of the last artifact that was finished, whatever its key."""
        found = [m for p in self.folder.glob("[0-9a-f]*") if p.is_dir() and (m := self.manifest(p.name))]
        return max(found, key=lambda m: m["finished"], default=None)

    def scratch(self, key: str) -> Path:
        """Where a stage may keep checkpoints of this key; stays if it is killed."""
        folder = self.folder / f".scratch-{key}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def damage(self, key: str) -> str | None:
        """The first file that is not as it was written; None if all are."""
        manifest = self.manifest(key)
        for name, facts in (manifest or {}).get("files", {}).items():
            file = self.of(key) / name
            if not file.is_file() or file.stat().st_size != facts["bytes"] or digest(file) != facts["sha256"]:
                return name
        return None

    def remove(self, key: str) -> None:
        """Forget an artifact: first its manifest, so that no half of it is ever believed."""
        (self.of(key) / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(self.of(key), ignore_errors=True)

    def commit(self, key: str, facts: dict[str, Any], fill: Callable[[Path], None]) -> dict[str, Any]:
        """Let ``fill`` write a folder beside; add the manifest last; move it into place in one step."""
        beside = self.folder / f".new-{key}-{uuid4().hex[:8]}"
        beside.mkdir(parents=True)
        try:
            fill(beside)
            files = {f.name: {"bytes": f.stat().st_size, "sha256": digest(f)} for f in sorted(beside.iterdir())}
            manifest = {
                "format": 1,
                "key": key,
                **facts,
                "files": files,
                "versions": versions(),
                "finished": time.time(),
            }
            write_whole(beside / "manifest.json", json.dumps(manifest, indent=1))
            if self.of(key).exists():
                self.remove(key)
            beside.rename(self.of(key))
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(self.folder / f".scratch-{key}", ignore_errors=True)
        (self.folder / "failed.json").unlink(missing_ok=True)
        return manifest

    def failed(self) -> dict[str, Any] | None:
        """How the stage failed when it was last tried."""
        try:
            return json.loads((self.folder / "failed.json").read_text())
        except (OSError, ValueError):
            return None

    def note_failure(self, key: str, reason: str) -> None:
        """Remember a failure for `status`."""
        write_whole(self.folder / "failed.json", json.dumps({"key": key, "reason": reason, "when": time.time()}))

    def prune(self, keep: str) -> None:
        """Remove the oldest artifacts beyond those kept, and what dead runs left behind."""
        found = sorted(
            (m for p in self.folder.glob("[0-9a-f]*") if (m := self.manifest(p.name))), key=lambda m: -m["finished"]
        )
        for manifest in [m for m in found if m["key"] != keep][KEPT - 1 :]:
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

    def place(self, name: str, stage: str) -> Place:
        """Where one stage of one object lives."""
        return Place(self.root / name / stage)
