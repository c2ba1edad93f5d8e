"""The page of an object: the verdict first, every picture described, nothing fetched, nothing believed unescaped."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from pipelines.presets import PRESETS, configure
from pipelines.report.made import command, settings, told
from pipelines.report.record import MARK, Report
from pipelines.report.view3d import MOST_VERTICES, clustered
from pipelines.report.words import meaning, percent
from registration.geometry.rigid import Rigid
from registration.viz.colours import UNKNOWN, coloured, scale
from tests.geometry.bodies import knob
from tests.report.made import made, records, registration, result

VOID = {"meta", "link", "img", "input", "br"}


class Reader(HTMLParser):
    """Tags that are open, attributes that were seen."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.fixture(scope="module")
def report() -> Report:
    return made()


def test_the_page_is_whole_small_and_fetches_nothing(report: Report) -> None:
    page = told(report.html, result())
    reader = read(page)
    assert reader.wrong == [] and reader.open == []
    assert len(page) < 8e6
    links = [v or "" for _, attrs in reader.seen for k, v in attrs.items() if k in ("src", "href")]
    assert all(re.match(r"data:|#|chamfer\.", link) for link in links)
    assert "@import" not in page and "url(" not in page and "fetch(" not in page


def test_every_picture_says_what_it_shows(report: Report) -> None:
    seen = read(report.html).seen
    images = [attrs for tag, attrs in seen if tag == "img"]
    assert len(images) > 15 and all((a.get("alt") or "").strip() for a in images)
    assert all(a.get("aria-label") for tag, a in seen if tag in ("svg", "canvas"))
    ids = [a["id"] for _, a in seen if a.get("id")]
    assert len(ids) == len(set(ids))
    assert all(a.get("aria-labelledby") in ids for tag, a in seen if tag == "section")


def test_the_verdict_comes_first_and_in_words(report: Report) -> None:
    body = report.html[report.html.index("<main") :]
    assert body.index("Accepted") < body.index("<img") and "99.7 %" in body
    other = made(accepted=False).html
    assert "Not accepted" in other and "One other model fits nearly as well" in other and "Do not use" in other


def test_names_and_reasons_are_escaped() -> None:
    r = records()
    page = made(capture_up=replace(r["capture_up"], name="<script>alert(1)</script>_up")).html
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page and "5 &lt; 6 &amp; more" in page


def test_halves_that_never_meet_still_make_a_page() -> None:
    far = Rigid.exp([0, 0, 0, 500, 0, 0])
    report = made(model=replace(records()["model"], T_up_from_down=far))
    assert "–" in report.html and json.loads(report.chamfer_json)["up to down"]["overlap_mean_mm"] is None
    assert report.silhouettes[1] < 0.1 < 0.9 < report.silhouettes[0]


def test_a_half_without_a_curve_is_said_so() -> None:
    r = records()
    bare = {h: replace(r[h], curve=np.zeros((0, 2))) for h in ("nerf_up", "nerf_down")}
    assert "No curve was kept" in made(**bare).html


def test_the_scene_holds_what_its_counts_say(report: Report) -> None:
    found = re.search(r'<script type="application/json" id="scene">(.*?)</script>', report.html)
    assert found
    scene = json.loads(found.group(1))
    model = scene["model"]
    places = np.frombuffer(base64.b64decode(model["places"]), "<u2").reshape(-1, 3)
    assert len(places) == model["count"] and places.max() == 65535
    assert np.abs(model["low"] + model["step"] * places - knob().vertices).max() < 0.01
    faces = np.frombuffer(base64.b64decode(model["faces"]), "<u2")
    assert len(faces) == model["corners"] and faces.max() < model["count"]
    for half in ("up", "down"):
        there = scene["halves"][half]
        assert len(base64.b64decode(there["distances"])) == there["count"]
        corners = np.frombuffer(base64.b64decode(there["cameras"]), "<f4")
        assert len(corners) == 15 * len(records()[f"capture_{half}"])
    assert [p["name"] for p in scene["places"]][:3] == ["registered", "where ICP began", "as captured"]


def test_a_large_mesh_is_made_small_and_keeps_its_place() -> None:
    mesh = knob()
    few, normals, colours, index = clustered(mesh, mesh.vertex_normals(), np.full((len(mesh.vertices), 3), 90), 900)
    assert len(few.vertices) <= 900 < len(mesh.vertices) <= MOST_VERTICES and few.faces.max() < len(few.vertices)
    assert np.abs(few.vertices[index] - mesh.vertices).max() < 8 and abs(few.volume() / mesh.volume() - 1) < 0.1
    assert np.allclose(np.linalg.norm(normals, axis=1), 1) and np.allclose(colours, 90)


def test_how_it_was_made_is_filled_in_once_it_is_known(report: Report) -> None:
    assert MARK in report.html
    page = told(report.html, result())
    assert MARK not in page and "regpipe run --dataset made --objid 1" in page and "97.0 s" in page
    assert told("<p>", {}) == "<p>"


def test_the_command_repeats_the_parameters() -> None:
    config = configure("quick", None, ["nerf.fine_steps=33", "verify.sources=shape,print", "full.refine_pose=false"], 5)
    words = command("tless_dev/obj_000012", config, None).split()
    assert words[:6] == ["regpipe", "run", "--dataset", "tless_dev", "--objid", "12"]
    sets = [words[n + 1] for n, w in enumerate(words) if w == "--set"]
    assert configure(words[words.index("--preset") + 1], None, sets, int(words[-1])) == config
    assert settings(PRESETS["standard"]) == []
    assert command("a+b", PRESETS["best"], ("x y/a", "b")) == "regpipe run --up 'x y/a' --down b --preset best"


def test_probabilities_are_never_more_certain_than_they_are() -> None:
    assert [percent(p) for p in (1.0, 0.9994, 0.888, 0.0001)] == [
        "more than 99.9 %",
        "99.9 %",
        "88.8 %",
        "less than 0.1 %",
    ]
    assert "99.7 %" in meaning(registration(True))


def test_the_colours_grow_evenly_brighter_for_every_eye() -> None:
    grey = scale().astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(grey) > -0.5).all() and grey[-1] - grey[0] > 120
    tints = coloured(np.array([0, 2.0, 3.0, np.nan]), 2.0)
    assert tuple(tints[0]) == tuple(scale()[0]) and tuple(tints[1]) == tuple(scale()[255])
    assert tuple(tints[2]) == tuple(tints[3]) == UNKNOWN
