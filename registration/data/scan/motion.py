"""One lens and the pose of every image from what the images themselves show, by COLMAP (the extra ``colmap``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registration.data.scan.calibrate import LEAST_IMAGES, Calibration
from registration.data.scan.detect import Sighting
from registration.data.scan.frames import Image
from registration.data.scan.lens import Lens
from registration.errors import UserError, require
from registration.geometry.rigid import Array, Rigid

EVERY = 80
"""So many images are all compared with each other; of more, each with its neighbours and a part with each other."""
AROUND = 10
FEATURES = 2048
SEED = 0
MEND = "a richer ground helps: put the object on a page full of print; or print the board: regpipe capture board --to board.pdf"


@dataclass(frozen=True, eq=False)
class Motion:
    """Where the images were taken from, in a frame and a unit of COLMAP's own."""

    calibration: Calibration
    """Its corners are numbers of points."""
    points: Array  # (m, 3)

    def seen_by(self) -> NDArray[np.int64]:  # (m,)
        """How many images show each point."""
        return np.bincount(
            np.concatenate([s.corners for s in self.calibration.sightings.values()]), minlength=len(self.points)
        )


def available() -> bool:
    """Whether COLMAP can be asked."""
    from importlib.util import find_spec

    return find_spec("pycolmap") is not None


def compared(n: int) -> list[tuple[int, int]]:
    """Places of the images that are compared with each other."""
    every = range(0, n, -(-n // EVERY))
    return sorted(set(combinations(every, 2)) | {(a, b) for a in range(n) for b in range(a + 1, min(a + AROUND, n - 1) + 1)})


def reconstruct(
    images: dict[int, Image], place: Path, start: Lens, known: bool, masks: dict[int, NDArray[np.bool_]] | None = None
) -> Motion:
    """Lens and poses; ``start``: the lens, ``known`` or guessed; of images with ``masks`` only what these cover counts."""
    colmap = require("pycolmap", "colmap")
    with TemporaryDirectory() as scratch, quiet(colmap):
        folder = Path(scratch)
        write_images(folder, images, masks)
        found_features(colmap, folder, start, known, masks is not None)
        compare(colmap, folder, list(images))
        model = largest_model(colmap, folder, known)
        if model is None or model.num_reg_images() < LEAST_IMAGES:
            few = 0 if model is None else model.num_reg_images()
            raise UserError(f"COLMAP could place {few} of {len(images)} images", place, MEND)
        return motion_of(model, list(images), start)


@contextmanager
def quiet(colmap: Any) -> Iterator[None]:
    """COLMAP tells nothing but what is fatal."""
    before = colmap.logging.minloglevel
    colmap.logging.minloglevel = colmap.logging.FATAL.value
    try:
        yield
    finally:
        colmap.logging.minloglevel = before


def file_of(number: int) -> str:
    """An image's name for COLMAP."""
    return f"{number:06d}.png"


def write_images(folder: Path, images: dict[int, Image], masks: dict[int, NDArray[np.bool_]] | None) -> None:
    """images/ and masks/ as COLMAP reads them."""
    import cv2

    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number, image in images.items():
        cv2.imwrite(str(folder / "images" / file_of(number)), image[..., ::-1])
        if masks is not None:
            cv2.imwrite(str(folder / "masks" / f"{file_of(number)}.png"), masks[number] * np.uint8(255))


def found_features(colmap: Any, folder: Path, start: Lens, known: bool, masked: bool) -> None:
    """SIFT features of all images, into the data base."""
    reader = colmap.ImageReaderOptions()
    reader.camera_model = "OPENCV" if known else "RADIAL"
    reader.default_focal_length_factor = start.f / max(start.size)
    if known:
        f, (x, y) = start.f, start.centre + 0.5
        reader.camera_params = ",".join(map(repr, map(float, (f, f, x, y, *start.distortion))))
    if masked:
        reader.mask_path = folder / "masks"
    options = colmap.FeatureExtractionOptions()
    options.use_gpu, options.sift.max_num_features, options.sift.first_octave = False, FEATURES, 0  # not enlarged
    options.num_threads = 1  # here and below: the same twice
    colmap.extract_features(
        folder / "features.db", folder / "images", camera_mode=colmap.CameraMode.SINGLE, reader_options=reader,
        extraction_options=options, device=colmap.Device.cpu,
    )  # fmt: skip


def compare(colmap: Any, folder: Path, numbers: list[int]) -> None:
    """Features of pairs of images that belong together, into the data base."""
    pairs = [f"{file_of(numbers[a])} {file_of(numbers[b])}" for a, b in compared(len(numbers))]
    (folder / "pairs.txt").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    matching, pairing = colmap.FeatureMatchingOptions(), colmap.ImportedPairingOptions()
    verification = colmap.TwoViewGeometryOptions()
    matching.use_gpu, pairing.match_list_path, verification.ransac.random_seed = False, folder / "pairs.txt", SEED
    matching.num_threads = 1
    colmap.match_image_pairs(folder / "features.db", matching, pairing, verification, colmap.Device.cpu)


def largest_model(colmap: Any, folder: Path, known: bool) -> Any:
    """The reconstruction with the most images, its principal point adjusted at the end; None if there is none."""
    options = colmap.IncrementalPipelineOptions()
    options.num_threads, options.random_seed, options.extract_colors = 1, SEED, False
    options.mapper.num_threads, options.mapper.random_seed, options.triangulation.random_seed = 1, SEED, SEED
    options.ba_refine_focal_length = options.ba_refine_extra_params = not known
    colmap.set_random_seed(SEED)
    models = colmap.incremental_mapping(folder / "features.db", folder / "images", folder, options).values()
    best = max(models, key=lambda m: m.num_reg_images(), default=None)
    if best is not None and not known:
        adjust(colmap, best)
    return best


def adjust(colmap: Any, model: Any) -> None:
    """All of it once more, the principal point too; outliers count less."""
    options, every = colmap.BundleAdjustmentOptions(), colmap.BundleAdjustmentConfig()
    options.print_summary, options.ceres.solver_options.num_threads = False, 1
    options.ceres.loss_function_type, options.refine_principal_point = colmap.LossFunctionType.CAUCHY, True
    for id in model.reg_image_ids():
        every.add_image(id)
    every.fix_gauge(colmap.BundleAdjustmentGauge.THREE_POINTS)
    colmap.create_default_bundle_adjuster(options, every, model).solve()


def motion_of(model: Any, numbers: list[int], start: Lens) -> Motion:
    """COLMAP's answer in our words: pixel centres at whole numbers, points counted from 0."""
    place = {id: k for k, id in enumerate(sorted(model.points3D))}
    points = np.array([model.points3D[id].xyz for id in place])
    lens = lens_of(next(iter(model.cameras.values())), start.size)
    poses, sightings, residuals = {}, {}, {}
    for image in sorted((i for i in model.images.values() if i.has_pose), key=lambda i: i.name):
        seen = [p for p in image.points2D if p.has_point3D()]
        if not seen:
            continue
        number, pose = int(Path(image.name).stem), image.cam_from_world().matrix()
        corners, pixels = np.array([place[p.point3D_id] for p in seen]), np.array([p.xy for p in seen]) - 0.5
        poses[number] = T = Rigid(pose[:, :3], pose[:, 3])
        sightings[number] = Sighting(corners, pixels, 0)
        residuals[number] = pixels - lens.pixels(T.apply(points[corners]))
    lost = {n: "COLMAP could not place it" for n in numbers if n not in poses}
    return Motion(Calibration(lens, sightings, poses, residuals, lost, 0.0), points)


def lens_of(camera: Any, size: tuple[int, int]) -> Lens:
    """COLMAP's camera, which is OPENCV or RADIAL."""
    p = np.array(camera.params, float)
    if camera.model.name == "OPENCV":
        return Lens(p[0], p[2:4] - 0.5, p[4:], size)
    return Lens(p[0], p[1:3] - 0.5, np.array([p[3], p[4], 0.0, 0.0]), size)
