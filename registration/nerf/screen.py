"""Views that the model of all the others does not explain: a wrong pose, or a mask of something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registration.data.capture import Capture
from registration.geometry.mesh import TriMesh
from registration.geometry.rays import Caster, depth_image

LEAST_GAP, SPREADS = 0.05, 5.0
"""A view is odd whose overlap falls short of the usual by this, and by so many times the usual deviation."""
TOLERATED = 0.2
"""More odd views than this share, and nothing can be trusted."""


def overlaps(mesh: TriMesh, capture: Capture) -> NDArray[np.float64]:  # (n,)
    """Of each mask with the model's silhouette."""
    caster, out = Caster(mesh.vertices, mesh.faces), np.zeros(len(capture))
    for i, mask in enumerate(capture.mask):
        seen = depth_image(caster, capture.cameras, i)[1] >= 0
        if capture.inside is not None:
            seen &= capture.inside[i]
        out[i] = (seen & mask).sum() / max(1, (seen | mask).sum())
    return out


def odd_views(mesh: TriMesh, capture: Capture) -> NDArray[np.int64]:
    """Places in the capture of the views that do not fit the model."""
    overlap = overlaps(mesh, capture)
    usual = float(np.median(overlap))
    deviation = 1.4826 * float(np.median(np.abs(overlap - usual)))
    return np.flatnonzero(overlap < usual - max(LEAST_GAP, SPREADS * deviation))
