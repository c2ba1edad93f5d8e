"""The nerfstudio back-end against stand-ins of its commands: what they are told, what comes back, what fails and how."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipelines.presets import configure
from pipelines.stages import nerf
from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.errors import UserError
from registration.geometry.distance import chamfer_parts
from registration.geometry.hull import Box
from registration.geometry.mesh import iso_surface
from registration.geometry.ply import read_points
from registration.nerf.cloud import clouds_of
from registration.nerf.command import call, environment, last_step, last_words
from registration.nerf.guest import METHOD
from registration.nerf.params import CloudParams, NerfParams
from registration.nerf.rays import mask_distances
from registration.nerf.studio import cloud_from, reach, unit_of
from registration.nerf.surface import distances, kept_points
from registration.nerf.train import hull_start
from registration.progress import silent
from tests.geometry.bodies import capture_of, knob

ROOT = Path(__file__).parents[2]
BOX = Box(np.array([-35.0, -30, -28]), 1.0, (71, 61, 57))
PARAMS = NerfParams(fine_grid=48, backend="nerfstudio", nerfstudio_steps=50, nerfstudio_points=77, nerfstudio_rays=64)
FAKE_TRAIN = """
import json, os, pathlib, sys, time
word = lambda name: sys.argv[sys.argv.index(name) + 1]
run = pathlib.Path(word("--output-dir"), word("--experiment-name"), sys.argv[1], word("--timestamp"))
(run / "nerfstudio_models").mkdir(parents=True, exist_ok=True)
calls = pathlib.Path(word("--output-dir")).with_name("calls.jsonl")
calls.open("a").write(json.dumps(sys.argv[1:]) + chr(10))
data = pathlib.Path(word("--data"))
facts = {"transforms": json.loads((data / "transforms.json").read_text()), "images": len(list(data.glob("images/*.png")))}
(run / "config.yml").write_text(json.dumps(facts))
print("pid", os.getpid(), flush=True)
if "--load-dir" in sys.argv and os.environ.get("FAKE") == "broken":
    sys.exit("RuntimeError: the archive is cut off")
print("Step (% Done)", "20 (40.00%)   3 ms", sep=chr(10), flush=True)
(run / "nerfstudio_models" / "step-000000019.ckpt").touch()
if os.environ.get("FAKE") == "fails":
    sys.exit("\\x1b[31mRuntimeError: no luck\\x1b[0m" + chr(10))
if os.environ.get("FAKE") == "sleeps":
    time.sleep(60)
(run / "nerfstudio_models" / f"step-{int(word('--max-num-iterations')) - 1:09d}.ckpt").touch()
"""
FAKE_EXPORT = """
import json, os, pathlib, shutil, struct, sys
word = lambda name: sys.argv[sys.argv.index(name) + 1]
out = pathlib.Path(word("--output-dir"), "point_cloud.ply")
out.with_name("export.json").write_text(json.dumps(sys.argv[1:]))
if "CLOUD" in os.environ:
    sys.exit(shutil.copyfile(os.environ["CLOUD"], out) and 0)
rows = []
for frame in json.loads(pathlib.Path(word("--load-config")).read_text())["transforms"]["frames"]:
    M = frame["transform_matrix"]
    rows += [[M[k][3] - ahead * M[k][2] for k in range(3)] + [0, 0, 1] for ahead in (0, 2)]
head = ["ply", "format binary_little_endian 1.0", "comment Created by a stand-in", f"element vertex {len(rows)}"]
head += [f"property double {name}" for name in ("x", "y", "z", "nx", "ny", "nz")] + ["property uchar red", "end_header"]
body = b"".join(struct.pack("<6dB", *row, 7) for row in rows)
out.write_bytes(("\\n".join(head) + "\\n").encode() + body)
"""


@pytest.fixture(scope="module")
def capture() -> Capture:
    return capture_of(knob())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bin_ = tmp_path / "env" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").symlink_to(Path(sys.executable).resolve())
    (bin_ / "ns-train").write_text(FAKE_TRAIN)
    (bin_ / "ns-export").write_text(FAKE_EXPORT)
    monkeypatch.setenv("REGPIPE_NERFSTUDIO", str(bin_.parent))
    return bin_.parent


def told(place: Path) -> list[list[str]]:
    """Every command line that the stand-in of ns-train was given."""
    return [json.loads(line) for line in (place / "calls.jsonl").read_text().splitlines()]


def after(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def gone(pid: int) -> bool:
    """Whether a process ends within seconds."""
    for _ in range(50):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_points_come_back_in_our_frame_in_millimetres(capture: Capture, home: Path, tmp_path: Path) -> None:
    done: list[int] = []
    points, _ = cloud_from(capture, BOX, PARAMS, 5, "cpu", tmp_path, lambda a, b: done.append(a))
    ahead = capture.cameras.centres() + 2 / unit_of(BOX).per_mm * capture.R[:, 2]
    assert np.abs(points[0::2] - capture.cameras.centres()).max() < 1e-6
    assert np.abs(points[1::2] - ahead).max() < 1e-6
    assert max(done, default=0) <= PARAMS.nerfstudio_steps and not (tmp_path / "nerfstudio-data").exists()


def test_the_commands_keep_our_frame_and_our_scale(capture: Capture, home: Path, tmp_path: Path) -> None:
    cloud_from(capture, BOX, PARAMS, 5, "cpu", tmp_path, silent)
    words, out = told(tmp_path)[0], tmp_path / "nerfstudio"
    assert words[0] == METHOD
    for name, value in {
        "--orientation-method": "none", "--center-method": "none", "--auto-scale-poses": "False", "--eval-mode": "all",
        "--machine.seed": "5", "--machine.device-type": "cpu", "--max-num-iterations": "50",
        "--pipeline.datamanager.train-num-rays-per-batch": "64", "--pipeline.model.camera-optimizer.mode": "off",
        "--pipeline.model.disable-scene-contraction": "True",
    }.items():  # fmt: skip
        assert after(words, name) == value
    span = [float(after(words, f"--pipeline.model.{end}-plane")) for end in ("near", "far")]
    assert np.allclose(span, reach(capture, BOX), atol=1e-5) and 0 < span[0] < span[1]
    words = json.loads((out / "export.json").read_text())
    assert words[0] == "pointcloud" and after(words, "--num-points") == "77"
    assert after(words, "--load-config") == str(out / "half" / METHOD / "run" / "config.yml")
    facts = json.loads((out / "half" / METHOD / "run" / "config.yml").read_text())
    assert facts["images"] == len(capture)


def test_the_box_fills_that_of_nerfstudio_and_every_ray_finds_it(capture: Capture) -> None:
    unit = unit_of(BOX)
    corners = unit.there(np.array([BOX.low, BOX.high]))
    assert np.abs(corners).max() == pytest.approx(0.95)
    points = BOX.points()[:: len(BOX.points()) // 500]
    assert np.allclose(unit.back(unit.there(points)), points, atol=1e-9)
    away = np.linalg.norm(unit.there(points)[:, None] - unit.there(capture.cameras.centres()), axis=2)
    near, far = reach(capture, BOX)
    assert near <= away.min() and away.max() <= far


def test_without_an_environment_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGPIPE_NERFSTUDIO", raising=False)
    with pytest.raises(UserError, match="REGPIPE_NERFSTUDIO is not set"):
        environment()
    monkeypatch.setenv("REGPIPE_NERFSTUDIO", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"no nerfstudio here: .*nowhere"):
        environment()


def test_a_failing_training_says_why_and_where(
    capture: Capture, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", "fails")
    with pytest.raises(UserError) as error:
        cloud_from(capture, BOX, PARAMS, 5, "cpu", tmp_path, silent)
    assert "ns-train failed (RuntimeError: no luck)" in str(error.value) and "ns-train.log" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fate", ["goes on", "broken"])
def test_an_interrupted_training_goes_on(
    fate: str, capture: Capture, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    monkeypatch.setenv("FAKE", "sleeps")
    with pytest.raises(KeyboardInterrupt):
        cloud_from(capture, BOX, PARAMS, 5, "cpu", tmp_path, interrupt)
    assert gone(int((tmp_path / "ns-train.log").read_text().split()[1]))
    monkeypatch.setenv("FAKE", fate)
    cloud_from(capture, BOX, PARAMS, 5, "cpu", tmp_path, silent)
    asked = [(after(words, "--max-num-iterations"), "--load-dir" in words) for words in told(tmp_path)]
    expected = [("50", False), ("30", True)] + ([("50", False)] if fate == "broken" else [])
    assert asked == expected
    cloud_from(capture, BOX, PARAMS, 5, "cpu", tmp_path, silent)
    assert len(told(tmp_path)) == len(expected) + (fate != "broken")  # the stand-in counts its steps from each start


def test_a_training_does_not_outlive_a_killed_run(home: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from registration.nerf.command import call; "
        f"call(Path({str(home)!r}), 'ns-train', ['m', '--data', {str(tmp_path)!r}, '--output-dir', {str(tmp_path / 'o')!r}, "
        f"'--experiment-name', 'e', '--timestamp', 't', '--max-num-iterations', '9'], Path({str(tmp_path / 'log')!r}), 'cpu', print)"
    )
    (tmp_path / "transforms.json").write_text("{}")
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "FAKE": "sleeps"}, stdout=subprocess.DEVNULL
    )
    log = tmp_path / "log"
    for _ in range(200):
        if log.exists() and last_step(log) == 20:
            break
        time.sleep(0.1)
    pid = int(log.read_text().split()[1])
    assert Path(f"/proc/{pid}").exists()
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert gone(pid)


def test_a_command_that_is_silent_fails_all_the_same(home: Path, tmp_path: Path) -> None:
    (home / "bin" / "ns-train").write_text("raise SystemExit(4)")
    with pytest.raises(UserError, match="it said nothing"):
        call(home, "ns-train", [], tmp_path / "log", "cpu", lambda _: None)
    (tmp_path / "log").write_text("one\n\x1b[32mtwo: 2\x1b[0m\n╰────╯\n")
    assert last_words(tmp_path / "log") == "two: 2"


def test_the_surface_runs_through_the_points_and_nothing_floats(capture: Capture) -> None:
    params = NerfParams(coarse_grid=64)
    box, hull = hull_start(capture, mask_distances(capture), params)
    rng = np.random.default_rng(0)
    points, face, _ = knob().sample(30_000, rng)
    normals = knob().face_normals()[face]
    noisy = points + rng.normal(0, 0.4, points.shape)
    floating = rng.uniform(box.low - 20, box.high + 20, (3000, 3))
    kept, turned = kept_points(np.r_[noisy, floating], np.r_[normals, rng.normal(size=(3000, 3))], box, hull)
    assert 25_000 < len(kept) < 31_500 and np.allclose(np.linalg.norm(turned, axis=1), 1)
    mesh = iso_surface(distances(*kept_points(noisy, normals, box, hull), box, hull), box.low, box.step)
    there, back = chamfer_parts(mesh.sample(10_000, rng)[0], knob().sample(50_000, rng)[0])
    assert there.mean() < 0.6 and back.mean() < 0.6
    with pytest.raises(ValueError, match="only 0 points"):
        distances(*kept_points(floating + 500, floating, box, hull), box, hull)


def test_the_stage_makes_a_half_like_any_other(
    capture: Capture, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points, face, _ = knob().sample(20_000, np.random.default_rng(0))
    box, _ = hull_start(capture.only(np.setdiff1d(np.arange(24), [7, 22])), *start(capture))
    rows = np.c_[unit_of(box).there(points), knob().face_normals()[face]].astype("<f8")
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(rows)}\n"
    head += "".join(f"property double {n}\n" for n in ("x", "y", "z", "nx", "ny", "nz")) + "end_header\n"
    (tmp_path / "cloud.ply").write_bytes(head.encode() + rows.tobytes())
    monkeypatch.setenv("CLOUD", str(tmp_path / "cloud.ply"))
    context = Context(np.random.default_rng(0), "cpu", tmp_path, silent, logging.getLogger("test"))
    half = nerf.run(context, PARAMS, capture)
    assert half.notes["backend"] == "nerfstudio" and half.curve.shape == (0, 2) and list(half.held_out) == [7, 22]
    assert half.mask_iou > 0.9 and half.psnr > 16 and len(half.odd) == 0 and half.light.shape == (24, 12)
    clouds = clouds_of((half, half), (capture, capture), CloudParams(points=3000), np.random.default_rng(0))
    off = chamfer_parts(clouds.up.points, knob().sample(50_000, np.random.default_rng(1))[0])[0]
    assert len(clouds.up) > 1500 and off.mean() < 0.01 * clouds.diameter_mm


def start(capture: Capture) -> tuple[np.ndarray, NerfParams]:
    """Mask distances of the views that are trained on, and the grid that the back-end uses."""
    kept = capture.only(np.setdiff1d(np.arange(24), [7, 22]))
    return mask_distances(kept), NerfParams(coarse_grid=PARAMS.fine_grid)


def test_only_the_back_ends_that_there_are() -> None:
    assert configure("standard").nerf.backend == "own"
    assert configure("standard", None, ["nerf.backend=nerfstudio"]).nerf.backend == "nerfstudio"
    with pytest.raises(UserError, match="one of own, nerfstudio"):
        configure("standard", None, ["nerf.backend=instant"])


@pytest.mark.parametrize(
    "body", [b"", b"ply\nformat ascii 1.0\nend_header\n", b"ply\nformat binary_little_endian 1.0\nend_header\n"]
)
def test_a_cloud_that_is_none_is_refused(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(body)
    with pytest.raises(UserError):
        read_points(tmp_path / "a.ply")
