"""regpipe check as a user meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipelines.cli.main import Exit
from registration.data.colmap_write import write_colmap
from registration.data.images import size_of
from registration.data.kinds import read, spec_of
from registration.data.params import CaptureParams
from tests.cli.test_cli import call
from tests.data.make import edit, make_onboarding
from tests.geometry.bodies import capture_of, knob


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("captures") / "knob"
    write_colmap(capture_of(knob(), views=30, size=128), place)
    return place


def test_a_capture_of_any_kind_gets_a_table_and_a_picture(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = call(capsys, "check", folder, "--unit", "mm", "--picture", tmp_path / "p.png")
    assert status == Exit.ACCEPTED and "what was found" in out and f"directions: {tmp_path / 'p.png'}" in out
    for word in ("images", "masks", "poses", "intrinsics", "size", "coverage", "resolution", "sharpness", "exposure"):
        assert word in out
    assert size_of(tmp_path / "p.png") == (420, 420)


def test_two_captures_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_onboarding(tmp_path, n=12)
    status, out, _ = call(capsys, "check", "--dataset", "toys", "--objid", 1, "--bop-root", tmp_path, "--json")
    body = json.loads(out)
    assert status == Exit.NOT_ACCEPTED  # 12 images of 28 pixels
    assert list(body["captures"]) == ["toys/obj_000001_up", "toys/obj_000001_down", "both"]
    row = next(r for r in body["captures"]["toys/obj_000001_up"] if r["what"] == "resolution")
    assert set(row) == {"what", "verdict", "value", "told", "mend"} and row["verdict"] == "bad" and 20 < row["value"] < 40
    assert body["picture"] == "coverage-toys-obj_000001.png" and size_of(Path(body["picture"])) == (844, 420)


def test_two_folders_of_one_name_are_told_apart(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(folder, tmp_path / folder.name))
    args = ("check", "--up", folder, "--down", other, "--json", "--picture", tmp_path / "p.png")
    assert list(json.loads(call(capsys, *args)[1])["captures"]) == ["knob (up)", "knob (down)", "both"]


def test_a_capture_without_a_unit_keeps_its_own_but_in_bop(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for what in ("colmap", "nerfstudio", "bop"):
        assert call(capsys, "export", what, "--capture", folder, "--to", tmp_path / what)[0] == 0
    sizes = {}
    for what in ("colmap", "nerfstudio", "bop"):
        capture = read(spec_of(tmp_path / what, "up", "x"), CaptureParams())
        sizes[what] = (capture.metric, capture.notes["size_mm"] / capture.unit_mm)
    assert sizes["colmap"] == (False, pytest.approx(sizes["nerfstudio"][1])) and not sizes["nerfstudio"][0]
    assert 50 < sizes["colmap"][1] < 80 and sizes["bop"] == (True, pytest.approx(100, rel=1e-3))


def test_what_cannot_be_read_is_a_row_and_not_a_crash(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path(shutil.copytree(folder, tmp_path / "c"))
    for file in (place / "masks").iterdir():
        file.unlink()
    status, out, _ = call(capsys, "check", place)
    assert status == Exit.NOT_ACCEPTED and "0 of 30 can be used" in out and "no mask" in out
    (place / "sparse/0/cameras.txt").write_text("1 PINHOLE x\n")
    status, out, _ = call(capsys, "check", place)
    assert status == Exit.NOT_ACCEPTED and "not a camera" in out and "CAMERA_ID MODEL" in out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "which capture?"),
        (["{tmp}/none"], "no such folder"),
        (["{tmp}"], "no capture here"),
        (["--dataset", "toys"], "which object?"),
        (["{tmp}", "--dataset", "toys"], "several ways"),
        (["{tmp}", "--unit", "miles"], "miles"),
    ],
)
def test_a_wrong_request_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], words: str) -> None:  # fmt: skip
    status, _, err = call(capsys, "check", *[a.replace("{tmp}", str(tmp_path)) for a in args])
    assert status == Exit.WRONG_REQUEST and words in err and len(err.strip().splitlines()) == 1


def test_the_unit_is_part_of_the_key_and_doubted_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make_onboarding(tmp_path, n=12)
    for half in ("up", "down"):

        def in_centimetres(body: dict) -> None:
            for (entry,) in body.values():
                entry["cam_t_m2c"] = [v / 10 for v in entry["cam_t_m2c"]]

        edit(data / f"onboarding_static/obj_000001_{half}/scene_gt.json", in_centimetres)
    base = ("stage", "capture-up", "--dataset", "toys", "--objid", 1, "--bop-root", tmp_path, "--out", tmp_path / "o")
    status, _, err = call(capsys, *base)
    assert status == 0 and "lengths look like centimetres: --unit cm" in err
    status, _, err = call(capsys, *base, "--unit", "cm")
    assert status == 0 and "look like" not in err
    notes = [json.loads(f.read_text()) for f in (tmp_path / "o/.store").rglob("capture-up/*/record.json")]
    sizes = sorted(n["notes"]["size_mm"] for n in notes)
    assert len(sizes) == 2 and sizes[1] == pytest.approx(10 * sizes[0], rel=1e-3)
    assert sorted(n["unit_mm"] for n in notes) == [1.0, 10.0]
