"""What a stage is given beside its inputs and its parameters."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from registration.progress import Tick


@dataclass(frozen=True)
class Context:
    """The world as one stage may see it."""

    rng: np.random.Generator
    """Made from the run's seed and the stage's name."""
    device: str
    """``auto``, ``cpu`` or ``cuda``; never part of a key."""
    scratch: Path
    """Checkpoints of this very key; survives a kill, goes when the artifact is whole."""
    tick: Tick
    log: logging.Logger
    stage: str = ""
    """Its name."""
    logs: Path | None = None
    """Where curves may be written while the stage runs; they outlive it and nobody depends on them."""
