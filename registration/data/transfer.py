"""Fetches one file over HTTP: goes on where it stopped, tries again, believes nothing unchecked."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from registration.errors import UserError
from registration.progress import Tick, silent

CHUNK = 1 << 20
TRIES = 4
PAUSE = 0.5
"""Seconds before the second try; three times as long before each further one."""
TIMEOUT = 30.0
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


@dataclass(frozen=True)
class Note:
    """What the server said of a file whose download has begun."""

    mark: str = ""
    """Its strong ETag or date: the same file has the same."""
    total: int = 0
    sha256: str = ""

    @classmethod
    def read(cls, file: Path) -> Note:
        """The note beside a partial file; an empty one if there is none."""
        try:
            note = cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            return cls()
        return note if all(type(getattr(note, f.name)) is type(f.default) for f in fields(cls)) else cls()


class Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps the checksum that a hub states when it hands over to its storage; never leaves https."""

    linked = ""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Follow, with eyes open."""
        self.linked = headers.get("X-Linked-Etag") or self.linked
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.HTTPError(newurl, code, "the server leads away from https", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, file: Path, sha256: str | None = None, tick: Tick = silent) -> None:
    """One file, whole and checked; what came before an interruption is kept beside it as ``.part``."""
    if not url.startswith(("http://", "https://")):
        raise UserError("not a web address", url, "it begins with https:// or http://")
    part = file.with_name(file.name + ".part")
    file.parent.mkdir(parents=True, exist_ok=True)
    resumed = stubbornly(url, part, sha256, tick)
    if not is_whole(part, sha256) and resumed:
        discard(part)  # two halves of different files: once more from the beginning
        stubbornly(url, part, sha256, tick)
    if not is_whole(part, sha256):
        discard(part)
        raise UserError("wrong checksum: the file is damaged", url, "it was removed: run the command again")
    part.replace(file)
    discard(part)


def note_of(part: Path) -> Path:
    """Where the note on a partial file lies."""
    return part.with_suffix(".note")


def discard(part: Path) -> None:
    """Forget a partial file."""
    part.unlink(missing_ok=True)
    note_of(part).unlink(missing_ok=True)


def is_whole(part: Path, sha256: str | None) -> bool:
    """Whether all checksums that are known agree."""
    expected = {s for s in (sha256, Note.read(note_of(part)).sha256) if s}
    if not expected:
        return True
    with part.open("rb") as stream:
        return expected == {hashlib.file_digest(stream, "sha256").hexdigest()}


def stubbornly(url: str, part: Path, sha256: str | None, tick: Tick) -> bool:
    """All bytes, in as many tries as it takes while bytes keep coming; whether a part was gone on with."""
    resumed, tries = False, 0
    while True:
        before = size_of(part)
        try:
            return transfer(url, part, sha256, tick) or resumed
        except urllib.error.HTTPError as error:
            if error.code not in LATER or tries == TRIES - 1:
                raise UserError(f"the server answers {error.code} {error.reason}", url, advice(error.code)) from error
        except BROKEN as error:
            if tries == TRIES - 1:
                reason = getattr(error, "reason", None) or error
                mend = "what came so far is kept: run the command again, or name a mirror with --url"
                raise UserError(f"no connection ({reason})", url, mend) from error
        except OSError as error:
            what = f"cannot be written ({error.strerror or error})"
            raise UserError(what, part, "make room, or choose another --bop-root") from error
        came = size_of(part) - before
        resumed |= came > 0
        tries = 0 if came >= CHUNK else tries + 1
        time.sleep(PAUSE * 3 ** max(0, tries - 1))


def advice(code: int) -> str:
    """How to mend an answer other than yes."""
    return {
        401: "the file is not public there, or not there: name a mirror with --url",
        403: "the server does not allow it: name a mirror with --url",
        404: "the file is not there: check the address, or name a mirror with --url",
    }.get(code, "try later, or name a mirror with --url")


def size_of(part: Path) -> int:
    """Bytes that are there."""
    return part.stat().st_size if part.exists() else 0


def transfer(url: str, part: Path, sha256: str | None, tick: Tick) -> bool:
    """One try; whether it went on from an older part. Raises when the connection breaks."""
    have, note = size_of(part), Note.read(note_of(part))
    if have and have == note.total:
        return True
    headers = {"User-Agent": "regpipe", "Accept-Encoding": "identity"}
    if have and (note.mark or note.sha256 or sha256):
        headers["Range"] = f"bytes={have}-"
        if note.mark:
            headers["If-Range"] = note.mark
    redirects = Redirects()
    opener = urllib.request.build_opener(redirects)
    try:
        answer = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the part does not belong to the file that is there now
            discard(part)
            raise ConnectionError("the file on the server has changed") from error
        raise
    with answer:
        start = have if answer.status == 206 else 0
        if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            discard(part)
            raise ConnectionError("the server sent another piece of the file than was asked for")
        receive(answer, part, start, stated(answer.headers, redirects.linked), tick)
    return start > 0


def stated(headers: Any, linked: str) -> Note:
    """What the headers say: a mark that holds for equal bytes only, and a checksum where a hub gives one."""
    mark = headers.get("ETag") or ""
    if not mark.startswith('"'):
        mark = headers.get("Last-Modified") or ""
    linked = (headers.get("X-Linked-Etag") or linked).strip('"').lower()
    sha256 = linked if re.fullmatch("[0-9a-f]{64}", linked) else ""
    length = headers.get("Content-Length") or "0"
    return Note(mark, int(length) if length.isdigit() else 0, sha256)


def receive(answer: Any, part: Path, start: int, note: Note, tick: Tick) -> None:
    """Bytes as they come, to the end of the file."""
    total = start + note.total if note.total else 0
    note_of(part).write_text(json.dumps(asdict(note) | {"total": total}))
    free = shutil.disk_usage(part.parent).free
    if free < 2 * total - start:  # the archive, and what comes out of it
        what = f"{(2 * total - start) / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free"
        raise UserError(what, part.parent, "make room, or choose another --bop-root")
    done = start
    with part.open("ab" if start else "wb") as out:
        while chunk := answer.read(CHUNK):
            out.write(chunk)
            done += len(chunk)
            tick(done, max(total, done))
    if total and done != total:
        raise ConnectionError(f"{done} of {total} bytes came")
