"""Objects in a bucket, by whatever fsspec speaks, and leases on them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from registration.errors import UserError, require

EXTRAS = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
BEAT_SECONDS, DEAD_SECONDS, LOOK_SECONDS = 15.0, 60.0, 1.0
"""A lease is renewed so often; one that did not change for so long is that of a dead run; whoever waits looks so often."""


@contextmanager
def reached(url: str) -> Iterator[None]:
    """Whatever keeps us from the store is one clear line; that an object is not there, is an answer."""
    try:
        yield
    except (UserError, FileNotFoundError, FileExistsError):
        raise
    except Exception as error:  # each store has errors of its own
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        mend = f"{told}; what is finished is kept, the same command goes on"
        raise UserError("the store cannot be reached", url, mend) from error


@dataclass(frozen=True)
class Bucket:
    """Objects below one URL."""

    url: str

    def files(self) -> tuple[Any, str]:
        """The file system that speaks to it, and its root there; listings are never remembered."""
        scheme = self.url.partition("://")[0]
        if scheme in EXTRAS:
            require(*EXTRAS[scheme])
        core = require("fsspec.core", "s3")
        try:
            return core.url_to_fs(self.url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise UserError("no store of this kind is known", self.url, " ".join(str(error).split())) from error

    def read(self, path: str) -> bytes | None:
        """An object; None if it is not there."""
        with reached(self.url), suppress(FileNotFoundError):
            files, root = self.files()
            return files.cat_file(f"{root}/{path}")
        return None

    def write(self, path: str, body: bytes, new: bool = False) -> bool:
        """Write an object in one step; with ``new`` only if there is none, else False."""
        try:
            with reached(self.url):
                files, root = self.files()
                files.pipe_file(f"{root}/{path}", body, mode="create" if new else "overwrite")
        except FileExistsError:
            return False
        except FileNotFoundError as error:
            raise UserError("no such bucket", self.url, "make it first, or name another --store") from error
        except UserError as error:
            if new and "ConditionalRequestConflict" in str(error):  # S3's answer while another writes or removes it
                return False
            raise
        return True

    def send(self, file: Path, path: str) -> None:
        """Write a file as an object in one step."""
        try:
            with reached(self.url):
                files, root = self.files()
                files.put_file(str(file), f"{root}/{path}")
        except FileNotFoundError as error:
            raise UserError("no such bucket", self.url, "make it first, or name another --store") from error

    def fetch(self, path: str, file: Path) -> None:
        """Read an object into a file, which is missing afterwards if the object is."""
        with reached(self.url), suppress(FileNotFoundError):
            files, root = self.files()
            files.get_file(f"{root}/{path}", str(file))

    def remove(self, path: str) -> None:
        """Remove an object, if it is there."""
        with reached(self.url), suppress(FileNotFoundError):
            files, root = self.files()
            files.rm_file(f"{root}/{path}")

    def listed(self, path: str) -> tuple[list[str], dict[str, float]]:
        """Names of the folders in a folder, and of the objects in it with the seconds since they were written."""
        with reached(self.url), suppress(FileNotFoundError):
            files, root = self.files()
            entries = files.ls(f"{root}/{path}".rstrip("/"), detail=True)
            names = [(e["name"].rstrip("/").rsplit("/", 1)[-1], e) for e in entries]
            folders = sorted(n for n, e in names if e["type"] == "directory" and n[0] != ".")
            now = time.time()
            return folders, {n: now - written(e, now) for n, e in names if e["type"] == "file"}
        return [], {}


def written(entry: dict[str, Any], now: float) -> float:
    """When an object was written, as its store says; now if it does not."""
    when = entry.get("LastModified") or entry.get("updated") or entry.get("created")
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    return when.timestamp() if isinstance(when, datetime) else now


@contextmanager
def leased(bucket: Bucket, path: str, owner: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an object that only one can make, and renew it; two holders at once cost time and nothing else."""
    token, seen, since, told = f"{owner} {uuid4().hex}", b"", time.monotonic(), False
    while not bucket.write(path, token.encode(), new=True):
        now = bucket.read(path) or b""
        if now != seen:
            seen, since = now, time.monotonic()
        if now.startswith(owner.encode()) or time.monotonic() - since > DEAD_SECONDS:
            bucket.remove(path)
            continue
        if not told:
            waiting()
            told = True
        time.sleep(LOOK_SECONDS)
    over = threading.Event()
    beat = threading.Thread(target=renew, args=(bucket, path, token, over), daemon=True)
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join()
        with suppress(UserError):
            if (bucket.read(path) or b"").startswith(token.encode()):
                bucket.remove(path)


def renew(bucket: Bucket, path: str, token: str, over: threading.Event) -> None:
    """Change the lease now and then, until it is over or somebody else's."""
    count = 0
    while not over.wait(BEAT_SECONDS):
        count += 1
        with suppress(UserError):  # the others will take over: the work is done twice, and nothing is lost
            if not (bucket.read(path) or b"").startswith(token.encode()):
                return
            bucket.write(path, f"{token} {count}".encode())
