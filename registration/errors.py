"""The errors a user can mend."""

from __future__ import annotations

import importlib
from typing import Any


class UserError(Exception):
    """The request or a file is at fault: what, where, how to mend, in one line."""

    def __init__(self, what: str, where: object, mend: str) -> None:
        super().__init__(f"{what}: {where} ({mend})")
        self.what, self.where, self.mend = what, where, mend


class MissingExtra(UserError):
    """An optional package is needed here and cannot be loaded."""


def require(module: str, extra: str) -> Any:
    """Import an optional package, or say how to get it."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a system library is missing
        raise MissingExtra(f"{module} cannot be loaded", error, f"pip install 'regpipe[{extra}]'") from error
