"""What fuzzing found, kept small: each was once an error of ours, or let something wrong in."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.keys import Fingerprints
from pipelines.presets import configure
from pipelines.report.table import xlsx_of_file
from registration import resume
from registration.data.archive import unpack
from registration.data.bop_entries import intrinsics
from registration.data.images import BadFrame, read_colour, read_mask, size_of
from registration.data.scan.board import read_board
from registration.data.scan.lens import read_lens
from registration.data.transfer import Note
from registration.geometry.mesh import read_mesh
from registration.geometry.ply import read_ply, read_points
from tests.data.make import refusal, zipped
from tests.data.test_faults import load, message

HEAD = "ply\nformat binary_little_endian 1.0\n"
OURS = HEAD + "comment regpipe, millimetres\n"
AXES = "".join(f"property float {n}\n" for n in ("x", "y", "z", "nx", "ny", "nz"))


@pytest.mark.parametrize(
    ("reader", "head", "body", "words"),
    [
        (read_points, f"{HEAD}element vertex =\n{AXES}", b"", "not a number of things"),
        (read_points, f"{HEAD}element vertex {'9' * 30}\n{AXES}", b"", "not a number of things"),
        (read_points, f"{HEAD}element vertex 1\n{AXES}property float x\n", bytes(28), "without normals"),
        (read_points, f"{HEAD}element vertex 1\n{AXES}property list uchar int a\n", bytes(28), "no number"),
        (read_points, f"{HEAD}element face 1\n{AXES}", bytes(24), "without points"),
        (read_points, f"{HEAD}element vertex 1\n{AXES}", b"\xff" * 24, "not a finite number"),
        (read_points, f"{HEAD}element vertex 2\n{AXES}", bytes(24), "cut off"),
        (read_ply, f"{OURS}element vertex face\n", b"", "not a number of things"),
        (read_ply, f"{OURS}element vertex 0\nelement face 1\n", bytes(13), "not there"),
        (read_ply, f"{HEAD}element vertex 0\n", b"", "not a PLY file of regpipe's"),
    ],
)
def test_ply_heads_that_lie(tmp_path: Path, reader: object, head: str, body: bytes, words: str) -> None:
    (tmp_path / "a.ply").write_bytes(f"{head}end_header\n".encode() + body)
    assert words in refusal(reader, tmp_path / "a.ply")


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "mesh"),
        ("a.off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "mesh"),
        ("a.off", b"OFF\n3 1 0\n0 0 0\nnan 0 0\n0 1 0\n3 0 1 2\n", "mesh"),
        ("a.zip", b"PK", "no mesh is read from a .zip file"),
        ("a.gltf", b"{}", "no mesh is read from a .gltf file"),
    ],
)
def test_meshes_that_lie(tmp_path: Path, name: str, body: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(body)
    assert words in refusal(read_mesh, tmp_path / name)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "[nerf]\nrays = inf\n", "seed = -1\n", "seed = 1.5\n", "nerf = 3\n"])
def test_settings_that_lie(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    assert "a.toml" in refusal(configure, "quick", tmp_path / "a.toml")


def named(*names: bytes) -> bytes:
    """A zip archive whose members have names that no honest writer gives."""
    body = zipped({f"{n:04}": b"x" for n in range(len(names))})
    for n, name in enumerate(names):
        body = body.replace(f"{n:04}".encode(), name)
    return body


@pytest.mark.parametrize("name", [b"\x80\x81\x82\x83", b"a\0/b"])
def test_names_in_archives_that_lie(tmp_path: Path, name: bytes) -> None:
    body = bytearray(named(name))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the names are said to be UTF-8
        at = body.index(mark) + flags
        body[at : at + 2] = struct.pack("<H", 0x800)
    (tmp_path / "a.zip").write_bytes(body)
    if b"\0" in name:
        unpack(tmp_path / "a.zip", tmp_path / "here")  # the name ends there, and it is a plain one
        assert [p.name for p in (tmp_path / "here").iterdir()] == ["a"]
    else:
        assert "damaged" in refusal(unpack, tmp_path / "a.zip", tmp_path / "here")


def bomb(file: Path, width: int, height: int) -> None:
    """A PNG of a few hundred bytes that unpacks to so many grey pixels."""
    rows = zlib.compress(bytes((width + 1) * height), 9)
    parts = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"IDAT" + rows, b"IEND")
    body = b"".join(struct.pack(">I", len(p) - 4) + p + struct.pack(">I", zlib.crc32(p)) for p in parts)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_bombs_are_refused_by_their_header_and_may_be_allowed(scene: Path) -> None:
    file = scene / "rgb/000003.png"
    bomb(file, 2000, 1500)
    assert "3 million" not in message(scene) and size_of(file) == (2000, 1500)
    text = message(scene, max_pixels=2_000_000)
    assert text.startswith("image 3: 2000 x 1500 pixels, more than the 2 million") and "--set capture.max_pixels=N" in text
    assert len(load(scene, max_pixels=2_000_000, skip_bad=1)) == 11
    with pytest.raises(BadFrame, match="the mask is 2000 x 1500"):
        read_mask(file, (64, 48))
    assert read_colour(file, 3_000_000).shape == (1500, 2000, 3) and configure("quick", None, ["capture.max_pixels=5"])


@pytest.mark.parametrize("kind", ["GIF", "PPM", "EPS", "TGA"])
def test_other_kinds_of_images_are_not_even_tried(tmp_path: Path, kind: str) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png", kind)
    with pytest.raises(BadFrame, match="not an image"):
        read_colour(tmp_path / "a.png")


DEEP = "[" * 3000


@pytest.mark.parametrize("body", [DEEP, "[1]", '{"width": 1e9, "height": 1, "f": 1' + "0" * 400 + ', "cx": 0, "cy": 0, "distortion": [0, 0, 0, 0]}'])
def test_a_lens_or_a_board_that_cannot_be_is_refused(tmp_path: Path, body: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(body)
    assert "not readable as a lens" in refusal(read_lens, file)
    assert "not a board's description" in refusal(read_board, str(file))


def test_a_camera_whose_middle_is_nowhere_is_refused(tmp_path: Path) -> None:
    for wrong in (1e308, -1e9):
        with pytest.raises(BadFrame, match="not a pinhole matrix"):
            intrinsics({"cam_K": [500, 0, 32, 0, 500, wrong, 0, 0, 1]}, tmp_path)


def test_a_board_without_a_size_is_refused(tmp_path: Path) -> None:
    for wrong in ("NaN", "Infinity", "0"):
        file = tmp_path / "a.json"
        file.write_text(f'{{"kind": "charuco", "name": "a", "page_mm": [297, 210], "square_mm": {wrong}}}')
        assert "page and squares are in millimetres" in refusal(read_board, str(file))


@pytest.mark.parametrize("body", [DEEP, '{"total": "7"}', '{"sha256": []}', '{"mark": null}', '{"total": true}'])
def test_a_note_that_cannot_be_is_none(tmp_path: Path, body: str) -> None:
    (tmp_path / "a.note").write_text(body)
    assert Note.read(tmp_path / "a.note") == Note()


def test_a_sum_that_cannot_be_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    memo = tmp_path / "memo.json"
    right = Fingerprints(memo).of([tmp_path / "a"], tmp_path, {})
    known = json.loads(memo.read_text())
    for wrong in ("\ud800", "", "g" * 64):
        memo.write_text(json.dumps({name: [*entry[:2], wrong] for name, entry in known.items()}))
        assert Fingerprints(memo).of([tmp_path / "a"], tmp_path, {}) == right


@pytest.mark.parametrize("body", [DEEP, "[]", '{"a": {"mean_mm": "x"}}', '{"a": 1}', '{"a": {"mean_mm": 1' + "0" * 400 + "}}"])
def test_a_table_of_distances_that_cannot_be_is_refused(tmp_path: Path, body: str) -> None:
    (tmp_path / "chamfer.json").write_text(body)
    assert "no table of distances" in refusal(xlsx_of_file, tmp_path / "chamfer.json")


@pytest.mark.parametrize("body", [b"", b"PK\3\4", b"\x80\2]q\0.", b"cos\nsystem\n(S'touch ran'\ntR."])
def test_no_checkpoint_is_believed_for_its_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(hashlib.sha256(body).digest() + body)
    assert resume.load(tmp_path / "a.pt", "cpu") is None and [f.name for f in tmp_path.iterdir()] == ["a.pt"]
