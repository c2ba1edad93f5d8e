"""The other back-end: nerfstudio's nerfacto, in an environment of its own, by its commands and by files."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.data.nerfstudio_write import Unit, write_nerfstudio
from registration.errors import UserError
from registration.geometry.hull import Box
from registration.geometry.ply import read_points
from registration.geometry.rigid import Array
from registration.nerf.command import EXPORT, TRAIN, call, environment, versions
from registration.nerf.guest import METHOD
from registration.nerf.level import Level
from registration.nerf.params import NerfParams
from registration.nerf.rays import mask_distances
from registration.nerf.surface import level_around
from registration.nerf.train import hull_start
from registration.progress import Tick

FILLED = 0.95
"""The hull reaches this far into nerfstudio's box, which ends at -1 and 1 and beyond which nothing is learned."""
RIM_PX = 12.0
"""Pixels this far outside the masks teach what is empty; those further off cost time and teach little."""
NEVER = "1000000000"
TRAINED = 0.9
"""Share of the progress that is training; the rest is export."""


def unit_of(box: Box) -> Unit:
    """The unit in which a box about the object fills nerfstudio's."""
    return Unit(FILLED / float((box.high - box.low).max() / 2), (box.low + box.high) / 2)


def reach(capture: Capture, box: Box) -> tuple[float, float]:
    """Between which distances from the cameras all of the box lies, in its unit."""
    unit = unit_of(box)
    away = np.linalg.norm(unit.there(capture.cameras.centres()), axis=1)
    radius = np.linalg.norm(box.high - box.low) / 2 * unit.per_mm
    return max(0.05, float(away.min() - radius)), float(away.max() + radius)


def train_options(data: Path, out: Path, span: tuple[float, float], params: NerfParams, seed: int, device: str) -> list[str]:  # fmt: skip
    """What ns-train is asked for: our frame, our scale, our poses; an object in a box; sizes that a CPU can carry."""
    steps, model = params.nerfstudio_steps, "--pipeline.model."
    options = {
        "--data": data, "--output-dir": out, "--experiment-name": "half", "--timestamp": "run", "--vis": "tensorboard",
        "--machine.seed": seed, "--machine.device-type": device, "--max-num-iterations": steps,
        "--steps-per-save": max(1, steps // 5), "--steps-per-eval-batch": NEVER, "--steps-per-eval-image": NEVER,
        "--steps-per-eval-all-images": NEVER, "--pipeline.datamanager.train-num-rays-per-batch": params.nerfstudio_rays,
        model + "implementation": "torch", model + "num-levels": 8, model + "log2-hashmap-size": 15, model + "max-res": 256,
        model + "num-proposal-iterations": 1, model + "num-proposal-samples-per-ray": 48,
        model + "num-nerf-samples-per-ray": 16, model + "proposal-initial-sampler": "uniform",
        model + "near-plane": f"{span[0]:.6f}", model + "far-plane": f"{span[1]:.6f}",
        model + "average-init-density": 1.0,  # thinner, and it stays or becomes empty
        model + "disable-scene-contraction": True, model + "background-color": "random",
        model + "proposal-weights-anneal-max-num-iters": min(1000, steps // 2), model + "camera-optimizer.mode": "off", model + "use-appearance-embedding": False,
    }  # fmt: skip
    frame = [
        "--orientation-method",
        "none",
        "--center-method",
        "none",
        "--auto-scale-poses",
        "False",
        "--eval-mode",
        "all",
    ]
    listed = [str(word) for pair in options.items() for word in pair]
    return [METHOD, *listed, "nerfstudio-data", *frame, "--downscale-factor", "1"]


def steps_done(models: Path) -> int:
    """Steps in the last checkpoint; 0 if there is none."""
    return max((int(file.stem.removeprefix("step-")) + 1 for file in models.glob("step-*.ckpt")), default=0)


def learned(home: Path, options: list[str], out: Path, params: NerfParams, log: Path, device: str, tick: Tick) -> Path:
    """Train, from the last checkpoint where one can be gone on from; the configuration that the export needs."""
    run = out / "half" / METHOD / "run"
    total = int(params.nerfstudio_steps / TRAINED)
    for done in dict.fromkeys((steps_done(run / "nerfstudio_models"), 0)):
        left = params.nerfstudio_steps - done
        if left <= 0:
            break
        at = options.index("--max-num-iterations") + 1
        again = ["--load-dir", str(run / "nerfstudio_models")] if done else []
        resumed = [*options[:at], str(left), *again, *options[at + 1 :]]
        if not done:
            shutil.rmtree(out, ignore_errors=True)
        try:
            call(home, TRAIN, resumed, log, device, lambda step: tick(step, total))
            break
        except UserError:
            if not done:  # else the checkpoint may be cut off: from the beginning
                raise
    return run / "config.yml"


@contextlib.contextmanager
def data_set(capture: Capture, unit: Unit, folder: Path) -> Iterator[Path]:
    """The capture as nerfstudio reads it, for as long as it is needed."""
    near: NDArray[np.bool_] = mask_distances(capture) > -RIM_PX
    counted = near if capture.inside is None else near & capture.inside
    shutil.rmtree(folder, ignore_errors=True)
    write_nerfstudio(capture, folder, unit, counted)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cloud_from(
    capture: Capture, box: Box, params: NerfParams, seed: int, device: str, scratch: Path, tick: Tick
) -> tuple[Array, Array]:
    """Points (n, 3) in millimetres and unit normals (n, 3) of what nerfacto has learned, as ns-export gives them."""
    home, unit, out = environment(), unit_of(box), scratch / "nerfstudio"
    with data_set(capture, unit, scratch / "nerfstudio-data") as data:
        options = train_options(data, out, reach(capture, box), params, seed, device)
        config = learned(home, options, out, params, scratch / "ns-train.log", device, tick)
        wanted = {
            "--load-config": config, "--output-dir": out, "--num-points": params.nerfstudio_points,
            "--remove-outliers": True, "--normal-method": "open3d", "--save-world-frame": True,
            "--num-rays-per-batch": 8192,  # as it comes it takes four times as many, and 2.4 GB
        }  # fmt: skip
        words = ["pointcloud", *(str(word) for pair in wanted.items() for word in pair)]
        call(home, EXPORT, words, scratch / "ns-export.log", device, lambda _: None)
    points, normals = read_points(out / "point_cloud.ply")
    return unit.back(points), normals


def train_studio(
    capture: Capture, params: NerfParams, seed: int, device: str, scratch: Path, tick: Tick
) -> tuple[Level, dict[str, str]]:
    """A level made of what nerfstudio has learned, and the versions that did; colour and light are fitted here."""
    home = environment()
    box, hull = hull_start(capture, mask_distances(capture), replace(params, coarse_grid=params.fine_grid))
    points, normals = cloud_from(capture, box, params, seed, device, scratch, tick)
    level = level_around(points, normals, capture, box, hull, params, device)
    tick(1, 1)
    return level, {"backend": "nerfstudio", **versions(home)}
