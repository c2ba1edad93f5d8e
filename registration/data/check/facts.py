"""Everything that is measured on one capture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.data.check.coverage import Coverage, coverage_of
from registration.data.check.photos import blurs, edge_scores, shares
from registration.data.check.poses import Body, body_of, disagreement, remedy_for
from registration.data.frames import read_leniently
from registration.data.images import BadFrame
from registration.data.kinds import CaptureSpec, listing_of
from registration.data.params import CaptureParams
from registration.geometry.rigid import Array

LEAST = 5
"""Fewer images than this say nothing of each other."""
ODD = 0.12
"""Silhouettes that disagree by more than this, most of them, have a common cause."""

LONE = 0.16
"""A single silhouette that disagrees by more than this, and than usual, is named."""


@dataclass(frozen=True, eq=False)
class Facts:
    """Measured on all images that can be looked at, whether they belong together or not."""

    capture: Capture
    bad: list[BadFrame]
    body: Body
    blur: Array  # (n,) pixels of the crop
    white: Array  # (n,) share of the object
    black: Array  # (n,)
    edges: Array  # (n, k, k) of the mask moved by shifts
    odd: Array  # (n,) 1 - IoU
    coverage: Coverage
    remedy: str
    """What would make the silhouettes agree; empty if they do, or if nothing does."""

    @property
    def misfits(self) -> NDArray[np.bool_]:  # (n,)
        """Images whose silhouette fits the others' body much worse than usual."""
        return self.odd > max(LONE, 3 * float(np.median(self.odd)))

    @property
    def total(self) -> int:
        """Images, good and bad."""
        return len(self.capture) + len(self.bad)


def measure(spec: CaptureSpec, params: CaptureParams) -> Facts | list[BadFrame]:
    """All facts; only what is wrong with the images if there are too few to say more."""
    capture, bad = read_leniently(listing_of(spec, params), spec.name, params)
    return bad if capture is None or len(capture) < LEAST else facts_of(capture, bad)


def facts_of(capture: Capture, bad: list[BadFrame]) -> Facts:
    """What is measured on the images that could be read."""
    body = body_of(capture)
    odd = disagreement(capture, body)
    now = float(np.median(odd))
    white, black = shares(capture)
    return Facts(
        capture, bad, body, blurs(capture), white, black, edge_scores(capture), odd,
        coverage_of(capture, body.middle), remedy_for(capture, now) if now > ODD else "",
    )  # fmt: skip
