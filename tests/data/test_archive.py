"""Unpacking: what comes out, and what never does."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from registration.data.archive import unpack
from tests.data.make import refusal, zipped

NOISE = np.random.default_rng(3).bytes(90_000)


def test_zip_and_tar_come_out_without_their_top_folder(tmp_path: Path) -> None:
    files = {"toys/train/a.txt": b"A", "toys/b.txt": b"B"}
    (tmp_path / "a.zip").write_bytes(zipped(files))
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(body), 0o4777
            archive.addfile(info, io.BytesIO(body))
    for kind in ("zip", "tgz"):
        unpack(tmp_path / f"a.{kind}", tmp_path / kind, "toys")
        assert (tmp_path / kind / "train/a.txt").read_bytes() == b"A"
        assert (tmp_path / kind / "b.txt").stat().st_mode & 0o7000 == 0
    unpack(tmp_path / "a.zip", tmp_path / "whole", "other")
    assert (tmp_path / "whole/toys/b.txt").exists()


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:\\evil", "\\evil"])
def test_nothing_lands_outside(tmp_path: Path, name: str) -> None:
    (tmp_path / "bad.zip").write_bytes(zipped({"good.txt": b"", name: b"x"}))
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    for kind in ("zip", "tar"):
        text = refusal(unpack, tmp_path / f"bad.{kind}", tmp_path / "here")
        assert "outside its folder" in text and f"bad.{kind}" in text and "nothing was unpacked" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.tar", "bad.zip"] and not Path("/evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        info = tarfile.TarInfo("passwords")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    assert "a link or a device" in refusal(unpack, tmp_path / "bad.tar", tmp_path / "here")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        entry = zipfile.ZipInfo("passwords")
        entry.external_attr = 0o120777 << 16
        packed.writestr(entry, "/etc/passwd")
    assert "a link or a device" in refusal(unpack, tmp_path / "bad.zip", tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_decompression_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb.zip").write_bytes(zipped({str(i): bytes(6 << 20) for i in range(4)}))
    assert "decompression bomb" in refusal(unpack, tmp_path / "bomb.zip", tmp_path / "here")
    monkeypatch.setattr("registration.data.archive.MAX_FILES", 3)
    (tmp_path / "many.zip").write_bytes(zipped({str(i): b"" for i in range(5)}))
    assert "decompression bomb" in refusal(unpack, tmp_path / "many.zip", tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    good = zipped({"a.bin": NOISE})
    flipped = bytearray(good)
    flipped[5000] ^= 255
    (tmp_path / "a.zip").write_bytes(flipped)
    assert refusal(unpack, tmp_path / "a.zip", tmp_path / "x").startswith("the archive is damaged: a.zip")
    (tmp_path / "a.zip").write_bytes(b"<html>sign in</html>")
    assert refusal(unpack, tmp_path / "a.zip", tmp_path / "y").startswith("neither a zip nor a tar archive")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(tmp_path / "a.zip", "one")
        info = tarfile.TarInfo("two")
        info.size = 90_000
        archive.addfile(info, io.BytesIO(NOISE))
    body = bytearray((tmp_path / "a.tgz").read_bytes())
    (tmp_path / "a.tgz").write_bytes(body[:40_000])
    assert "damaged" in refusal(unpack, tmp_path / "a.tgz", tmp_path / "z")
    (tmp_path / "twice.zip").write_bytes(zipped({"a": b"1", "a/b": b"2"}))
    assert "names one place twice" in refusal(unpack, tmp_path / "twice.zip", tmp_path / "w")
