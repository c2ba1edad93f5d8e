"""Memory that runs out: how it is known, the batch that is halved once, and the most that a stage took."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from registration.errors import UserError

WORDS = (
    "out of memory",
    "allocate memory",
    "not enough memory",
    "insufficient memory",
    "unable to allocate",
    "bad alloc",
)
"""How torch, CUDA, OpenCV, numpy and the C++ of others say it."""


class OutOfMemory(UserError):
    """The machine is too small for these parameters."""

    def __init__(self, stage: str, lower: str) -> None:
        mend = f"lower {lower} with --set, or use a larger machine" if lower else "use a larger machine"
        super().__init__("memory ran out", stage, mend)


def ran_out(error: BaseException) -> bool:
    """Whether an error means that there was no memory left, on the CPU or on the GPU."""
    told = str(error).lower().replace("_", " ")
    return not isinstance(error, UserError) and (isinstance(error, MemoryError) or any(w in told for w in WORDS))


def with_half(params: Any, batch: str) -> tuple[Any, dict[str, int]]:
    """Parameters with half the batch, and what was halved."""
    half = {batch: max(1, getattr(params, batch) // 2)}
    return replace(params, **half), half


def free() -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()


def watch_peak() -> None:
    """Count the most memory from here on, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> int | None:
    """The most that this process held since."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) // 1024
    return None
