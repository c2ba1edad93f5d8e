"""The errors a user can mend, and those of the disk."""

from __future__ import annotations

import errno
import importlib
from typing import Any

MENDS = {
    errno.ENOSPC: "make room, or name another place with --out or --store",
    errno.EDQUOT: "make room, or name another place with --out or --store",
    errno.EFBIG: "this disk or user may not hold so large a file",
    errno.EROFS: "name a place that can be written with --out or --store",
    errno.EACCES: "ask for the right to read and write there, or name another place",
    errno.EPERM: "ask for the right to write there, or name another place",
    errno.ENOTDIR: "a file stands where a folder should: remove it, or name another place",
    errno.EEXIST: "a file stands where a folder should: remove it, or name another place",
    errno.EIO: "the disk may be failing",
}
"""What is none of our mistakes, and how to mend it."""


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


def of_the_disk(error: BaseException) -> str | None:
    """What the disk or its rights have against us, as one line; None if it is something else."""
    if not isinstance(error, OSError) or error.errno not in MENDS:
        return None
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror}{where} ({MENDS[error.errno]}; what was finished is kept, the same command goes on)"
