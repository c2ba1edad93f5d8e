"""What no camera looks into is solid; what cameras look into stays open."""

from __future__ import annotations

import numpy as np

from registration.geometry.hull import Box
from registration.geometry.mesh import iso_surface
from registration.nerf.hollow import filled
from tests.geometry.bodies import capture_of, socket

BOX = Box(np.full(3, -45.0), 1.5, (61, 61, 61))


def bored(bubble: bool, crack: bool) -> np.ndarray:
    """The socket, with a bubble inside, and a crack that leads into it from below."""
    x, y, z = BOX.points().reshape(*BOX.shape, 3).transpose(3, 0, 1, 2)
    out = np.maximum(
        np.maximum(np.maximum(abs(x) - 25, abs(y) - 20), abs(z) - 18), -np.maximum(np.hypot(x, y) - 12, -4 - z)
    )
    if bubble:
        out = np.maximum(out, -(np.sqrt((x - 17) ** 2 + y**2 + (z + 8) ** 2) - 6))
    if crack:
        out = np.maximum(out, -np.maximum(np.hypot(x - 17, y) - 1.6, z + 8))
    return (out / BOX.step).astype(np.float32)


def test_bubbles_are_filled_and_bores_are_not() -> None:
    capture = capture_of(socket(), 30, 90, (20, 45, 70))
    clean = bored(False, False)
    above = BOX.points()[:, 2].reshape(BOX.shape) > -18  # below, where no camera is, the masks alone decide
    assert ((filled(clean, BOX, [capture]) < 0) == (clean < 0))[above].mean() > 0.999
    for crack in (False, True):
        hollow = bored(True, crack)
        out = filled(hollow, BOX, [capture])
        at = np.rint((np.array([17.0, 0, -8]) - BOX.low) / BOX.step).astype(int)
        assert hollow[tuple(at)] > 0 > out[tuple(at)]
        lost = (hollow > 0) & (clean < 0) & (out > 0)
        assert lost.sum() < 0.15 * ((hollow > 0) & (clean < 0)).sum()
        bore = np.rint((np.array([0.0, 0, 10]) - BOX.low) / BOX.step).astype(int)
        assert out[tuple(bore)] > 0


def test_what_one_capture_cannot_see_into_another_opens() -> None:
    """A bore in the underside is open to cameras from below alone."""
    x, y, z = BOX.points().reshape(*BOX.shape, 3).transpose(3, 0, 1, 2)
    block = np.maximum(np.maximum(abs(x) - 25, abs(y) - 20), abs(z) - 18)
    sdf = (np.maximum(block, -np.maximum(np.hypot(x, y) - 12, z - 4)) / BOX.step).astype(np.float32)
    mesh = iso_surface(sdf, BOX.low, BOX.step)
    above, below = capture_of(mesh, 24, 90, (20, 45, 70)), capture_of(mesh, 24, 90, (-20, -45, -70))
    within = (abs(x) < 6) & (abs(y) < 6) & (abs(z + 4) < 4)
    assert (filled(sdf, BOX, [above])[within] < 0).all()
    assert (filled(sdf, BOX, [above, below])[within] > 0).all()
