"""The window: what it would list, and what is said where there can be none. No window is opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipelines.view.find import find
from pipelines.view.gather import gather
from registration.errors import MissingExtra, UserError
from registration.viz import window
from registration.viz.scene import Scene
from tests.view.made import kept_run


class Thing(SimpleNamespace):
    """A geometry that remembers what it was made of."""

    def __init__(self, *made_of: Any) -> None:
        super().__init__(made_of=made_of, colour=None)

    def paint_uniform_color(self, colour: Any) -> Thing:
        self.colour = tuple(np.round(np.asarray(colour), 2))
        return self


FAKE = SimpleNamespace(
    geometry=SimpleNamespace(PointCloud=Thing, TriangleMesh=Thing, LineSet=Thing),
    utility=SimpleNamespace(Vector3dVector=np.asarray, Vector3iVector=np.asarray, Vector2iVector=np.asarray),
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return gather(find(kept_run(tmp_path_factory.mktemp("runs")), None, None, None))


def test_both_clouds_at_every_step_surfaces_and_cameras(scene: Scene) -> None:
    parts = {p["name"]: p for p in window.parts(FAKE, scene)}
    assert {
        "up cloud",
        "down cloud, before ICP",
        "down cloud, after ICP",
        "model",
        "up cameras",
        "down cameras",
    } <= set(parts)
    shown = [n for n, p in parts.items() if p["is_visible"] and n.startswith("down cloud")]
    assert shown == ["down cloud, after joint training"]
    assert parts["up cloud"]["geometry"].colour == (0.15, 0.55, 0.82)
    after = parts["down cloud, after ICP"]["geometry"].made_of[0]
    place = scene.place("after ICP")
    assert place is not None and scene.down.cloud is not None
    assert np.allclose(after, place.T_up_from_down.apply(scene.down.cloud.points))


@pytest.mark.slow
def test_open3d_takes_the_parts(scene: Scene) -> None:
    o3d = pytest.importorskip(
        "open3d", reason="open3d is not installed: pip install 'regpipe[view]'", exc_type=(ImportError, OSError)
    )  # type: ignore[arg-type]
    assert all(p["geometry"].get_geometry_type() is not None for p in window.parts(o3d, scene))


def test_without_a_display_the_way_out_is_named(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(window.sys, "platform", "linux")
    with pytest.raises(UserError, match="--save PNG"):
        window.show(scene)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ImportError("No module named 'open3d'"), r"pip install 'regpipe\[view\]'"),
        (OSError("libusb-1.0.so.0: cannot open"), "apt-get install .*libusb"),
    ],
)
def test_what_is_missing_is_named_with_its_cure(cause: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_name: str, _extra: str) -> None:
        raise MissingExtra("open3d cannot be loaded", cause, "pip install 'regpipe[view]'") from cause

    monkeypatch.setattr(window, "require", fails)
    with pytest.raises(UserError, match=words):
        window.loaded()


def test_a_window_that_cannot_open_says_what_it_asks_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoVulkan:
        class visualization:  # as Open3D names it
            @staticmethod
            def draw(*_parts: object, **_how: object) -> None:
                raise RuntimeError("Failed to load vulkan library!")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(window, "loaded", lambda: NoVulkan)
    monkeypatch.setattr(window, "parts", lambda _o3d, _scene: [])
    with pytest.raises(UserError, match="libvulkan1"):
        window.show(scene)
