"""How hypotheses are judged. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VerifyParams:
    """How hypotheses are judged without ground truth."""

    accept: float = 0.9
    """Confidence from which a registration is accepted."""


@dataclass(frozen=True)
class IcpParams:
    """How the best hypothesis is polished."""

    trim: float = 0.7
    """Share of the nearest pairs that count."""
    max_iterations: int = 40
