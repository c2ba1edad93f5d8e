"""The command as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.cli.main import Exit, main
from pipelines.cli.seed_flags import modern
from registration.errors import UserError


def call(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in args])
    seen = capsys.readouterr()
    return int(stop.value.code or 0), seen.out, seen.err


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = "import sys; from pipelines.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint([m for m in ('numpy','torch','scipy','rich') if m in sys.modules])"
    best = 9.0
    for _ in range(3):
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        best = min(best, time.monotonic() - start)
    assert done.stdout.rstrip().endswith("[]") and "run" in done.stdout
    assert best < 0.5


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run"], "nothing to register"),
        (["run", "--dataset", "mini"], "which object?"),
        (["run", "--dataset", "tless", "--objid", "1", "--bop-root", "{tmp}"], "regpipe data download tless"),
        (["run", "--dataset", "tles", "--objid", "1", "--bop-root", "{tmp}"], "tless"),
        (["run", "--up", "{tmp}"], "name both"),
        (["run", "--up", "{tmp}/a", "--down", "{tmp}/b"], "folder"),
        (["run", "--dataset", "x", "--objid", "1", "--set", "nerf.ray=3"], "did you mean 'rays'"),
        (["run", "--dataset", "x", "--objid", "1", "--set", "nerf.rays=x"], "a whole number"),
        (["run", "--dataset", "x", "--objid", "1", "--preset", "fast"], "quick"),
        (["run", "--dataset", "x", "--objid", "one"], "integer"),
        (["run", "--dataset", "x", "--objid", "1", "--until", "nerv"], "stages:"),
        (["runn"], "did you mean 'run'"),
        (["stage", "nope", "--dataset", "x", "--objid", "1"], "stages:"),
        (["stage", "trainNerfFine.py", "--dataset", "x", "--objid", "1"], "nerf-up"),
        (["stage", "embedding", "--dataset", "x", "--objid", "1"], "each half"),
        (["status", "--out", "{tmp}"], "nothing has been run"),
        (
            ["export", "ply", "--dataset", "x", "--objid", "1", "--out", "{tmp}", "--to", "{tmp}/m.ply"],
            "no finished result",
        ),
        (["export", "nerfstudio", "--dataset", "x", "--objid", "1", "--to", "{tmp}/n"], "--half up"),
        (["export", "colmap", "--half", "up", "--to", "{tmp}/n"], "which object?"),
        (["export", "bop", "--half", "up", "--capture", "{tmp}", "--to", "{tmp}/n"], "alone"),
        (["export", "bop", "--capture", "{tmp}", "--to", "{tmp}/n"], "no capture here"),
        (["export", "cloud", "--dataset", "x", "--objid", "1", "--level", "coarse", "--to", "{tmp}/c"], "--half up"),
        (
            ["export", "cloud", "--dataset", "x", "--objid", "1", "--half", "up", "--out", "{tmp}", "--to", "{tmp}/c"],
            "--until clouds",
        ),
        (["bench", "score", "{tmp}", "{tmp}"], "no truth"),
        (["bench", "halves", "{tmp}", "{tmp}", "--full"], "--against truth"),
        (["bench", "halves", "{tmp}", "{tmp}"], "no truth"),
        (["data", "download", "nope", "--bop-root", "{tmp}"], "there are"),
        (["data", "synth", "a/b", "--bop-root", "{tmp}"], "one word"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    status, _, err = call(capsys, *[a.replace("{tmp}", str(tmp_path)) for a in args])
    assert status == Exit.WRONG_REQUEST
    assert len(err.strip().splitlines()) == 1 and words in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("old", "new"),
    [("trainNerf.py", "nerf-up"), ("trainNerfFine.py", "nerf-up"), ("generateCors.py", "correspondences"), ("trainPose.py", "embedding"),
     ("genFeat.py", "features"), ("inference.py", "poses"), ("verification.py", "verify"), ("ICP.py", "icp")],
)  # fmt: skip
def test_an_old_script_is_answered_with_its_stage(old: str, new: str) -> None:
    with pytest.raises(UserError, match=new):
        modern(old, None)


@pytest.mark.parametrize(
    ("name", "half", "stage"),
    [("nerf", "up", "nerf-up"), ("nerf", "down", "nerf-down"), ("capture", "up", "capture-up"), ("icp", None, "icp"),
     ("embedding", "up", "embedding-up"), ("correspondences", "down", "correspondences-down")],
)
def test_halves_and_modern_names(name: str, half: str | None, stage: str) -> None:
    assert modern(name, half) == stage


@pytest.mark.parametrize(
    ("flags", "half", "viz", "cont"),
    [
        ("--UH 1 --viz 0 --cont True", "up", False, True),
        ("--UH 0 --viz --cont", "down", True, True),
        ("--half up --viz 1 --cont 0", "up", True, False),
    ],
)
def test_old_flags_mean_what_they_meant(flags: str, half: str, viz: bool, cont: bool) -> None:
    from pipelines.cli.run import stage

    context = stage.make_context("stage", ["nerf", "--dataset", "d", "--objid", "1", *flags.split()])
    assert (context.params["half"], context.params["viz"], context.params["cont"]) == (half, viz, cont)


@pytest.mark.parametrize(("stage", "flag"), [("icp", "--id"), ("verify", "--bestimage")])
def test_image_flags_say_where_they_belong(capsys: pytest.CaptureFixture[str], stage: str, flag: str) -> None:
    status, _, err = call(capsys, "stage", stage, "--dataset", "d", "--objid", "1", flag, "1285")
    assert status == 2 and f"{flag}" in err and "regpipe stage" in err


def test_sources_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "source", "list")
    assert status == 0 and "shape" in out and "regpipe" in out


def test_a_data_set_is_made_listed_and_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make = ("data", "synth", "tiny", "--bop-root", tmp_path, "--objects", 1, "--views", 8, "--size", 48)
    assert call(capsys, *make)[0] == 0
    status, _, err = call(capsys, *make)
    assert status == 2 and "--force" in err
    assert "tiny" in call(capsys, "data", "list", "--bop-root", tmp_path)[1]
    facts = json.loads((tmp_path / "tiny_truth" / "obj_000001.json").read_text())
    assert facts["diameter"] > 30
