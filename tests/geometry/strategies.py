"""Random motions and clouds, near the singular places too."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from registration.geometry.rigid import Rigid


def close(a: object, b: object, tolerance: float = 1e-8) -> None:
    """Equal within a tolerance; NaN is equal to nothing."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert np.isfinite(a).all() and np.isfinite(b).all()
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@st.composite
def motions(draw: st.DrawFn) -> Rigid:
    """Uniform, tiny, or a half turn."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([1e-7, 1e-3, 1.0, np.pi]))
    axis = rng.normal(size=3)
    return Rigid.exp(np.concatenate([axis / np.linalg.norm(axis) * size, rng.normal(size=3) * 100]))


@st.composite
def clouds(draw: st.DrawFn) -> np.ndarray:
    """A few points, tens of millimetres apart."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.normal(size=(draw(st.integers(4, 40)), 3)) * 50
