"""What the learned correspondences are to the rest of the product: plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registration.embedding.looks import Looks
from registration.geometry.rigid import Array


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Looks at one half with the surface point of every pixel."""

    looks: Looks
    own: NDArray[np.bool_]  # (n,) a place where the capture's own camera stood; else one that nobody stood at
    points: Array  # (p, 3) mm, the cleaned cloud
    normals: Array  # (p, 3)
    off: Array  # (q, 3) mm, places near the surface but not on it
    scale: float = 1.0
    """Lengths of the capture were multiplied by this."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Both networks of one half."""

    query: dict[str, NDArray[np.float32]]
    key: dict[str, NDArray[np.float32]]
    channels: tuple[str, ...]
    middle: Array  # (3,) mm
    radius: float
    size: int
    """Pixels along each side of a look."""
    curve: Array  # (k, 4) step, loss, loss on looks kept back, share of their pixels that find their place
    start: str
    """What the training began with."""


@dataclass(frozen=True, eq=False)
class Features:
    """The half's surface with an embedding for every point, and the network that asks for them."""

    points: Array  # (n, 3) mm
    normals: Array  # (n, 3)
    features: NDArray[np.float32]  # (n, c) unit
    embedding: Embedding
    scale: float = 1.0
    """See Correspondences."""

    def sized(self, scale: float) -> Features:
        """The same in the size in which the capture's lengths are multiplied by this."""
        if scale == self.scale:
            return self
        grown, e = scale / self.scale, self.embedding
        e = replace(e, middle=e.middle * grown, radius=e.radius * grown)
        return replace(self, points=self.points * grown, embedding=e, scale=scale)
