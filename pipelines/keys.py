"""The name of a result is a hash of all it depends on; and why a result no longer stands."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4


def key_of(stage: str, version: int, params: Any, inputs: Mapping[str, str], seed: int) -> str:
    """Name of the one result these give."""
    body = json.dumps([stage, version, asdict(params), dict(inputs), seed], sort_keys=True, allow_nan=False)
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def why(old: dict[str, Any] | None, new: dict[str, Any]) -> list[str]:
    """What makes a stage run again; empty while its artifact stands."""
    if old is None:
        return ["first run"]

    def flat(m: dict[str, Any]) -> dict[str, Any]:
        return {
            "code version": m["version"],
            "seed": m["seed"],
            **m["params"],
            **{f"input {k}": v for k, v in m["inputs"].items()},
        }

    before, now = flat(old), flat(json.loads(json.dumps(new)))
    changed = [k for k in sorted({*before, *now}) if before.get(k) != now.get(k)]
    return [
        k.replace("input ", "") + " changed" if k.startswith("input ") else f"{k}: {before.get(k)} -> {now.get(k)}"
        for k in changed
    ]


class Fingerprints:
    """Hashes of files' contents, remembered by size and time of change so that the next look is quick."""

    def __init__(self, memo: Path) -> None:
        self.memo = memo
        self.known: dict[str, list[Any]] = {}
        with suppress(OSError, ValueError, RecursionError):  # no memo, or a damaged one: everything is read again
            found = json.loads(memo.read_text())
            self.known = {k: v for k, v in found.items() if is_entry(v)} if isinstance(found, dict) else {}

    def of(self, files: list[Path], root: Path, description: Any) -> str:
        """One hash over relative names and contents, and what else describes how they are read."""
        whole, changed = hashlib.sha256(json.dumps(description, sort_keys=True).encode()), False
        for file in files:
            stat = file.stat()
            stamp = [stat.st_size, stat.st_mtime_ns]
            entry = self.known.get(str(file.absolute()))
            if entry is None or entry[:2] != stamp:
                entry = [*stamp, hashlib.sha256(file.read_bytes()).hexdigest()]
                self.known[str(file.absolute())] = entry
                changed = True
            whole.update(f"{file.relative_to(root)}\0{entry[2]}\n".encode())
        if changed:
            self._save()
        return whole.hexdigest()[:16]

    def _save(self) -> None:
        beside = self.memo.with_name(f"{self.memo.name}.{uuid4().hex[:8]}")
        with suppress(OSError):  # no room for it: the next look takes longer
            self.memo.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(self.known))
            beside.replace(self.memo)


def is_entry(value: Any) -> bool:
    """Size, time of change and hash of one file."""
    return isinstance(value, list) and len(value) == 3 and bool(re.fullmatch("[0-9a-f]{64}", str(value[2])))
