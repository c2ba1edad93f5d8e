"""How inner loops become machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

LOOSE = {"contract", "reassoc", "arcp", "nsz"}
"""What the compiler may do to arithmetic: all that changes no more than the last digits. Infinities and NaN stay what they are."""


def compiled(kernel: Callable[..., Any]) -> Any:
    """A function of numbers and arrays as machine code, kept beside its file as Python keeps its own; on one machine it
    sums in one order.

    Only a change of the file that a kernel stands in makes it be compiled anew: after a change of one that it calls from
    elsewhere, touch it.
    """
    how = {"error_model": "numpy", "nogil": True, "fastmath": LOOSE}
    try:
        return njit(cache=True, **how)(kernel)
    except RuntimeError:  # nowhere to keep it
        return njit(**how)(kernel)
