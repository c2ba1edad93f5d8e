"""Good files for every reader of anything but text, small, and how each is read."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from registration.data.capture import Capture
from registration.geometry.rigid import Rigid


@dataclass(frozen=True, eq=False)
class Sample:
    """A record with one of everything that artifacts hold."""

    T: Rigid
    points: np.ndarray
    note: str
    facts: dict[str, Any]
    many: tuple[Rigid, ...]
    maybe: float | None


def sample() -> Sample:
    """One."""
    return Sample(Rigid.exp([1, 2, 3, 4, 5, 6]), np.arange(12.0), "a", {"b": [1, None]}, (Rigid.identity(),), 0.5)


def archives(folder: Path) -> list[Path]:
    """A zip archive and two tar archives of a small data set."""
    files = {"toys/train/a.txt": b"A" * 300, "toys/train/deep/b.json": b"{}", "toys/c.bin": bytes(range(256))}
    from tests.data.make import zipped

    (folder / "a.zip").write_bytes(zipped(files))
    for name, mode in (("a.tar", "w"), ("a.tgz", "w:gz")):
        with tarfile.open(folder / name, mode) as archive:  # type: ignore[call-overload]
            for path, body in files.items():
                info = tarfile.TarInfo(path)
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
    return [folder / name for name in ("a.zip", "a.tar", "a.tgz")]


def read_archive(file: Path) -> object:
    """Unpack it, and look that nothing landed outside."""
    from registration.data.archive import unpack

    room = file.parent / "room"
    try:
        unpack(file, room / "here", "toys")
        assert not room.is_symlink() and [p.name for p in room.iterdir()] == ["here"], "something landed outside"
        return room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def artifact(folder: Path) -> list[Path]:
    """The files of one artifact."""
    from pipelines import artifacts
    from pipelines.store import Store

    Store(folder).place("a/obj_000001", "s").commit("ab", {}, lambda place: artifacts.save(sample(), place))
    return [folder / "a/obj_000001/s/ab" / name for name in ("record.json", "arrays.npz")]


def read_artifact(file: Path) -> object:
    """As one whose manifest agrees: a store that lies."""
    from pipelines.store import Place, digest

    manifest = file.with_name("manifest.json")
    body = json.loads(manifest.read_text())
    body["files"][file.name] = {"bytes": file.stat().st_size, "sha256": digest(file)}
    manifest.write_text(json.dumps(body))
    try:
        return Place(file.parents[1]).load(Sample, "ab")
    finally:  # the other file is whole again in the next case, and so must be what is said of it
        body["files"] = {f.name: {"bytes": f.stat().st_size, "sha256": digest(f)} for f in file.parent.glob("[ra]*")}
        manifest.write_text(json.dumps(body))


def capture(folder: Path) -> list[Path]:
    """All files of a BOP folder of five images."""
    from PIL import Image

    from tests.data.make import SIZE, make_scene

    scene = make_scene(folder / "obj_000001_up", n=5)
    (scene / "depth").mkdir()
    Image.fromarray(np.full(SIZE[::-1], 1200, np.uint16)).save(scene / "depth/000000.png")
    return [*sorted(scene.glob("*.json")) * 4, *sorted(scene.glob("*/*"))]


def read_capture(file: Path) -> object:
    """The whole capture; some bad frames are skipped."""
    from registration.data.bop import read_scene
    from registration.data.params import CaptureParams

    folder = next(p for p in file.parents if p.name == "obj_000001_up")
    return read_scene(folder, "a/obj_000001_up", 1, CaptureParams(min_views=2, skip_bad=1))


def transforms(folder: Path) -> list[Path]:
    """transforms.json of a nerfstudio data set of five images with a bent lens."""
    from registration.data.nerfstudio_write import write_nerfstudio

    write_nerfstudio(five(folder), folder / "set")
    file = folder / "set/transforms.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"camera_model": "OPENCV", "k1": 0.01, "p2": 1e-3}))
    return [file]


def models(folder: Path) -> list[Path]:
    """COLMAP's cameras and images of five views, as text and binary."""
    from registration.data.colmap_write import write_colmap

    for ending in ("txt", "bin"):
        write_colmap(five(folder / ending), folder / ending / "set")
    text, binary = (folder / ending / "set/sparse/0" for ending in ("txt", "bin"))
    as_binary(binary)
    return [text / "cameras.txt", text / "images.txt", binary / "cameras.bin", binary / "images.bin"]


def as_binary(place: Path) -> None:
    """The same model in COLMAP's binary form; one camera is made an OPENCV one, one image gets points."""
    from registration.data.colmap_files import read_cameras_txt, read_images_txt

    cameras, images = read_cameras_txt(place / "cameras.txt"), read_images_txt(place / "images.txt")
    body = [struct.pack("<Q", len(cameras))]
    for n, (number, camera) in enumerate(cameras.items()):
        params = [*camera.params, *([0.01, 0.0, 1e-3, 0.0] if n == 0 else [])]
        body.append(struct.pack(f"<IiQQ{len(params)}d", number, 4 if n == 0 else 1, *camera.size, *params))
    (place / "cameras.bin").write_bytes(b"".join(body))
    body = [struct.pack("<Q", len(images))]
    for n, image in enumerate(images):
        seen = [(1.5, 2.5, -1), (3.5, 4.5, 7)] if n == 0 else []
        body.append(struct.pack("<I7dI", image.id, *image.wxyz, *image.t, image.camera))
        body.append(image.name.encode() + b"\0" + struct.pack("<Q", len(seen)))
        body += [struct.pack("<ddq", *point) for point in seen]
    (place / "images.bin").write_bytes(b"".join(body))
    for name in ("cameras.txt", "images.txt"):
        (place / name).unlink()


def five(folder: Path) -> Capture:
    """A capture of five images."""
    from registration.data.bop import read_scene
    from registration.data.params import CaptureParams
    from tests.data.make import make_scene

    return read_scene(make_scene(folder / "scene", n=5), "a", 1, CaptureParams(min_views=2))


def read_listed(file: Path) -> object:
    """What a capture's files say, of any kind; and the whole capture, where that much is sound."""
    from registration.data.kinds import read, spec_of
    from registration.data.params import CaptureParams

    folder = next(p for p in file.parents if p.name == "set")
    return read(spec_of(folder, "up", "--up"), CaptureParams(min_views=2, skip_bad=2))


def checkpoints(folder: Path) -> list[Path]:
    """What a training goes on from."""
    import torch

    from registration import resume

    resume.save(folder / "a.pt", {"step": 3, "tables": {"a": torch.arange(9.0)}, "curve": [[1.0, 2.0]]})
    return [folder / "a.pt"]


def read_checkpoint(file: Path) -> object:
    """None of a damaged one; anything else must be what was saved."""
    from registration import resume

    body = resume.load(file, "cpu")
    assert body is None or (body["step"] == 3 and body["tables"]["a"].tolist() == list(range(9)))
    return body


def read_trusted(file: Path) -> object:
    """A checkpoint whose sum agrees, as one of a stranger may."""
    from registration import resume

    body = file.read_bytes()[32:]
    file.write_bytes(hashlib.sha256(body).digest() + body)
    return resume.load(file, "cpu")


def images(folder: Path) -> list[Path]:
    """One picture in every kind of file that captures may hold."""
    from PIL import Image

    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    for suffix in ("png", "jpg", "tif", "bmp", "webp"):
        Image.fromarray(rgb).save(folder / f"rgb.{suffix}")
    mask = np.zeros((12, 16), np.uint8)
    mask[3:8, 4:9] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(mask > 0).save(folder / "bits.png")
    Image.fromarray(rgb).quantize(8).save(folder / "palette.png")
    Image.fromarray(np.full((12, 16), 1200, np.uint16)).save(folder / "depth.png")
    Image.fromarray(np.full((12, 16), 1.5, np.float32)).save(folder / "depth.tif")
    return sorted(folder.iterdir())


def read_images(file: Path) -> object:
    """As colours, mask and depth; a bad frame is an answer."""
    from registration.data.images import BadFrame, in_parallel, read_colour, read_depth, read_mask

    looks = [lambda f: read_colour(f, 10**6), lambda f: read_mask(f, (16, 12)), lambda f: read_depth(f, (16, 12), 0.1)]
    found = [in_parallel(look, [file])[0] for look in looks]
    assert all(isinstance(f, BadFrame) or f.ndim in (2, 3) for f in found)
    return found


def meshes(folder: Path) -> list[Path]:
    """A small mesh in every kind of file that --cad and --mesh name."""
    import trimesh

    box = trimesh.creation.box((10, 20, 30))
    for suffix in ("ply", "stl", "obj", "glb", "off"):
        box.export(folder / f"a.{suffix}")
    (folder / "b.ply").write_bytes(trimesh.exchange.ply.export_ply(box, encoding="ascii"))
    return sorted(folder.iterdir())


def read_mesh(file: Path) -> object:
    """As a CAD model and as a part."""
    from registration.data.synthetic.dataset import load_part
    from registration.geometry.mesh import read_mesh

    mesh = read_mesh(file)
    assert np.isfinite(mesh.vertices).all() and mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)
    return mesh, load_part(file)


def plys(folder: Path) -> list[Path]:
    """A mesh, a cloud, and another program's cloud."""
    from registration.geometry.ply import write_ply

    rng = np.random.default_rng(0)
    points, normals, tint = rng.normal(size=(9, 3)), rng.normal(size=(9, 3)), np.full((9, 3), 90, np.uint8)
    write_ply(folder / "mesh.ply", points, normals, tint, rng.integers(0, 9, (4, 3)))
    write_ply(folder / "cloud.ply", points, normals, tint)
    return sorted(folder.iterdir())


def read_ply(file: Path) -> object:
    """As ours, and as another program's."""
    from registration.geometry.ply import read_ply, read_points

    points, normals = read_points(file)
    assert np.isfinite(points).all() and points.shape == normals.shape
    points, _, _, faces = read_ply(file)
    assert np.isfinite(points).all() and (not len(faces) or 0 <= faces.min() <= faces.max() < len(points))
    return points, faces


def small_network() -> Any:
    """In the place of the query network, whose million weights would make a case slow."""
    import torch

    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))


def weights(folder: Path) -> list[Path]:
    """Start-up weights."""
    from safetensors.torch import save_file

    save_file(small_network().half().state_dict(), folder / "a.safetensors")
    return [folder / "a.safetensors"]


def read_weights(file: Path) -> object:
    """A network."""
    from registration.embedding import features

    with patch.object(features, "QueryNet", small_network):
        return features.first_query(str(file), 0)
