"""One lens and the pose of every image from corners of the board, all adjusted together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

from registration.data.scan.board import Board
from registration.data.scan.detect import LEAST_CORNERS, Sighting, pose_of
from registration.data.scan.lens import Lens
from registration.errors import UserError
from registration.geometry.rigid import Array, Rigid

SHARED = 7
"""Numbers of the lens: f, its middle (2), distortion (4)."""
LEAST_IMAGES = 8
WORST, USUAL = 1.5, 3.0
"""An image is left out if its error (the median of its corners') is above so many pixels of images 1920 wide, and above so
many times the usual one."""
MEND = "keep the board flat, zoom and focus fixed; and check --board"
STRAY = 6.0
"""A corner is none if its error is so many times the median."""
START_VIEWS = 16


@dataclass(frozen=True, eq=False)
class Calibration:
    """Where each image was taken from, and through what lens."""

    lens: Lens
    sightings: dict[int, Sighting]  # image -> the corners that were believed
    poses: dict[int, Rigid]  # image -> T_cam_from_board
    residuals: dict[int, Array]  # image -> (n, 2) pixels: seen less expected
    dropped: dict[int, str]  # image -> why
    f_sd: float
    """Standard deviation of the focal length, pixels; 0 if it was given."""

    @property
    def rms(self) -> float:
        """Of the distance between corners and where they should be, pixels."""
        return float(np.sqrt(np.mean(np.concatenate([(r**2).sum(1) for r in self.residuals.values()]))))


def guess(size: tuple[int, int], f: float | None) -> Lens:
    """A lens to begin with: as most telephones have, if nothing is known."""
    return Lens(f or 0.85 * max(size), (np.array(size, float) - 1) / 2, np.zeros(4), size)


def rough_lens(sightings: dict[int, Sighting], board: Board, start: Lens) -> Lens:
    """By OpenCV, from the images with the most corners."""
    import cv2

    chosen = sorted(sightings.values(), key=lambda s: -len(s.corners))[: 2 * START_VIEWS : 2]
    places = [board.corners()[s.corners].astype(np.float32) for s in chosen]
    pixels = [s.pixels.astype(np.float32) for s in chosen]
    flags = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_ZERO_TANGENT_DIST
    flags |= cv2.CALIB_FIX_K3 | cv2.CALIB_FIX_K2
    _, K, distortion, *_ = cv2.calibrateCamera(places, pixels, start.size, start.K, np.zeros(5), flags=flags)
    sane = 0.2 < K[0, 0] / max(start.size) < 10 and abs(np.ravel(distortion)[0]) < 1
    middle, bent = np.array(K[:2, 2], float), np.array(np.ravel(distortion)[:4], float)
    return Lens(float(K[0, 0]), middle, bent, start.size) if sane else start


class Bundle:
    """The adjustment of some images: numbers in a row, and what they leave unexplained."""

    def __init__(self, sightings: dict[int, Sighting], board: Board, lens: Lens, fixed: bool) -> None:
        self.names, self.lens, self.fixed = list(sightings), lens, fixed
        counts = [len(s.corners) for s in sightings.values()]
        self.image = np.repeat(np.arange(len(counts)), counts)  # (m,) of each corner
        self.ends = np.cumsum(counts)[:-1]
        self.places = board.corners()[np.concatenate([s.corners for s in sightings.values()])]
        self.pixels = np.concatenate([s.pixels for s in sightings.values()])

    def lens_of(self, x: Array) -> Lens:
        """The lens, from the first numbers."""
        return self.lens if self.fixed else Lens(x[0], x[1:3], x[3:7], self.lens.size)

    def left(self, x: Array) -> Array:  # -> (2 m,)
        """Expected less seen, pixels."""
        motion = x[0 if self.fixed else SHARED :].reshape(-1, 6)[self.image]
        seen = Rotation.from_rotvec(motion[:, :3]).apply(self.places) + motion[:, 3:]
        return (self.lens_of(x).pixels(seen) - self.pixels).ravel()

    def slopes(self, x: Array) -> csr_matrix:  # (2 m, n)
        """How it changes with each number: the numbers of different images never meet, so seven and six steps do."""
        first = 0 if self.fixed else SHARED
        before, rows, columns, values = self.left(x), [], [], []
        every = np.arange(len(before))
        for k in range(first + 6):
            step = 1e-6 * max(1.0, abs(x[k])) if k < first else 1e-6 if k < first + 3 else 1e-4
            moved = x.copy()
            moved[[k] if k < first else slice(k, None, 6)] += step
            rows.append(every)
            columns.append(np.full(len(before), k) if k < first else np.repeat(k + 6 * self.image, 2))
            values.append((self.left(moved) - before) / step)
        parts = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return csr_matrix(parts, shape=(len(before), len(x)))

    def solved(self, poses: dict[int, Rigid]) -> tuple[Lens, dict[int, Rigid], dict[int, Array], float]:
        """Lens, poses, residuals and the standard deviation of f."""
        lens = [] if self.fixed else [self.lens.f, *self.lens.centre, *self.lens.distortion]
        motion = [[*Rotation.from_matrix(poses[n].R).as_rotvec(), *poses[n].t] for n in self.names]
        start = np.array([*lens, *np.ravel(motion)])
        slopes: Any = self.slopes
        done = least_squares(self.left, start, slopes, loss="huber", f_scale=1.0, x_scale="jac", tr_solver="lsmr",
                             tr_options={"maxiter": 2000}, xtol=1e-10, ftol=1e-8, max_nfev=60)  # fmt: skip
        rest = self.left(done.x).reshape(-1, 2)
        moved = done.x[len(lens) :].reshape(-1, 6)
        found = {
            n: Rigid(Rotation.from_rotvec(m[:3]).as_matrix(), m[3:]) for n, m in zip(self.names, moved, strict=True)
        }
        residuals = dict(zip(self.names, np.split(-rest, self.ends), strict=True))
        return self.lens_of(done.x), found, residuals, 0.0 if self.fixed else self.doubt(done.x, rest)

    def doubt(self, x: Array, rest: Array) -> float:
        """Standard deviation of f, pixels, as far as the corners' scatter tells it."""
        J = self.slopes(x)
        scale = np.maximum(np.sqrt(np.asarray(J.multiply(J).sum(0)).ravel()), 1e-12)
        normal = (J.T @ J).toarray() / np.outer(scale, scale)
        spread = (1.4826 * np.median(np.abs(rest))) ** 2
        return float(np.sqrt(spread * np.linalg.pinv(normal, hermitian=True)[0, 0]) / scale[0])


def calibrate(sightings: dict[int, Sighting], board: Board, start: Lens, fixed: bool) -> Calibration:
    """Lens and poses from all images at once; images that do not fit are dropped and named. ``fixed``: the lens is known."""
    lens = start if fixed else rough_lens(sightings, board, start)
    poses = {n: pose_of(s, board, lens)[0] for n, s in sightings.items()}
    dropped: dict[int, str] = {}
    kept, cleaned, scale = dict(sightings), False, max(start.size) / 1920
    residuals: dict[int, Array] = {n: np.zeros((1, 2)) for n in kept}
    f_sd = 0.0
    while True:
        if len(kept) >= LEAST_IMAGES:
            lens, poses, residuals, f_sd = Bundle(kept, board, lens, fixed).solved(poses)
        errors = {n: float(np.median(np.linalg.norm(residuals[n], axis=1))) for n in kept}
        usual = float(np.median(list(errors.values())))
        if len(kept) < LEAST_IMAGES or usual > WORST * scale:
            what = (
                f"only {len(kept)} images" if len(kept) < LEAST_IMAGES else f"corners are {usual:.1f} px off, no images"
            )
            raise UserError(f"{what} fit one camera and one flat board", f"{len(sightings)} images", MEND)
        bad = {n: e for n, e in errors.items() if e > max(WORST * scale, USUAL * usual)}
        if not bad and cleaned:
            return Calibration(lens, kept, poses, residuals, dropped, f_sd)
        dropped |= {n: f"corners are {e:.1f} px from where the others put them" for n, e in bad.items()}
        kept = {n: s for n, s in kept.items() if n not in bad}
        if not bad:
            kept, cleaned = without_strays(kept, residuals), True


def without_strays(sightings: dict[int, Sighting], residuals: dict[int, Array]) -> dict[int, Sighting]:
    """Without the corners that lie far from where they should be: edges of the object that look like corners."""
    limit = STRAY * float(np.median(np.concatenate([np.linalg.norm(r, axis=1) for r in residuals.values()])))
    out = {}
    for n, s in sightings.items():
        near = np.linalg.norm(residuals[n], axis=1) < limit
        out[n] = Sighting(s.corners[near], s.pixels[near], s.markers) if near.sum() >= LEAST_CORNERS else s
    return out
