"""Good files for every reader, small, and how each is read."""

from __future__ import annotations

import io
import json
import shutil
import struct
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def capture_words(folder: Path) -> list[Path]:
    """The JSON files of a BOP folder."""
    from tests.data.make import make_scene

    return sorted(make_scene(folder / "obj_000001_up", n=3).glob("*.json"))


def read_capture_words(file: Path) -> object:
    """Poses and intrinsics of all images, and what is wrong with the others."""
    from registration.data.bop_entries import read_entries

    return read_entries(file.parent, None)


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


def settings(folder: Path) -> list[Path]:
    """A TOML file of parameters."""
    file = folder / "a.toml"
    file.write_text(
        'seed = 4\n[nerf]\nfine_steps = 11\nrays = 1_00\nbackend = "own"\n[verify]\nsources = ["shape", "print"]\naccept = 0.9\n'
        "[capture]\nmax_size = 200\n[full]\nrefine_pose = false\n[icp]\nreach_fine = 0.01\n"
    )
    return [file]


def read_settings(file: Path) -> object:
    """As --config reads it, and the key of a stage that it gives."""
    from pipelines.keys import key_of
    from pipelines.presets import configure

    config = configure("quick", file)
    return [key_of("x", 1, section, {}, config.seed) for section in (config.nerf, config.verify, config.icp)]


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


def manifests(folder: Path) -> list[Path]:
    """The manifest of an artifact, and the note of a failure."""
    from pipelines import artifacts
    from pipelines.store import Store

    facts = {"stage": "s", "version": 1, "params": {"a": 1}, "inputs": {"b": "cd"}, "seed": 0, "seconds": 1.5}
    place = Store(folder).place("a/obj_000001", "s")
    place.note_failure("ef", "the toy is broken")
    failed = (place.folder / "failed.json").read_bytes()
    place.commit("ab", facts, lambda folder: artifacts.save(sample(), folder))
    (place.folder / "failed.json").write_bytes(failed)
    return [place.folder / "ab/manifest.json", place.folder / "failed.json"]


def read_manifest(file: Path) -> object:
    """All that a run and `regpipe status` ask of a manifest; one that is believed must lead to the right record."""
    from pipelines.keys import why
    from pipelines.store import Store

    root = next(p for p in file.parents if p.name == "a").parent
    place = Store(root).place("a/obj_000001", "s")
    facts = {"version": 2, "params": {"a": 2}, "inputs": {"b": "cd"}, "seed": 0}
    told = [place.failed(), why(place.newest(), facts), Store(root).names()]
    if place.manifest("ab") is None:
        return told
    sum(f["bytes"] for f in (place.manifest("ab") or {})["files"].values())
    if place.damage("ab") is not None:
        return told
    assert (place.load(Sample, "ab").points == sample().points).all()
    return told


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


def results(folder: Path) -> list[Path]:
    """result.json and the labels of one image."""
    from registration.data.bop_write import scene_camera, scene_gt, write_json

    place = folder / "a" / "obj_000001"
    R, t, K = np.eye(3)[None], np.array([[0, 0, 300.0]]), np.array([[[500, 0, 32], [0, 500, 24], [0, 0, 1.0]]])
    for half in ("up", "down"):
        write_json(place / "labels" / half / "scene_gt.json", scene_gt([0], R, t, 1))
        write_json(place / "labels" / half / "scene_camera.json", scene_camera([0], K))
    body = {
        "format": 1, "T_up_from_down": Rigid.exp([1, 2, 3, 4, 5, 6]).as_matrix().tolist(), "scale": 1.0, "confidence": 0.9,
        "accepted": True, "alternatives": [{"T_up_from_down": np.eye(4).tolist(), "confidence": 0.1, "same_model": True}],
        "source": "shape", "candidates": 9, "chamfer_mm": 0.2, "diameter_mm": 60.0, "reasons": ["fits"], "silhouettes": [0.9, 0.8],
        "model": {"joint": True, "psnr_db": [25.0, 26.0], "mask_iou": [0.97, 0.96], "notes": ["a"]},
        "stages": {"icp": 1.0}, "versions": {"numpy": "2"}, "command": "regpipe run", "keys": {"report": "ab"},
    }  # fmt: skip
    (place / "result.json").write_text(json.dumps(body))
    return [*[place / "result.json"] * 6, *sorted(place.glob("labels/*/*.json"))]


def read_result(file: Path) -> object:
    """All pages and tables that are made of finished results."""
    from io import StringIO

    from rich.console import Console

    from pipelines.cli.console import summary
    from pipelines.cli.export import pred6d
    from pipelines.dashboard import compare
    from pipelines.dashboard.rows import row_of, table, times
    from pipelines.report.finished import read_finished
    from pipelines.report.index import index_page
    from pipelines.results import TOLD
    from pipelines.view.gather import alternatives_of, facts_of, shots_of

    place = next(p for p in file.parents if p.name == "obj_000001")
    row = row_of(place, str(place.parents[1]))
    told: list[object] = [table([row]), times([row]), compare.side_by_side(row, row), compare.apart(row, row)]
    told += [index_page(place.parent), pred6d(place, 1), *(shots_of(None, place, half, []) for half in ("up", "down"))]
    result = read_finished(place, "a/obj_000001").result
    if set(result) >= TOLD:  # else the run publishes anew
        summary(Console(file=StringIO()), "a", result, place, False)
    return [*told, alternatives_of(None, result), facts_of(None, result)]


def weights(folder: Path) -> list[Path]:
    """Start-up weights of the query network."""
    from registration.embedding.features import shipped

    shutil.copyfile(shipped(), folder / "a.safetensors")
    return [folder / "a.safetensors"]


def read_weights(file: Path) -> object:
    """A network."""
    from registration.embedding.features import first_query

    return first_query(str(file), 0)


