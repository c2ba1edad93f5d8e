"""Unpacks archives that nobody vouches for: files and folders only, and only below one place."""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from registration.errors import UserError
from registration.progress import Tick, silent

MAX_FILES = 2_000_000
MAX_RATIO, HARMLESS = 100, 16 << 20
"""Unpacked bytes per packed byte beyond which it is a decompression bomb, unless it is this small."""
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)
NONSENSE = (errno.EINVAL, errno.ENAMETOOLONG, errno.EILSEQ)
"""What the system answers to a place or a name that cannot be."""
DISTRUST = "nothing was unpacked: do not trust this archive"


class BadArchive(UserError):
    """The archive is at fault, not this machine."""


@dataclass(frozen=True)
class Member:
    """One file or folder of an archive."""

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], IO[bytes]]


def unpack(file: Path, place: Path, top: str = "", tick: Tick = silent) -> None:
    """Unpack into a new folder, all members checked first; a single top folder named ``top`` is left out."""
    try:
        with opened(file) as members:
            write(members, file.name, place, top, tick)
    except DAMAGED as error:
        raise BadArchive("the archive is damaged", file.name, f"{error}: download it again") from error
    except OSError as error:
        if error.errno not in (None, *NONSENSE):  # the disk's fault; decoders give no number
            raise
        raise BadArchive("the archive is damaged", file.name, f"{error}: download it again") from error


@contextmanager
def opened(file: Path) -> Iterator[list[Member]]:
    """The members of a zip or tar archive, checked."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield list(checked(zip_members(archive, file.name), file))
    elif tarfile.is_tarfile(file):
        with tarfile.open(file) as archive:
            yield list(checked(tar_members(archive, file.name), file))
    else:
        mend = "the server sent something else: check the address"
        raise BadArchive("neither a zip nor a tar archive", file.name, mend)


def zip_members(archive: zipfile.ZipFile, name: str) -> Iterator[Member]:
    """What a zip archive lists."""
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadArchive("the archive holds a link or a device", f"{name}: {info.filename!r}", DISTRUST)
        opener = lambda info=info: archive.open(info)  # noqa: E731
        yield Member(safe(info.filename, name), info.file_size, info.is_dir(), opener)


def tar_members(archive: tarfile.TarFile, name: str) -> Iterator[Member]:
    """What a tar archive lists."""
    for info in archive:
        if not (info.isreg() or info.isdir()):
            raise BadArchive("the archive holds a link or a device", f"{name}: {info.name!r}", DISTRUST)

        def opener(info: tarfile.TarInfo = info) -> IO[bytes]:
            stream = archive.extractfile(info)
            assert stream is not None
            return stream

        yield Member(safe(info.name, name), info.size if info.isreg() else 0, info.isdir(), opener)


def safe(member: str, name: str) -> PurePosixPath:
    """A path that stays in its folder on every system."""
    path = PurePosixPath(member.replace("\\", "/"))
    if not member or path.is_absolute() or ".." in path.parts or "\0" in member or any(":" in part for part in path.parts[:1]):
        raise BadArchive("a file would land outside its folder", f"{name}: {member!r}", DISTRUST)
    return path


def checked(members: Iterator[Member], file: Path) -> Iterator[Member]:
    """The same members; stops at too many of them, or at more bytes than the archive can honestly hold."""
    count, size, most = 0, 0, max(MAX_RATIO * file.stat().st_size, HARMLESS)
    for member in members:
        count, size = count + 1, size + member.size
        if count > MAX_FILES or size > most:
            what = f"a decompression bomb, {size / 1e9:.2f} GB in {count} files and more to come"
            raise BadArchive(what, file.name, DISTRUST)
        yield member


def write(members: list[Member], name: str, place: Path, top: str, tick: Tick) -> None:
    """Write every member below a place."""
    strip = 1 if top and all(m.path.parts[:1] in ((top,), ()) for m in members) else 0
    total, done = sum(m.size for m in members), 0
    place.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(place).free < total:
        raise UserError(
            f"{total / 1e9:.1f} GB do not fit on the disk", place, "make room, or choose another --bop-root"
        )
    try:
        for member in members:
            target = place.joinpath(*member.path.parts[strip:])
            if member.is_folder:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as source, target.open("xb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            done += member.size
            tick(done, total)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadArchive("the archive names one place twice", f"{name}: {error.filename}", "do not trust it") from error


def merge(source: Path, place: Path, last: str = "") -> None:
    """Move a folder's content into another, the entry ``last`` in the end; what is in both is replaced."""
    place.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir(), key=lambda e: (e.name == last, e.name)):
        target = place / entry.name
        if entry.is_dir() and target.is_dir():
            merge(entry, target)
        else:
            entry.replace(target)
