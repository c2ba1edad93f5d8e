"""Small damage to files: bytes, numbers and words in text, values in JSON, members of zip archives, sums set right again."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

Rng = np.random.Generator

WORDS = (
    b"", b"0", b"-1", b"1e400", b"-1e-400", b"NaN", b"Infinity", b"null", b"true", b"[]", b"{}", b'""', b"1.5",
    b"99999999999999999999", b"4294967295", b"../../x", b"/x", b"C:\\x", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"[" * 3000,
)  # fmt: skip
"""What stands in the place of a number or a word."""
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, 1e308, float("nan"), float("inf"), "", "x", "../x", "\ud800", [], {}, [[]], [None] * 9,
    {"array": "x"}, {"rigid": 3}, [0] * 9, [1, 0, 0, 0, 1, 0, 0, 0, -1],
)  # fmt: skip
"""What stands in the place of a value of JSON."""
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
PNG, ZIP = b"\x89PNG\r\n\x1a\n", b"PK\x03\x04"


def mutated(body: bytes, other: bytes, rng: Rng) -> bytes:
    """One to four changes; a second file lends what is grafted."""
    for _ in range(int(rng.integers(1, 5))):
        body = CHANGES[int(rng.integers(len(CHANGES)))](body, other, rng)
    return checked_sums(body) if rng.random() < 0.7 else body


def at(body: bytes, rng: Rng, spare: int = 0) -> int:
    """A place in a file."""
    return int(rng.integers(max(1, len(body) - spare + 1)))


def flip(body: bytes, _: bytes, rng: Rng) -> bytes:
    """One bit."""
    if not body:
        return body
    out, n = bytearray(body), at(body, rng, 1)
    out[n] ^= 1 << int(rng.integers(8))
    return bytes(out)


def cut(body: bytes, _: bytes, rng: Rng) -> bytes:
    """The end is missing."""
    return body[: at(body, rng)]


def remove(body: bytes, _: bytes, rng: Rng) -> bytes:
    """Some bytes in the middle are missing."""
    n = at(body, rng)
    return body[:n] + body[n + int(rng.integers(1, 20)) :]


def repeat(body: bytes, _: bytes, rng: Rng) -> bytes:
    """Some bytes stand there twice, or a hundred times."""
    n, m = sorted((at(body, rng), at(body, rng)))
    return body[:n] + body[n : min(m, n + 200)] * int(rng.choice([2, 3, 100])) + body[m:]


def insert(body: bytes, _: bytes, rng: Rng) -> bytes:
    """Noise."""
    n = at(body, rng)
    return body[:n] + rng.bytes(int(rng.integers(1, 9))) + body[n:]


def graft(body: bytes, other: bytes, rng: Rng) -> bytes:
    """The beginning of this and the end of the other."""
    return body[: at(body, rng)] + other[at(other, rng) :]


def edge(body: bytes, _: bytes, rng: Rng) -> bytes:
    """A number near the end of its range, in one, two, four or eight bytes."""
    width, order = (1, 2, 4, 8)[int(rng.integers(4))], ("little", "big")[int(rng.integers(2))]
    number, n = int(rng.choice(EDGES)) & (256**width - 1), at(body, rng, width)
    return body[:n] + number.to_bytes(width, order) + body[n + width :]  # type: ignore[arg-type]


def word(body: bytes, _: bytes, rng: Rng) -> bytes:
    """Another word, or number, of a text."""
    found = list(re.finditer(rb"[A-Za-z_]+|[-+0-9.eE]+|\"[^\"]*\"", body[:50_000]))
    if not found:
        return body
    chosen = found[int(rng.integers(len(found)))]
    return body[: chosen.start()] + WORDS[int(rng.integers(len(WORDS)))] + body[chosen.end() :]


def value(body: bytes, other: bytes, rng: Rng) -> bytes:
    """Another value somewhere in JSON, or one that is missing."""
    if body[:1] not in (b"{", b"["):
        return word(body, other, rng)
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return word(body, other, rng)
    node, path = tree, []
    while isinstance(node, dict | list) and node and rng.random() < 0.85:
        key = list(node)[int(rng.integers(len(node)))] if isinstance(node, dict) else int(rng.integers(len(node)))
        path.append((node, key))
        node = node[key]
    if not path:
        return json.dumps(VALUES[int(rng.integers(len(VALUES)))]).encode()
    parent, key = path[-1]
    if rng.random() < 0.2:
        del parent[key]
    else:
        parent[key] = VALUES[int(rng.integers(len(VALUES)))]
    return json.dumps(tree).encode()


def member(body: bytes, other: bytes, rng: Rng) -> bytes:
    """Another content, or another name, of one file in a zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            files = [(info, archive.read(info)) for info in archive.infolist()]
    except Exception:  # damaged already
        return flip(body, other, rng)
    if not files:
        return body
    chosen, out = int(rng.integers(len(files))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n, (info, content) in enumerate(files):
            name = info.filename
            if n == chosen and rng.random() < 0.3:
                name = ("../x", "/x", "a\\..\\..\\x", "x\0y", "", ".", "C:x", files[0][0].filename)[int(rng.integers(8))]
            elif n == chosen:
                content = mutated(content, other, rng)
            fresh = zipfile.ZipInfo(name or "x")
            fresh.external_attr, fresh.compress_type = info.external_attr, info.compress_type
            archive.writestr(fresh, content)
    return out.getvalue()


CHANGES = (flip, flip, cut, remove, repeat, insert, graft, edge, edge, word, word, value, value, member)


def checked_sums(body: bytes) -> bytes:
    """A PNG whose parts have the right sums, so that damage gets past them; anything else as it is."""
    if not body.startswith(PNG):
        return body
    out, n = bytearray(body), len(PNG)
    while n + 12 <= len(body):
        length = struct.unpack(">I", body[n : n + 4])[0]
        end = n + 8 + length
        if end + 4 > len(body):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(body[n + 4 : end]))
        n = end + 4
    return bytes(out)
