"""The viewer in the browser, and recordings."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.view.find import find
from pipelines.view.gather import gather
from registration.viz.scene import Scene
from registration.viz.web import PATH
from tests.end_to_end.browser import free_port, mini_run, need, page, served, strangers
from tests.view.made import kept_run

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
CURE = "pip install 'regpipe[view]'"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def scene(out: Path) -> Scene:
    return gather(find(out, None, None, None))


@pytest.fixture
def web(scene: Scene) -> Iterator[Any]:
    viser = need("viser", CURE)
    from registration.viz.web import Web

    server = viser.ViserServer(host="127.0.0.1", port=free_port(), verbose=False)
    viewer = Web(server, scene)
    viewer.build()
    yield viewer
    server.stop()


def test_the_scene_lists_both_clouds_and_moves_the_lower_one(web: Any, scene: Scene) -> None:
    names = {node.name for nodes in web.nodes.values() for node in nodes}
    assert {"/up/cloud", "/down/cloud", "/model"} <= names and any(n.startswith("/down/cameras/") for n in names)
    assert np.allclose(web.down.position, scene.final.t / 1000)
    web.put(scene.path[0])
    assert np.allclose(web.down.position, scene.path[0].T_up_from_down.t / 1000)
    assert "step 0" in web.said.content and "mm apart" in web.said.content


def test_the_panel_steps_through_the_icp_and_what_is_shown_at_first(web: Any, scene: Scene) -> None:
    assert {"alternative 1", "after ICP", "as captured"} <= set(web.stage.options)
    web.slider.value = 1
    web.stepped()
    assert np.allclose(web.down.position, scene.path[1].T_up_from_down.t / 1000) and web.stage.value == PATH
    web.stage.value = "alternative 1"
    web.chosen()
    assert np.allclose(web.down.position, scene.alternatives[0].T_up_from_down.t / 1000)
    cloud = web.nodes["up cloud"][0]
    assert cloud.visible and not web.nodes["model"][0].visible


def test_the_page_shows_both_clouds_and_toggles_change_it(out: Path) -> None:
    need("viser", CURE)
    with page() as it, served(free_port(), "view", "--out", out, "--web") as address:
        asked = strangers(it)
        it.goto(address)
        it.get_by_text("Accepted, confidence 0.950").wait_for()
        box = it.get_by_label("up cloud", exact=True)
        both = settled(it)
        assert share(both, blue) > 0.002 and share(both, orange) > 0.002
        box.click()
        one = settled(it)
        assert share(one, blue) < 0.2 * share(both, blue) and share(one, orange) > 0.002
        assert asked == [], "the page asks others"


def test_a_real_run_of_the_bundled_example_is_shown() -> None:
    viser = need("viser", CURE)
    from registration.viz.web import Web

    real = gather(find(mini_run(), None, "mini", 1))
    server = viser.ViserServer(host="127.0.0.1", port=free_port(), verbose=False)
    try:
        viewer = Web(server, real)
        viewer.build()
        names = {node.name for nodes in viewer.nodes.values() for node in nodes}
    finally:
        server.stop()
    assert {"/up/cloud", "/down/cloud", "/model"} <= names
    with page() as it, served(free_port(), "view", "--out", mini_run(), "--dataset", "mini", "--objid", 1, "--web") as address:
        it.goto(address)
        it.get_by_text("ccepted, confidence").wait_for()
        shown = settled(it)
        assert share(shown, blue) + share(shown, orange) > 0.004
        it.get_by_label("model", exact=True).click()
        assert np.abs(settled(it) - shown).max() > 60


def settled(it: Any) -> np.ndarray:
    """The 3D picture once it does not change any more."""
    last = np.zeros(1)
    for _ in range(30):
        it.wait_for_timeout(1000)
        now = np.asarray(Image.open(io.BytesIO(it.locator("canvas").first.screenshot())).convert("RGB"), float)
        now = now[150:, :850]  # beside the panel and the notice about the graphics card
        if last.shape == now.shape and np.abs(now - last).max() < 2 and (np.ptp(now, axis=2) > 60).any():
            return now
        last = now
    raise AssertionError("nothing was drawn")


def blue(p: np.ndarray) -> np.ndarray:
    return p[..., 2] > p[..., 0] + 60


def orange(p: np.ndarray) -> np.ndarray:
    return p[..., 0] > p[..., 2] + 60


def share(picture: np.ndarray, hue: Any) -> float:
    """Of the picture that is of a hue."""
    return float(hue(picture).mean())


def test_a_recording_is_whole(scene: Scene, tmp_path: Path) -> None:
    need("rerun", CURE)
    from registration.viz.recording import record

    file = tmp_path / "a.rrd"
    record(scene, file)
    body = file.read_bytes()
    assert body[:4] == b"RRF2" and len(body) > 50_000 and [p.name for p in tmp_path.iterdir()] == ["a.rrd"]
    assert all(word in body for word in (b"/world/up/cloud", b"/world/down/cloud", b"icp_step"))
