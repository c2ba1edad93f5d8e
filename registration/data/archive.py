"""Unpacks archives that nobody vouches for."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from uuid import uuid4

from registration.errors import UserError

MAX_FILES = 2_000_000
MAX_RATIO = 200
"""Unpacked bytes per packed byte; images and meshes never come near."""


def unpack(file: Path, name: str, place: Path) -> None:
    """Unpack beside, then move in whole; a single top folder named as the data set is left out."""
    beside = place.with_name(f".{place.name}-{uuid4().hex[:8]}")
    beside.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(file):
            unzip(file, name, beside)
        elif tarfile.is_tarfile(file):
            untar(file, name, beside)
        else:
            raise UserError("neither a zip nor a tar archive", name, "the server sent something else: check the address")
        entries = list(beside.iterdir())
        top = entries[0] if len(entries) == 1 and entries[0].is_dir() and entries[0].name == place.name else beside
        merge(top, place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def safe(member: str, archive: str) -> PurePosixPath:
    """A path that stays in its folder."""
    path = PurePosixPath(member.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts[0] if path.parts else "") or "\0" in member:
        raise UserError("a file of the archive would land outside its folder", f"{archive}: {member!r}", "nothing was unpacked; do not trust this archive")
    return path


def limits(sizes: Iterable[int], packed: int, archive: str) -> None:
    """Refuse decompression bombs before anything is written."""
    sizes = list(sizes)
    if len(sizes) > MAX_FILES or sum(sizes) > max(MAX_RATIO * packed, 1 << 20):
        raise UserError(f"{len(sizes)} files of {sum(sizes) / 1e9:.2f} GB would come out of {packed / 1e9:.4f} GB", archive, "it looks like a decompression bomb: nothing was unpacked")


def unzip(file: Path, name: str, place: Path) -> None:
    """A zip archive."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            limits((m.file_size for m in members), file.stat().st_size, name)
            for member in members:
                safe(member.filename, name)
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise UserError("the archive holds a link", f"{name}: {member.filename!r}", "nothing was unpacked; do not trust this archive")
            for member in members:
                archive.extract(member, place)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise UserError("the archive is damaged", name, f"{error}: run the command again") from error


def untar(file: Path, name: str, place: Path) -> None:
    """A tar archive, packed or not."""
    try:
        with tarfile.open(file) as archive:
            members = archive.getmembers()
            limits((m.size for m in members), file.stat().st_size, name)
            for member in members:
                safe(member.name, name)
                if not (member.isreg() or member.isdir()):
                    raise UserError("the archive holds a link or a device", f"{name}: {member.name!r}", "nothing was unpacked; do not trust this archive")
            archive.extractall(place, members, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError("the archive is damaged", name, f"{error}: run the command again") from error


def merge(source: Path, place: Path) -> None:
    """Move a tree into another, file by file where both have a folder."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        source.rename(place)
        return
    for entry in source.iterdir():
        target = place / entry.name
        if entry.is_dir() and target.is_dir():
            merge(entry, target)
        else:
            entry.replace(target)
