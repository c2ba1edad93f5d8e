"""From where a capture looks at its object, and from where it does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from registration.data.capture import Capture
from registration.geometry.rigid import Array
from registration.geometry.rotation import spread_directions

LOWEST_DEG = 10.0
"""From lower than this above the table nobody asks for photographs."""
SEES_DEG = 65.0
"""A camera sees what is turned away from it by no more than this."""
PLACES = 1500


@dataclass(frozen=True, eq=False)
class Coverage:
    """Directions of the cameras from the object, in a frame whose z axis points up from the table."""

    towards: Array  # (n, 3) unit
    hole: Array  # (3,) the direction furthest from all of them
    gap_deg: float
    """From there to the nearest camera."""

    @property
    def azimuths(self) -> Array:  # (n,)
        """About the upward axis, degrees."""
        return np.degrees(np.arctan2(self.towards[:, 1], self.towards[:, 0]))

    @property
    def elevations(self) -> Array:  # (n,)
        """Above the table, degrees."""
        return np.degrees(np.arcsin(np.clip(self.towards[:, 2], -1, 1)))


def upwards(capture: Capture, towards: Array) -> Array:  # (3,)
    """Away from the table: cameras are held level, so their rows (or columns) are; else the side that most stand on."""
    best, flat = towards.mean(0), 0.15
    for axis in (0, 1):
        across = capture.R[:, axis]
        u, spread, _ = np.linalg.svd(across.T @ across / len(across))
        if spread[2] < flat**2 and spread[1] > 0.02:
            best, flat = u[:, 2], float(np.sqrt(spread[2]))
    best = best * np.sign(best @ towards.mean(0) or 1.0)
    return best / max(np.linalg.norm(best), 1e-9)


def coverage_of(capture: Capture, middle: Array) -> Coverage:
    """Where the cameras stand around the middle of the object."""
    away = capture.cameras.centres() - middle
    towards = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    up = upwards(capture, towards)
    upright = Rotation.align_vectors([[0.0, 0, 1]], [up])[0].as_matrix()
    towards = towards @ upright.T
    places = spread_directions(PLACES)
    places = places[places[:, 2] > np.sin(np.radians(LOWEST_DEG))]
    nearest = np.degrees(np.arccos(np.clip((places @ towards.T).max(1), -1, 1)))
    return Coverage(towards, places[int(nearest.argmax())], float(nearest.max()))


def in_words(coverage: Coverage, ids: NDArray[np.int64]) -> str:
    """The hole's direction, by images that the user knows."""
    elevation = float(np.degrees(np.arcsin(coverage.hole[2])))
    if elevation > 75:
        return "from straight above"
    azimuth = float(np.degrees(np.arctan2(coverage.hole[1], coverage.hole[0])))
    turn = (coverage.azimuths - azimuth) % 360
    left, right = ids[int(turn.argmin())], ids[int(turn.argmax())]
    return f"from about {elevation:.0f} degrees above the table, between the directions of images {right} and {left}"


def shared(up: Coverage, down: Coverage) -> float:
    """Share of all surface directions that both see if the object was turned right over; the mean over all headings."""
    places = spread_directions(400)
    reach = np.cos(np.radians(SEES_DEG))
    seen_up = (places @ up.towards.T).max(1) > reach
    out = []
    for heading in np.arange(0, 360, 30):
        turn = Rotation.from_euler("zx", [heading, 180], degrees=True).as_matrix()
        out.append((seen_up & ((places @ turn.T @ down.towards.T).max(1) > reach)).mean())
    return float(np.mean(out))
