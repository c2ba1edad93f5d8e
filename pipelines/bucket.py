"""Artifacts in a bucket, behind a local folder of those that were made or fetched; and which store an address means.

No object is renamed there. Files first, under names that hold their checksums; the manifest last: with it the artifact exists.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.objects import Bucket, leased
from pipelines.store import KEPT, STALE_SECONDS, Place, Store, Where, believed, note
from registration.errors import UserError


def open_store(where: Where) -> Store:
    """The store at an address: a folder, or the URL of a bucket."""
    text = str(where)
    if isinstance(where, Path) or "://" not in text:
        return Store(Path(where))
    scheme, _, rest = text.partition("://")
    if scheme == "file":
        return Store(Path(rest))
    if not rest.strip("/"):
        raise UserError("which bucket?", text, f"write --store {scheme}://BUCKET/PREFIX")
    return BucketStore(cache_of(text.rstrip("/")), text.rstrip("/"))


def cache_of(url: str) -> Path:
    """Where copies of a bucket's artifacts are kept: below REGPIPE_CACHE, or the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = Path(os.environ.get("REGPIPE_CACHE") or Path(home) / "regpipe")
    return root / f"{re.sub(r'[^A-Za-z0-9]+', '-', url)[:60]}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class FarPlace(Place):
    """The artifacts of one object's one stage in a bucket; ``folder`` holds the copies, and the checkpoints."""

    bucket: Bucket
    path: str

    @property
    def here(self) -> Place:
        """The copies."""
        return Place(self.folder)

    def where(self, key: str) -> str:
        """The artifact of this key, to be read by people."""
        return f"{self.bucket.url}/{self.path}/{key}"

    def of(self, key: str) -> Path:
        """The copy of this key's artifact, fetched if need be; there or not."""
        manifest = self.manifest(key)
        if manifest is not None and (self.here.manifest(key) or {}).get("files") != manifest["files"]:
            self.here.put(key, lambda folder: self._fetch(key, manifest, folder))
        return self.folder / key

    def _fetch(self, key: str, manifest: dict[str, Any], folder: Path) -> dict[str, Any]:
        for name, facts in manifest["files"].items():
            self.bucket.fetch(self._object(key, name, facts), folder / name)
        return manifest

    def _object(self, key: str, name: str, facts: dict[str, Any]) -> str:
        """What a file is called there: equal content is one object, other content another, whoever writes last."""
        return f"{self.path}/{key}/{facts['sha256'][:16]}-{name}"

    def held(self) -> list[str]:
        """Of all artifacts, whole or not."""
        return self.bucket.listed(self.path)[0]

    def manifest(self, key: str) -> dict[str, Any] | None:
        """The manifest of a whole artifact; None if there is none."""
        body = self.bucket.read(f"{self.path}/{key}/manifest.json") if key.isalnum() else None
        return None if body is None else believed(body, key)

    def damage(self, key: str) -> str | None:
        """The first file that is not as it was written, neither in the copy nor in the bucket; None if all are."""
        if self.manifest(key) is None:
            return "manifest.json"
        self.of(key)
        if self.here.damage(key) is not None:
            self.here.remove(key)
            self.of(key)
        return self.here.damage(key)

    def remove(self, key: str) -> None:
        """Forget an artifact: first its manifest, so that no half of it is ever believed."""
        self.bucket.remove(f"{self.path}/{key}/manifest.json")
        for name in self.bucket.listed(f"{self.path}/{key}")[1]:
            self.bucket.remove(f"{self.path}/{key}/{name}")
        self.here.remove(key)

    def commit(self, key: str, facts: dict[str, Any], fill: Callable[[Path], None]) -> dict[str, Any]:
        """Keep what ``fill`` writes into a folder: here first, where nothing is lost, then there."""
        manifest = self.here.commit(key, facts, fill)
        self._send(key, manifest)
        return manifest

    def _send(self, key: str, manifest: dict[str, Any]) -> None:
        for name, facts in manifest["files"].items():
            self.bucket.send(self.folder / key / name, self._object(key, name, facts))
        self.bucket.write(f"{self.path}/{key}/manifest.json", json.dumps(manifest, indent=1).encode())
        self.bucket.remove(f"{self.path}/failed.json")

    def failed(self) -> dict[str, Any] | None:
        """How the stage failed when it was last tried."""
        body = self.bucket.read(f"{self.path}/failed.json")
        return None if body is None else note(body)

    def note_failure(self, key: str, reason: str) -> None:
        """Remember a failure for `status`, if that can be written."""
        body = json.dumps({"key": key, "reason": reason, "when": time.time()})
        with suppress(UserError):
            self.bucket.write(f"{self.path}/failed.json", body.encode())

    def prune(self, keep: str) -> None:
        """Remove the oldest artifacts beyond those kept, there and here, and what dead runs left behind."""
        known = {m["key"]: m for m in self.manifests()}
        for key in [key for key in known if key != keep][KEPT - 1 :]:
            self.remove(known.pop(key)["key"])
        for key in self.held():
            files = known.get(key, {}).get("files", {})
            wanted = {"manifest.json", *(f"{facts['sha256'][:16]}-{name}" for name, facts in files.items())}
            for name, age in self.bucket.listed(f"{self.path}/{key}")[1].items():
                if name not in wanted and age > STALE_SECONDS:
                    self.bucket.remove(f"{self.path}/{key}/{name}")
        self.here.prune(keep)

    @contextmanager
    def alone(self, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        """One writer of this key at a time on this machine, and among all that keep to the lease in the bucket.

        What was finished here while the bucket could not be reached is sent there first.
        """
        with self.here.alone(key, waiting), leased(self.bucket, f"{self.path}/.lease-{key}", self._owner(), waiting):
            mine = self.here.manifest(key)
            if mine is not None and self.manifest(key) is None and self.here.damage(key) is None:
                self._send(key, mine)
            yield

    def _owner(self) -> str:
        """This machine and this folder: whoever holds the lock here may take over a lease of that name."""
        return hashlib.sha256(f"{os.uname().nodename} {self.folder.resolve()}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class BucketStore(Store):
    """All artifacts under one URL; ``root`` is the local folder of copies."""

    url: str

    def place(self, name: str, stage: str) -> Place:
        """Where one stage of one object lives."""
        return FarPlace(self.root / name / stage, Bucket(self.url), f"{name}/{stage}")

    def where(self, name: str = "") -> str:
        """Where an object is, to be read by people."""
        return f"{self.url}/{name}".rstrip("/")

    def folders(self, inside: str = "") -> list[str]:
        """Names of the folders in one of its folders."""
        return Bucket(self.url).listed(inside)[0]
