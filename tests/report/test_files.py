"""The files beside the page: the Chamfer table in three forms, the index, the command that writes them, the turntable."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from pipelines.cli.main import main
from pipelines.report.cad import checked
from pipelines.report.index import index_page
from pipelines.report.table import as_csv, as_json, chamfer_table, xlsx_of
from pipelines.report.xlsx import column
from registration.errors import UserError
from registration.geometry.distance import surface_distance
from registration.geometry.mesh import TriMesh
from registration.geometry.ply import write_ply
from registration.geometry.rigid import Rigid
from registration.viz.scene import Skin
from registration.viz.turntable import as_film, turned
from tests.geometry.bodies import knob
from tests.report.made import finished, fused

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def call(*args: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in args])
    return int(stop.value.code or 0)


def test_the_table_says_the_same_in_all_its_forms(tmp_path: Path) -> None:
    table = chamfer_table({"up to down": np.array([0.1, 0.3, 5.0]), "a <&> b": np.array([9.0, 8.0])}, 1.0)
    plain = list(csv.reader(io.StringIO(as_csv(table))))
    assert plain[0][:3] == ["direction", "points", "mean_mm"] and plain[1][:3] == ["up to down", "3", "1.8"]
    assert plain[2][-1] == "" and json.loads(as_json(table))["a <&> b"]["overlap_mean_mm"] is None
    body = xlsx_of(as_json(table))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    texts = ["".join(c.itertext()) for c in sheet.iter(f"{SHEET}c")]
    assert texts == [c for row in plain for c in row if c]
    assert body == xlsx_of(as_json(table))


def test_a_spreadsheet_program_opens_it() -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    table = chamfer_table({"up to down": np.array([0.1, 0.3])}, 1.0)
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_of(as_json(table)))).active
    assert sheet.title == "chamfer" and sheet["A2"].value == "up to down" and sheet["C2"].value == pytest.approx(0.2)


def test_columns_are_named_as_spreadsheets_do() -> None:
    assert [column(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_pages_of_finished_results_are_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = finished(tmp_path / "runs")
    finished(tmp_path / "runs", 2, accepted=False)
    assert call("report", "--out", tmp_path / "runs", "--dataset", "made", "--objid", 1) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert "regpipe run --dataset made" in (folder / "report/index.html").read_text()
    for name in ("chamfer.csv", "chamfer.json", "chamfer.xlsx", "thumbnail.webp"):
        assert (folder / "report" / name).stat().st_size > 50
    index = (folder.parent / "index.html").read_text()
    assert (
        index.count("data-accepted=") == 2
        and "obj_000002/report/index.html" in index
        and "2 objects, 1 accepted, 1 not" in index
    )
    to = tmp_path / "t.xlsx"
    assert call("export", "chamfer", "--dataset", "made", "--objid", 1, "--out", tmp_path / "runs", "--to", to) == 0
    assert to.read_bytes() == (folder / "report/chamfer.xlsx").read_bytes()


def test_a_result_of_two_folders_has_a_page_too(tmp_path: Path) -> None:
    folder = finished(tmp_path / "runs")
    out = tmp_path / "runs/of_two"
    out.mkdir()
    (folder / "result.json").rename(out / "result.json")
    (tmp_path / "runs/.store/made/obj_000001").rename(tmp_path / "runs/.store/a+b")
    assert call("report", "--out", out, "--store", tmp_path / "runs/.store") == 0
    assert (out / "report/index.html").is_file() and not (tmp_path / "runs/index.html").exists()


def test_a_cad_model_adds_rows_to_the_report_only(tmp_path: Path) -> None:
    folder, cad = finished(tmp_path), tmp_path / "cad.ply"
    mesh = knob().moved(Rigid.exp([1.0, 2.0, 0.3, 40, 5, 6]))
    write_ply(cad, mesh.vertices, mesh.vertex_normals(), np.zeros((len(mesh.vertices), 3), np.uint8), mesh.faces)
    before = (folder / "result.json").read_bytes()
    assert call("report", "--out", tmp_path, "--dataset", "made", "--objid", 1, "--cad", cad) == 0
    rows = json.loads((folder / "report/chamfer.json").read_text())
    assert rows["model to CAD"]["mean_mm"] < 0.1 and rows["CAD to model"]["p95_mm"] < 0.3
    assert "Against the CAD model" in (folder / "report/index.html").read_text()
    assert (folder / "result.json").read_bytes() == before


def test_a_cad_model_of_another_size_is_refused(tmp_path: Path) -> None:
    mesh = TriMesh(knob().vertices * 3, knob().faces)
    write_ply(tmp_path / "c.ply", mesh.vertices, mesh.vertices, np.zeros((len(mesh.vertices), 3), np.uint8), mesh.faces)
    with pytest.raises(UserError, match="millimetres"):
        checked(tmp_path / "c.ply", fused())


def test_distances_to_a_mesh_are_exact_near_it() -> None:
    mesh, rng = knob(), np.random.default_rng(0)
    points, face, _ = mesh.sample(500, rng)
    off = points + 0.2 * mesh.face_normals()[face]
    found = surface_distance(off, mesh, rng)
    assert (found < 0.2001).mean() > 0.98 and found.max() < 0.3 and np.median(found) > 0.19


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--out", "{tmp}"], "regpipe run first"),
        (["--out", "{tmp}", "--objid", "1"], "--dataset"),
        (["--out", "{tmp}", "--dataset", "made", "--objid", "1"], "no finished result"),
        (["--out", "{tmp}/a", "--cad", "x.ply"], "one object"),
        (["--out", "{tmp}/a", "--dataset", "made", "--objid", "1", "--cad", "x.ply"], "no such mesh"),
        (["--out", "{tmp}/a", "--dataset", "made", "--objid", "1", "--store", "{tmp}/b"], "--store names the place"),
    ],
)
def test_a_wrong_request_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    if "/a" in args[1]:
        finished(tmp_path / "a")
        if "--cad" in args and "--objid" not in args:
            finished(tmp_path / "a", 2)
    status = call("report", *[a.replace("{tmp}", str(tmp_path)) for a in args])
    err = capsys.readouterr().err
    assert status == 2 and words in err and len(err.strip().splitlines()) == 1


def test_an_index_leaves_out_what_is_not_finished(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "made/obj_000007").mkdir()
    (tmp_path / "made/obj_000007/result.json").write_text('{"format"')
    assert "1 object, 1 accepted" in index_page(tmp_path / "made")


def test_a_turntable_turns_once_and_is_small(tmp_path: Path) -> None:
    mesh = knob()
    grey = np.full((len(mesh.vertices), 3), 120, np.uint8)
    pictures = turned(Skin(mesh.vertices, mesh.faces, mesh.vertex_normals(), grey), frames=8, size=96)
    assert len(pictures) == 8 and len({p.shape for p in pictures}) == 1
    assert np.abs(pictures[0].astype(int) - pictures[4]).mean() > 1
    for kind in ("gif", "webp"):
        film = as_film(pictures, kind)
        assert Image.open(io.BytesIO(film)).n_frames == 8 and len(film) < 2e6  # type: ignore[attr-defined]


def test_a_turntable_is_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registration.viz.turntable.turned", partial(turned, frames=4, size=64))
    mesh, folder = knob(), finished(tmp_path)
    tint = np.full((len(mesh.vertices), 3), 120, np.uint8)
    write_ply(folder / "model.ply", mesh.vertices, mesh.vertex_normals(), tint, mesh.faces)
    asked = ("export", "turntable", "--dataset", "made", "--objid", 1, "--out", tmp_path, "--to")
    assert call(*asked, tmp_path / "t.gif") == 0
    with Image.open(tmp_path / "t.gif") as film:
        assert film.n_frames == 4  # type: ignore[attr-defined]
    assert call(*asked, tmp_path / "t.mp4") == 2 and ".gif or .webp" in capsys.readouterr().err
