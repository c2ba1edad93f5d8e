"""Fetches public BOP data sets: resumed, checked, unpacked without leaving their folder."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registration.data.archive import unpack
from registration.errors import UserError
from registration.progress import Tick, silent

HOME = "https://huggingface.co/datasets/bop-benchmark/{name}/resolve/main"
CHUNK = 1 << 20
TRIES = 4


@dataclass(frozen=True)
class Entry:
    """What a data set is made of."""

    about: str
    archives: tuple[str, ...]
    sha256: dict[str, str] = field(default_factory=dict)
    """Where known; the server's own statement is checked as well."""


CATALOGUE = {
    "tless": Entry("30 textureless industrial parts", ("tless_base.zip", "tless_models.zip", "tless_train_primesense.zip")),
    "ruapc": Entry("14 boxes and bottles", ("ruapc_base.zip", "ruapc_models.zip", "ruapc_train.zip")),
    "hopev2": Entry("28 toy groceries, onboarding sequences", ("hopev2_base.zip", "hopev2_models.zip", "hopev2_onboarding_static.zip")),
    "lm": Entry("15 household objects", ("lm_base.zip", "lm_models.zip", "lm_train.zip")),
    "itodd": Entry("28 industrial parts", ("itodd_base.zip", "itodd_models.zip", "itodd_train_pbr.zip")),
}


def download(name: str, root: Path, *, url: str | None = None, tick: Tick = silent, catalogue: dict[str, Entry] | None = None) -> Path:
    """The data set's folder, complete; at once if it is there already."""
    known = catalogue or CATALOGUE
    if name not in known:
        raise UserError(f"no public data set {name!r} is known", "regpipe data download", f"there are: {', '.join(known)}")
    place, base = root / name, (url or HOME.format(name=name)).rstrip("/")
    done = read_done(place)
    for archive in known[name].archives:
        if archive in done:
            continue
        part = root / f".{archive}.part"
        fetch(f"{base}/{archive}", part, known[name].sha256.get(archive), tick)
        try:
            unpack(part, archive, place)
        finally:
            part.unlink(missing_ok=True)
            part.with_suffix(".json").unlink(missing_ok=True)
        done = [*done, archive]
        (place / ".downloaded.json").write_text(json.dumps(done))
    return place


def read_done(place: Path) -> list[str]:
    """Archives that were unpacked whole."""
    try:
        found = json.loads((place / ".downloaded.json").read_text())
    except (OSError, ValueError):
        return []
    return [str(a) for a in found] if isinstance(found, list) else []


def fetch(url: str, part: Path, sha256: str | None, tick: Tick) -> None:
    """One file, whole and checked, into ``part``; tried again when the line breaks."""
    part.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(TRIES):
        try:
            wanted = transfer(url, part, tick)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == TRIES - 1:
                raise UserError(f"the server answers {error.code} {error.reason}", url, "check the address, or name a mirror: --url") from error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            if attempt == TRIES - 1:
                reason = getattr(error, "reason", error)
                raise UserError(f"no connection ({reason})", url, "what came so far is kept: run the same command again, or name a mirror with --url") from error
        time.sleep(0.2 * 3**attempt)
    for expected in (sha256, wanted):
        if expected and (found := sha256_of(part)) != expected:
            part.unlink()
            raise UserError(f"the checksum is {found[:12]}..., expected {expected[:12]}...", url, "the damaged file was removed: run the command again")


def transfer(url: str, part: Path, tick: Tick) -> str | None:
    """Go on from what is there; the SHA-256 that the server states, if it does."""
    note = part.with_suffix(".json")
    have, mark = (part.stat().st_size if part.exists() else 0), read_note(note)
    headers = {"User-Agent": "regpipe"}
    if have and mark:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        part.unlink()  # more bytes than the server has: not the same file
        return transfer(url, part, tick)
    with answer:
        going_on = answer.status == 206
        start = have if going_on else 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else 0
        tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        note.write_text(json.dumps({"mark": tag if not tag.startswith("W/") else ""}))
        room(part, total - start)
        with part.open("ab" if going_on else "wb") as out:
            copy(answer, out.write, start, total, tick)
        if total and part.stat().st_size != total:
            raise ConnectionError(f"{part.stat().st_size} of {total} bytes came")
        stated = (answer.headers.get("X-Linked-ETag") or "").strip('"')
        return stated if len(stated) == 64 else None


def copy(answer: Any, write: Callable[[bytes], Any], start: int, total: int, tick: Tick) -> None:
    """Bytes as they come."""
    done = start
    while chunk := answer.read(CHUNK):
        write(chunk)
        done += len(chunk)
        tick(done, max(total, done))


def room(part: Path, needed: int) -> None:
    """Refuse what the disk cannot hold, archive and content both."""
    free = shutil.disk_usage(part.parent).free
    if needed and free < 2.2 * needed:
        raise UserError(f"{2.2 * needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free", part.parent, "make room, or choose another --bop-root")


def read_note(note: Path) -> str:
    """What marked the file on the server when the download began."""
    try:
        return str(json.loads(note.read_text())["mark"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def sha256_of(file: Path) -> str:
    """Checksum of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
