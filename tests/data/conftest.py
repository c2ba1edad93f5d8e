"""One small capture, made once and copied for each test that breaks it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from registration.data.capture import Capture
from tests.data.make import make_scene
from tests.geometry.bodies import capture_of, knob


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("pristine") / "obj_000001_up", n=12)


@pytest.fixture
def scene(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "obj_000001_up"))


@pytest.fixture(scope="session")
def made() -> Capture:
    return capture_of(knob(), views=10, size=96)
