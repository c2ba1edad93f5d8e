"""Where tensors live."""

from __future__ import annotations

import torch

from registration.errors import UserError


def device_of(wanted: str) -> str:
    """``cpu`` or ``cuda`` for ``auto``, ``cpu`` or ``cuda``."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "no CUDA device can be used", "--device cuda", "use --device auto, or install a torch build for your driver"
        )
    return wanted
