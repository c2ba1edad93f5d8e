"""Good files for every reader of JSON or TOML, small, and how each is read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from registration.geometry.rigid import Rigid
from tools.corpus import Sample, sample


def capture_words(folder: Path) -> list[Path]:
    """The JSON files of a BOP folder."""
    from tests.data.make import make_scene

    return sorted(make_scene(folder / "obj_000001_up", n=3).glob("*.json"))


def read_capture_words(file: Path) -> object:
    """Poses and intrinsics of all images, and what is wrong with the others."""
    from registration.data.bop_entries import read_entries

    return read_entries(file.parent, None)


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


def boards(folder: Path) -> list[Path]:
    """The description of a printed board."""
    from registration.data.scan.board import BOARDS, write_board

    write_board(folder / "board.json", BOARDS["a4"])
    return [folder / "board.json"]


def read_boards(file: Path) -> object:
    """The board, and where its corners lie."""
    from registration.data.scan.board import read_board

    board = read_board(str(file))
    assert np.isfinite(board.size_mm).all()
    return board.markers(), board.scaled(0.98)


def lenses(folder: Path) -> list[Path]:
    """What --intrinsics names."""
    from registration.data.scan.lens import Lens, write_lens

    write_lens(folder / "lens.json", Lens(500.0, np.array([320.0, 240.0]), np.array([0.01, 0, 0, 1e-3]), (640, 480)))
    return [folder / "lens.json"]


def read_lenses(file: Path) -> object:
    """The lens."""
    from registration.data.scan.lens import read_lens

    lens = read_lens(file)
    assert np.isfinite(lens.K).all() and np.isfinite(lens.distortion).all() and min(lens.size) > 0
    return lens


def memos(folder: Path) -> list[Path]:
    """What is remembered of files that were hashed, and of a download that was broken off."""
    from pipelines.keys import Fingerprints

    (folder / "a").write_bytes(b"content")
    Fingerprints(folder / "memo.json").of([folder / "a"], folder, {})
    (folder / "b.note").write_text(json.dumps({"mark": "x", "total": 7, "sha256": "ab" * 32}))
    return [folder / "memo.json", folder / "b.note"]


def read_memos(file: Path) -> object:
    """Whatever they say, the answer is of the right kind."""
    from pipelines.keys import Fingerprints
    from registration.data.transfer import Note

    note, hashed = Note.read(file), Fingerprints(file).of([file.with_name("a")], file.parent, {})
    assert isinstance(note.mark, str) and isinstance(note.total, int) and isinstance(note.sha256, str)
    return hashed


def annotations(folder: Path) -> list[Path]:
    """What COCO says of its pictures."""
    body = {"images": [{"id": 4, "file_name": "a.jpg"}], "annotations": [{"id": 1, "image_id": 4, "category_id": 2}]}
    place = folder / "annotations" / "instances_a.json"
    place.parent.mkdir()
    place.write_text(json.dumps({**body, "categories": [{"id": 2, "name": "b"}]}))
    (folder / "a.jpg").touch()
    return [place]


def read_annotations(file: Path) -> object:
    """The pictures they name."""
    from registration.embedding.backgrounds import files_in

    return files_in(file.parents[1])


def tables(folder: Path) -> list[Path]:
    """The distances of a finished report."""
    from pipelines.report.table import as_json

    (folder / "chamfer.json").write_text(as_json({"a": {"mean_mm": 0.5, "points": 7.0}, "b": {"mean_mm": float("nan")}}))
    return [folder / "chamfer.json"]


def read_tables(file: Path) -> object:
    """As a spreadsheet."""
    from pipelines.report.table import xlsx_of_file

    return xlsx_of_file(file)
