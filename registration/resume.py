"""A file that a killed training goes on from: whole and as it was written, or not there."""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

log = logging.getLogger("regpipe")


def save(file: Path, body: dict[str, Any]) -> None:
    """Tensors, numbers and lists behind their checksum; written beside, then renamed."""
    import torch

    stream = io.BytesIO()
    torch.save(body, stream)
    beside = file.with_suffix(".part")
    with beside.open("wb") as out:
        out.write(hashlib.sha256(stream.getbuffer()).digest())
        out.write(stream.getbuffer())
    beside.replace(file)


def load(file: Path, device: str) -> dict[str, Any] | None:
    """What was saved; None if there is nothing, or if it is damaged: then the training begins anew."""
    import torch

    try:
        raw = memoryview(file.read_bytes())
    except FileNotFoundError:
        return None
    if hashlib.sha256(raw[32:]).digest() != raw[:32]:
        log.warning("%s is damaged: the training begins anew", file)
        return None
    try:
        body = torch.load(io.BytesIO(raw[32:]), weights_only=True, map_location=device)
    except (MemoryError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:  # its sum agrees and yet it is none: torch raises whatever it comes across
        log.warning("%s is no checkpoint (%s): the training begins anew", file, type(error).__name__)
        return None
    return body if isinstance(body, dict) else None
