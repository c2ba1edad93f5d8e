"""The dashboard in a browser: it starts, filters, opens a report, compares and draws curves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.dashboard import curves
from tests.end_to_end.browser import PATIENCE, free_port, mini_run, need, page, served, strangers
from tests.view.made import kept_run, publish

pytestmark = pytest.mark.slow


def write_events(folder: Path) -> None:
    """A training that another program told TensorBoard of."""
    need("tensorboard", "pip install tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    for step in range(20):
        writer.add_event(
            Event(step=step, summary=Summary(value=[Summary.Value(tag="loss/train", simple_value=1 / (1 + step))]))
        )
    writer.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    a, b = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    kept_run(a)
    publish(a)
    publish(a, "toys/obj_000002", accepted=False, confidence=0.41)
    publish(b, confidence=0.88)
    return a, b


@pytest.fixture(scope="module")
def board(runs: tuple[Path, Path]) -> Iterator[Any]:
    need("streamlit", "pip install 'regpipe[dashboard]'")
    write_events(runs[0] / "logs" / "tb")
    with page(1500, 1200) as it, served(free_port(), "dashboard", "--out", runs[0], "--out", runs[1]) as address:
        asked = strangers(it)
        it.goto(address)
        it.get_by_text("3 of 3 objects").wait_for()
        yield it
        assert asked == [], "the page asks others"


def opened(board: Any, name: str) -> Any:
    board.locator("section[data-testid=stSidebar]").get_by_text(name, exact=True).click()
    board.get_by_role("heading", name=name, exact=True).wait_for()
    return board


def counted(board: Any, *counts: int) -> None:
    """Waits until so many are accepted, not accepted, unfinished."""
    for n, count in enumerate(counts):
        board.get_by_test_id("stMetricValue").nth(n).get_by_text(str(count), exact=True).first.wait_for()


def test_it_starts_and_filters(board: Any) -> None:
    opened(board, "Runs")
    counted(board, 2, 1, 0)
    words = board.get_by_label("Name contains")
    words.fill("obj_000002")
    words.press("Enter")
    board.get_by_text("1 of 3 objects").wait_for()
    counted(board, 0, 1, 0)
    words.fill("")
    words.press("Enter")
    board.get_by_text("3 of 3 objects").wait_for()


def test_it_opens_a_report(board: Any) -> None:
    opened(board, "Object")
    board.get_by_text("Open the report here").click()
    frame = board.frame_locator("iframe").get_by_role("heading", name="Report of toys/obj_000001")
    frame.wait_for()
    assert frame.is_visible()


def test_two_runs_and_two_objects_are_compared(board: Any) -> None:
    opened(board, "Compare")
    board.get_by_text("Run a", exact=True).wait_for()
    board.get_by_role("tab", name="Two objects").click()
    board.get_by_text("Object b", exact=True).wait_for()
    board.get_by_role("tab", name="Sources").click()
    board.get_by_text("Cost is a loss of log-likelihood").wait_for()
    assert board.get_by_test_id("stException").count() == 0


def test_curves_of_tensorboard_are_drawn(board: Any, runs: tuple[Path, Path]) -> None:
    (folder,) = curves.event_folders(runs[0])
    points = curves.scalars(folder)["loss/train"]
    assert len(points) == 20 and points[1] == (1.0, 0.5)
    opened(board, "Curves")
    board.get_by_text("loss/train").first.wait_for()
    drawn = board.get_by_test_id("stVegaLiteChart").last
    drawn.wait_for()
    assert drawn.bounding_box()["height"] > 100
    assert board.get_by_test_id("stException").count() == 0


def test_a_real_run_of_the_bundled_example_is_listed_and_opened(board: Any) -> None:
    desk = {"width": 1500, "height": 1200}
    with (
        served(free_port(), "dashboard", "--out", mini_run()) as address,
        board.context.browser.new_context(viewport=desk) as own,
    ):
        it = own.new_page()
        it.set_default_timeout(1000 * PATIENCE)
        it.goto(address)
        it.get_by_label("Name contains").fill("mini 1")
        it.get_by_label("Name contains").press("Enter")
        it.get_by_text("1 of").wait_for()
        counted(it, 1, 0, 0)
        opened(it, "Object")
        it.get_by_text("Open the report here").click()
        it.frame_locator("iframe").get_by_role("heading", name="mini/obj_000001").wait_for()
        opened(it, "Compare")
        it.get_by_role("tab", name="Sources").click()
        it.get_by_text("Cost is a loss of log-likelihood").wait_for()
        opened(it, "Curves")
        it.get_by_text("nerf-down: error of the colours").wait_for()
        assert it.get_by_test_id("stException").count() == 0
