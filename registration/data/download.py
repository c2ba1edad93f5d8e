"""Fetches public BOP data sets: resumed, checked, and there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from registration.data.archive import merge, unpack
from registration.data.transfer import fetch
from registration.errors import UserError
from registration.progress import Tick, silent

HOME = "https://huggingface.co/datasets/bop-benchmark/{name}/resolve/main"


@dataclass(frozen=True)
class Archive:
    """One file of a data set's home; checksums that are not known here are taken from the server's own word."""

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


CATALOGUE = {
    "tless": DataSet(
        "30 industrial parts without texture, 2.5 GB",
        (
            Archive(
                "tless_base.zip", 49_597, "dd70ca884b7c471a530a952f70c5ab2c212f3d2c2f371be86397442b97d70a7e"
            ),
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
        ),
        "train_primesense",
    ),
    "ruapc": DataSet(
        "14 printed boxes and bottles, rendered",
        (
            Archive("ruapc_base.zip"),
            Archive(
                "ruapc_models.zip",
                33_793_658,
                "00e713c5782dd8d3d92e8df5744aa5d30595c2cac8f88fdfbabd8d193c9603eb",
            ),
            Archive("ruapc_train.zip"),
        ),
        "train",
    ),
    "lm": DataSet(
        "15 household objects, rendered",
        (Archive("lm_base.zip"), Archive("lm_models.zip"), Archive("lm_train.zip")),
        "train",
    ),
    "hope": DataSet(
        "28 toy groceries, captures the right way up and upside down, 3 GB",
        (Archive("hope_base.zip"), Archive("hope_models.zip"), Archive("hope_onboarding_static.zip")),
        "onboarding_static",
    ),
    "handal": DataSet(
        "40 tools with handles, captures the right way up and upside down, 17 GB",
        (Archive("handal_base.zip"), Archive("handal_models.zip"), Archive("handal_onboarding_static.zip")),
        "onboarding_static",
    ),
}


def download(name: str, root: Path, *, url: str | None = None, tick: Tick = silent) -> Path:
    """The data set's folder, at once if it is here; ``url`` or REGPIPE_DATA_URL: where the archives lie instead.

    ``tick`` is told the bytes fetched, then for each archive the bytes unpacked.
    """
    from filelock import FileLock, Timeout

    if name not in CATALOGUE:
        raise UserError(
            f"no public data set {name!r} is known",
            "regpipe data download",
            f"there are: {', '.join(CATALOGUE)}",
        )
    wanted, place = CATALOGUE[name], root / name
    if (place / wanted.reads).is_dir():
        return place
    base = (url or os.environ.get("REGPIPE_DATA_URL") or HOME.format(name=name)).rstrip("/")
    workshop = root / f".{name}.download"
    try:
        workshop.mkdir(parents=True, exist_ok=True)
        with FileLock(workshop / "lock", timeout=0):
            gather(wanted, name, base, workshop, tick)
            move_in(workshop / "content", place, wanted.reads)
    except Timeout as error:
        raise UserError(f"{name} is being downloaded already", workshop, "wait for it to end") from error
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror or error})", root, "choose another --bop-root"
        ) from error
    shutil.rmtree(workshop, ignore_errors=True)
    return place


def gather(wanted: DataSet, name: str, base: str, workshop: Path, tick: Tick) -> None:
    """Fetch and unpack every archive into ``workshop/content``; what is done is not done again."""
    before = 0
    for archive in wanted.archives:
        file, done = workshop / archive.file, workshop / f"{archive.file}.done"
        if done.exists():
            before += archive.size
            continue
        rest = sum(a.size for a in wanted.archives) - archive.size

        def all_bytes(some: int, of: int, before: int = before, rest: int = rest) -> None:
            tick(before + some, max(before, rest) + of)

        if not file.exists():
            fetch(f"{base}/{archive.file}", file, archive.sha256, all_bytes)
        before += file.stat().st_size
        unpack_checked(file, workshop, name, tick)
        done.touch()
        file.unlink()
    if not (workshop / "content" / wanted.reads).is_dir():
        shutil.rmtree(workshop, ignore_errors=True)
        raise UserError(
            f"the archives hold no {wanted.reads}/", base, "this is not the data set: check the address"
        )


def unpack_checked(file: Path, workshop: Path, name: str, tick: Tick) -> None:
    """Unpack an archive beside, then add it to the content; a bad one is removed."""
    beside = workshop / "unpacking"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        unpack(file, beside, name, tick)
    except UserError as error:
        if "disk" not in str(error):
            file.unlink()
        raise
    merge(beside, workshop / "content")
    shutil.rmtree(beside)


def move_in(content: Path, place: Path, reads: str) -> None:
    """Move all content to its place; what tells that the data set is here comes last."""
    if not place.exists():
        content.rename(place)
        return
    rest = content.with_name("last")
    (content / reads).rename(rest)
    merge(content, place)
    rest.rename(place / reads)
