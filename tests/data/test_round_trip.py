"""A capture written as any kind and read back shows the same rays, pixels and masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from registration.data.bop_write import write_bop
from registration.data.capture import Capture
from registration.data.colmap_write import write_colmap
from registration.data.kinds import files_of, read, spec_of
from registration.data.nerfstudio_write import write_nerfstudio
from registration.data.params import CaptureParams
from registration.geometry.camera import pixel_grid
from registration.geometry.rigid import Array
from tests.geometry.bodies import capture_of, knob

WRITERS: dict[str, tuple[Callable[[Capture, Path], None], str]] = {
    "bop": (lambda c, f: write_bop(c, f, 1), "auto"),
    "nerfstudio": (write_nerfstudio, "auto"),
    "colmap": (write_colmap, "mm"),
}


@pytest.fixture(scope="module")
def made() -> Capture:
    """Off its origin, with a principal point of its own and pixels that are not square."""
    capture = capture_of(knob(), views=12, size=96)
    K = capture.K.copy()
    K[:, 1, 1] *= 1.07
    return replace(capture, K=K, K_full=K, ids=3 + 7 * capture.ids)


def rays(capture: Capture, i: int) -> tuple[Array, Array]:  # (3,), (h * w, 3)
    return capture.cameras.rays(i, pixel_grid(capture.cameras.width, capture.cameras.height))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_capture_written_and_read_back_has_the_same_rays(made: Capture, tmp_path: Path, kind: str) -> None:
    write, unit = WRITERS[kind]
    write(made, tmp_path / "c")
    spec = spec_of(tmp_path / "c", "up", "--up")
    back = read(spec, CaptureParams(unit=unit))  # type: ignore[arg-type]
    assert kind in spec.kind and back.ids.tolist() == made.ids.tolist() and back.metric
    height, width = back.mask.shape[1:]
    for i in range(len(made)):
        x, y = np.round(made.K[i, :2, 2] - back.K[i, :2, 2]).astype(int)
        origin, directions = rays(back, i)
        ours, theirs = rays(made, i)
        grid = theirs.reshape(96, 96, 3)
        rows, columns = np.mgrid[y : y + height, x : x + width]
        known = (rows >= 0) & (rows < 96) & (columns >= 0) & (columns < 96)
        assert np.abs(origin - ours).max() < 1e-6
        assert np.abs(directions.reshape(height, width, 3)[known] - grid[rows[known], columns[known]]).max() < 1e-6
        assert np.array_equal(back.rgb[i][known], made.rgb[i][rows[known], columns[known]])
        assert back.mask[i].sum() == made.mask[i].sum()
    read_files = {f.relative_to(tmp_path / "c").parts[0] for f in files_of(spec)}
    assert len(read_files) >= 3 and all(f.is_file() for f in files_of(spec))


def test_what_has_no_unit_becomes_a_hundred_millimetres_large(made: Capture, tmp_path: Path) -> None:
    write_colmap(made.scaled(0.0173), tmp_path / "c")
    spec = spec_of(tmp_path / "c", "down", "--down")
    back = read(spec, CaptureParams())
    assert not back.metric and back.notes["size_mm"] == pytest.approx(100)
    assert np.allclose(back.t, made.t * (0.0173 * back.unit_mm), atol=1e-6)
    known = read(spec, CaptureParams(diameter_mm=67.0))
    assert known.unit_mm / back.unit_mm == pytest.approx(0.67) and not known.metric
    assert np.allclose(back.scaled(1 / back.unit_mm).t, made.scaled(0.0173).t, atol=1e-9)
