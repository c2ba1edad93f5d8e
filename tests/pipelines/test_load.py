"""What the scheduler costs; bounds three times what was measured on two shared cores (docs/benchmarks.md)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def load(*args: str) -> dict[str, Any]:
    """The benchmark's line."""
    command = [sys.executable, "benchmarks/load.py", *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=240)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_two_hundred_objects_cost_little_and_the_driver_does_not_grow() -> None:
    found = load("--objects", "200")
    assert found["stages"] == 800 and found["ms_per_stage"] < 3 * 30
    assert found["driver_mib_at_end"] - found["driver_mib_at_20"] < 8
