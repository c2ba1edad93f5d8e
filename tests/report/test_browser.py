"""The pages in a real browser, without network: what is drawn, what the controls do, on a desk and on a phone."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.report.finished import write_index, write_report
from pipelines.report.made import told
from tests.end_to_end.browser import mini_run
from tests.report.made import finished, made, result

CHROMIUM = os.environ.get("REGPIPE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium, or REGPIPE_CHROMIUM=path"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three finished objects, two of them with a report, and their index."""
    out = tmp_path_factory.mktemp("runs")
    for objid, accepted in ((1, True), (2, False), (10, True)):
        folder = finished(out, objid, accepted)
        if objid < 10:
            write_report(folder, made(accepted), result(accepted))
    write_index(out / "made")
    return out / "made"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install 'regpipe[browser]'")
    with api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    """Opens a page offline; at the end nothing may have been asked of the network, and no error told."""
    contexts, faults = [], []

    def open_page(file: Path, **options: Any) -> Any:
        context = browser.new_context(**({"viewport": {"width": 1100, "height": 900}, "offline": True} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else faults.append(r.url))
        page.goto(file.as_uri())
        page.wait_for_timeout(300)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # software WebGL tells about its own slowness when a screen is read back
    assert [f for f in faults if "GPU stall" not in f] == []


def picture(page: Any) -> np.ndarray:
    """The canvas as it is seen."""
    page.wait_for_timeout(250)
    canvas = page.locator("#view3d canvas")
    canvas.scroll_into_view_if_needed()
    return np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")).astype(int)


def differ(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the pixels that changed."""
    return float((np.abs(a - b).max(2) > 24).mean())


def test_the_view_draws_and_its_switches_change_the_picture(runs: Path, opened: Opened) -> None:
    page = opened(runs / "obj_000001/report/index.html")
    first = picture(page)
    drawn = (np.abs(first - first[4, 4]).max(2) > 24).mean()
    assert 0.05 < drawn < 0.8
    page.uncheck("[data-show=model]")
    assert differ(picture(page), first) > 0.8 * drawn
    page.check("[data-show=up]")
    half = picture(page)
    assert (half[..., 2] > half[..., 0] + 60).mean() > 0.02  # blue
    page.check("[data-show=down]")
    both = picture(page)
    assert (both[..., 0] > both[..., 2] + 60).mean() > 0.01  # orange
    page.select_option("[data-pick=place]", label="as captured")
    assert differ(picture(page), both) > 0.02
    page.select_option("[data-pick=place]", label="registered")
    assert differ(picture(page), both) < 0.001
    page.select_option("[data-pick=colour]", label="by distance")
    assert differ(picture(page), both) > 0.02 and page.locator("[data-scale]").is_visible()
    before = picture(page)
    page.check("[data-show=cameras]")
    assert differ(picture(page), before) > 0.002


def test_the_view_is_moved_by_mouse_keys_and_buttons_and_reset(runs: Path, opened: Opened) -> None:
    page = opened(runs / "obj_000001/report/index.html")
    first, canvas = picture(page), page.locator("#view3d canvas")
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 40, steps=4)
    page.mouse.up()
    assert differ(picture(page), first) > 0.02
    page.click("[data-do=reset]")
    assert differ(picture(page), first) < 0.001
    canvas.focus()
    for key in ("ArrowLeft", "ArrowDown", "+"):
        before = picture(page)
        page.keyboard.press(key)
        page.keyboard.press(key)
        assert differ(picture(page), before) > 0.01, key
    page.keyboard.press("Home")
    assert differ(picture(page), first) < 0.001
    page.mouse.wheel(0, -400)
    assert differ(picture(page), first) > 0.01


def test_fingers_turn_and_pinch(runs: Path, opened: Opened) -> None:
    page = opened(runs / "obj_000001/report/index.html", has_touch=True)
    first, box = picture(page), page.locator("#view3d canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    wire = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": a, "y": b, "id": n} for n, (a, b) in enumerate(places)]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (x, y))
    touch("touchMove", (x + 60, y))
    touch("touchMove", (x + 120, y))
    touch("touchEnd")
    assert differ(picture(page), first) > 0.02
    page.click("[data-do=reset]")
    assert differ(picture(page), first) < 0.001
    box = page.locator("#view3d canvas").bounding_box()  # the page may have scrolled to the button
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch("touchStart", (x - 60, y), (x + 60, y))
    touch("touchMove", (x - 70, y), (x + 70, y))
    touch("touchMove", (x - 80, y), (x + 80, y))
    touch("touchEnd")
    page.evaluate("document.activeElement.blur()")
    drawn = [(np.abs(p - p[4, 4]).max(2) > 24).mean() for p in (picture(page), first)]
    assert drawn[0] > 1.3 * drawn[1], drawn


def test_a_phone_shows_it_all_without_a_scroll_to_the_side(runs: Path, opened: Opened) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    for file in (runs / "obj_000002/report/index.html", runs / "index.html"):
        page = opened(file, **phone)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        wide = "[...document.querySelectorAll('main img, main svg, main canvas')].filter(e => e.getBoundingClientRect().right > 391).length"
        assert page.evaluate(wide) == 0


def test_dark_and_light_follow_the_system_and_the_button(runs: Path, opened: Opened) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    dark, light = (opened(runs / "obj_000001/report/index.html", color_scheme=scheme) for scheme in ("dark", "light"))
    at_night, by_day = dark.evaluate(paper), light.evaluate(paper)
    assert at_night != by_day
    light.click("#theme")
    assert light.evaluate(paper) == at_night
    light.reload()
    assert light.evaluate(paper) == at_night  # it was remembered
    light.click("#theme")
    assert light.evaluate(paper) == by_day


def test_the_index_sorts_by_mouse_and_by_keyboard_and_filters(runs: Path, opened: Opened) -> None:
    page = opened(runs / "index.html")

    def names() -> list[str]:
        rows = page.locator("#objects tbody tr:not([hidden]) td[data-label=object]")
        return rows.evaluate_all("cells => cells.map(c => c.innerText)")

    sure = page.locator("th", has_text="confidence")
    assert names() == ["Object 1", "Object 2", "Object 10"]
    sure.locator("button").click()
    assert names()[0] == "Object 2" and sure.get_attribute("aria-sort") == "ascending"
    sure.locator("button").focus()
    page.keyboard.press("Enter")
    assert names()[-1] == "Object 2" and sure.get_attribute("aria-sort") == "descending"
    head = page.locator("th", has_text="object")
    head.locator("button").focus()
    page.keyboard.press("Space")
    assert names() == ["Object 1", "Object 2", "Object 10"] and sure.get_attribute("aria-sort") == "none"
    page.check("#open")
    assert names() == ["Object 2"] and "1 of 3" in page.inner_text("#count")
    page.uncheck("#open")
    page.fill("#find", "object 10")
    assert names() == ["Object 10"]
    page.fill("#find", "")
    page.click("text=Object 1 >> nth=0")
    page.wait_for_selector("h1")
    assert page.url.endswith("obj_000001/report/index.html")


def test_on_paper_pictures_stand_in_for_the_view(runs: Path, opened: Opened) -> None:
    page = opened(runs / "obj_000001/report/index.html")
    still, view = page.locator(".still"), page.locator("#view3d")
    assert view.is_visible() and not still.is_visible()
    page.emulate_media(media="print")
    assert still.is_visible() and not view.is_visible() and not page.locator("#theme").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_webgl_pictures_stand_in_too(runs: Path, opened: Opened, tmp_path: Path) -> None:
    html = told(made().html, result()).replace('getContext("webgl"', 'getContext("no such thing"')
    (tmp_path / "page.html").write_text(html)
    page = opened(tmp_path / "page.html")
    assert page.locator(".sorry").is_visible() and page.locator(".still").is_visible()


def test_every_control_can_be_reached_and_named(runs: Path, opened: Opened) -> None:
    for file in (runs / "obj_000002/report/index.html", runs / "index.html"):
        page = opened(file)
        nameless = """[...document.querySelectorAll('button, select, input, a[href]:not([tabindex="-1"])')].filter(e =>
            !(e.innerText || e.getAttribute('aria-label') || (e.labels && e.labels[0] && e.labels[0].innerText))).length"""
        assert page.evaluate(nameless) == 0
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_real_run_of_the_bundled_example_opens_offline(opened: Opened) -> None:
    file = mini_run() / "mini/obj_000001/report/index.html"
    page = opened(file)
    assert "mini/obj_000001" in page.inner_text("h1") and "ccepted" in page.inner_text("main")
    first = picture(page)
    assert 0.02 < (np.abs(first - first[4, 4]).max(2) > 24).mean() < 0.9
    page.uncheck("[data-show=model]")
    page.check("[data-show=down]")
    half = picture(page)
    assert (half[..., 0] > half[..., 2] + 60).mean() > 0.02 and differ(half, first) > 0.02
    assert file.stat().st_size < 8e6
