"""The pixels that a half is learned from."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.camera import pixel_grid
from registration.geometry.hull import signed_mask_distance

RIM_PX = 5.5
"""Rays are shot this far outside the masks, and opacity is judged as far inside: a soft surface must lean to neither side."""
SURE_PX = 1.0
"""Colour counts only this far inside a mask: the border is where masks are wrong."""


@dataclass
class Rays:
    """Every pixel worth a ray, of all views."""

    origins: torch.Tensor  # (r, 3) mm
    directions: torch.Tensor  # (r, 3) unit
    colour: torch.Tensor  # (r, 3) 0..1
    edge: torch.Tensor  # (r,) signed pixels to the mask's border, positive inside
    view: torch.Tensor  # (r,)
    range: torch.Tensor  # (r,) mm along the ray to the measured surface, 0 where unknown

    def without(self, views: list[int]) -> Rays:
        """The rays of all other views."""
        kept = ~torch.isin(self.view, torch.tensor(views, device=self.view.device))
        return Rays(*(getattr(self, f.name)[kept] for f in fields(self)))


def rays_of(capture: Capture, distances: NDArray[np.float32], device: str) -> Rays:
    """Rays of the pixels in and around the masks."""
    grid = pixel_grid(capture.mask.shape[2], capture.mask.shape[1])
    parts: list[list[NDArray]] = [[], [], [], [], [], []]
    for i in range(len(capture)):
        known = np.ones(len(grid), bool) if capture.inside is None else capture.inside[i].ravel()
        edge = distances[i].ravel()
        edge = edge - 0.5 * np.sign(edge)  # the border runs between two pixels
        use = (edge > -RIM_PX) & known
        o, d = capture.cameras.rays(i, grid[use])
        measured = np.zeros(len(d)) if capture.depth is None else capture.depth[i].ravel()[use]
        reach = measured / (d @ capture.R[i][2])
        rows = (np.broadcast_to(o, d.shape), d, capture.rgb[i].reshape(-1, 3)[use] / 255.0, edge[use], reach)
        for part, row in zip(parts, (*rows, np.full(len(d), i)), strict=True):
            part.append(row)
    o, d, c, e, r = (torch.from_numpy(np.concatenate(p).astype(np.float32)).to(device) for p in parts[:5])
    return Rays(o, d, c, e, torch.from_numpy(np.concatenate(parts[5])).to(device), r)


def mask_distances(capture: Capture) -> NDArray[np.float32]:  # (n, h, w)
    """Signed pixels to each mask's border."""
    inside = [None] * len(capture) if capture.inside is None else list(capture.inside)
    return np.stack([signed_mask_distance(m, k) for m, k in zip(capture.mask, inside, strict=True)])
