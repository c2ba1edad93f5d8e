"""Fetches public BOP data sets: resumed, checked, and there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from registration.data.archive import BadArchive, merge, unpack
from registration.data.transfer import fetch
from registration.errors import UserError
from registration.progress import Tick, silent

HOME = "https://huggingface.co/datasets/bop-benchmark/{name}/resolve/main"
ONBOARDING = "onboarding_static"


@dataclass(frozen=True)
class Archive:
    """One file of a data set's home; a checksum that is not known here is taken from the server's word."""

    file: str
    size: int = 0
    sha256: str | None = None


@dataclass(frozen=True)
class DataSet:
    """What a public data set is made of."""

    about: str
    archives: tuple[Archive, ...]
    reads: str
    """The folder that runs read: the data set is here when this is."""


def usual(name: str, images: str) -> tuple[Archive, ...]:
    """Facts, meshes, images."""
    return tuple(Archive(f"{name}_{what}.zip") for what in ("base", "models", images))


TLESS = (
    Archive("tless_base.zip", 49_597, "dd70ca884b7c471a530a952f70c5ab2c212f3d2c2f371be86397442b97d70a7e"),
    Archive(
        "tless_models.zip",
        33_468_762,
        "6a29c59766b8d2af05e62e71739f0ca7243ad81bc3c7f9a24925504a8cb37928",
    ),
    Archive(
        "tless_train_primesense.zip",
        2_486_152_818,
        "7262fdf0e9de09cf5d051ca108d860c7c5fd563ee58496751e970458c6897ba1",
    ),
)
CATALOGUE = {
    "tless": DataSet("30 industrial parts without texture, 2.5 GB", TLESS, "train_primesense"),
    "ruapc": DataSet("14 printed boxes and bottles, rendered", usual("ruapc", "train"), "train"),
    "lm": DataSet("15 household objects, rendered", usual("lm", "train"), "train"),
    "hope": DataSet("28 toy groceries, two captures each, 3 GB", usual("hope", ONBOARDING), ONBOARDING),
    "handal": DataSet("40 tools, two captures each, 17 GB", usual("handal", ONBOARDING), ONBOARDING),
}


def download(name: str, root: Path, *, url: str | None = None, tick: Tick = silent) -> Path:
    """The data set's folder, at once if it is here.

    ``url``, or REGPIPE_DATA_URL, names another folder of archives than their home. ``tick`` is told
    the bytes fetched, and after each archive the bytes unpacked.
    """
    from filelock import FileLock, Timeout

    if name not in CATALOGUE:
        there = ", ".join(CATALOGUE)
        raise UserError(f"no public data set {name!r} is known", "regpipe data download", f"there are: {there}")
    wanted, place = CATALOGUE[name], root / name
    if (place / wanted.reads).is_dir():
        return place
    base = (url or os.environ.get("REGPIPE_DATA_URL") or HOME.format(name=name)).rstrip("/")
    workshop = root / f".{name}.download"
    try:
        workshop.mkdir(parents=True, exist_ok=True)
        with FileLock(workshop / "lock", timeout=0):
            try:
                gather(wanted, name, base, workshop, tick)
            except UserError:
                if {p.name for p in workshop.iterdir()} <= {"lock"}:  # nothing came that a next time could use
                    shutil.rmtree(workshop)
                raise
            merge(workshop / "content", place, last=wanted.reads)
    except Timeout as error:
        raise UserError(f"{name} is being downloaded already", workshop, "wait for it to end") from error
    except OSError as error:
        what = f"cannot be written ({error.strerror or error})"
        raise UserError(what, error.filename or root, "make room, or choose another --bop-root") from error
    shutil.rmtree(workshop, ignore_errors=True)
    return place


def gather(wanted: DataSet, name: str, base: str, workshop: Path, tick: Tick) -> None:
    """Fetch and unpack every archive into ``workshop/content``; what is done is not done again."""
    before = 0
    for n, archive in enumerate(wanted.archives):
        file, done = workshop / archive.file, workshop / f"{archive.file}.done"
        if done.exists():
            before += archive.size
            continue
        later = sum(a.size for a in wanted.archives[n + 1 :])

        def all_bytes(some: int, of: int, before: int = before, later: int = later) -> None:
            tick(before + some, before + of + later)

        if not file.exists():
            fetch(f"{base}/{archive.file}", file, archive.sha256, all_bytes)
        before += file.stat().st_size
        unpack_beside(file, workshop, name, tick)
        done.touch()
        file.unlink()
    if not (workshop / "content" / wanted.reads).is_dir():
        shutil.rmtree(workshop / "content", ignore_errors=True)
        for done in workshop.glob("*.done"):
            done.unlink()
        raise UserError(f"the archives hold no {wanted.reads}/", base, "not this data set: check the address")


def unpack_beside(file: Path, workshop: Path, name: str, tick: Tick) -> None:
    """Unpack an archive, and add it to the content when it is whole; a bad archive is removed."""
    beside = workshop / "unpacking"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        unpack(file, beside, name, tick)
    except BadArchive:
        file.unlink()
        raise
    merge(beside, workshop / "content")
    shutil.rmtree(beside)
