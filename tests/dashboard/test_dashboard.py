"""Results as rows: read whatever is in them, filtered, held side by side; the page is served to this machine only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipelines.dashboard import compare, curves, start
from pipelines.dashboard.rows import ACCEPTED, REFUSED, UNFINISHED, Row, filtered, rows_of, table, times
from pipelines.store import Store
from registration.errors import MissingExtra
from tests.view.made import kept_run, publish


def result(out: Path, name: str, **body: object) -> None:
    place = out / name
    place.mkdir(parents=True)
    (place / "result.json").write_text(json.dumps(body))


def eye(x: float = 0.0) -> list[list[float]]:
    return [[1, 0, 0, x], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def made(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "a", tmp_path / "b"
    facts = {"source": "shape", "chamfer_mm": 0.5, "diameter_mm": 100.0, "stages": {"icp": 1.0, "nerf-up": 60.0}}
    result(a, "toys/obj_000001", accepted=True, confidence=0.99, T_up_from_down=eye(), **facts)
    result(a, "toys/obj_000002", accepted=False, confidence=0.4, T_up_from_down=eye(), **facts)
    result(b, "toys/obj_000001", accepted=True, confidence=0.95, T_up_from_down=eye(3.0), **facts | {"source": "print"})
    return a, b


def test_rows_tell_what_the_results_tell(tmp_path: Path) -> None:
    a, _ = made(tmp_path)
    first, second = rows_of([a])
    assert (first.name, first.verdict, second.verdict) == ("toys/obj_000001", ACCEPTED, REFUSED)
    assert first.seconds == 61 and first.chamfer_share == pytest.approx(0.5) and first.psnr_db is None
    line = table([first])[0]
    assert line["gap, % of d"] == pytest.approx(0.5) and line["confidence"] == 0.99
    assert times([first, second])[0]["nerf-up"] == 60


def test_an_unfinished_object_is_a_row_with_the_times_it_has(tmp_path: Path) -> None:
    kept_run(tmp_path, until="clouds")
    (row,) = rows_of([tmp_path])
    assert row.verdict == UNFINISHED and row.confidence is None and row.stages["nerf-up"] == 1.5
    assert "icp" not in row.stages


def test_a_store_elsewhere_tells_of_sources_and_curves(tmp_path: Path) -> None:
    kept_run(tmp_path / "a")
    publish(tmp_path / "a")
    (tmp_path / "a" / ".store").rename(tmp_path / "kept")
    (row,) = rows_of([tmp_path / "a"])
    assert compare.source_facts(row) == [] and curves.kept_curves(row.store, row.name) == {}
    (row,) = rows_of([tmp_path / "a"], str(tmp_path / "kept"))
    assert [f["source"] for f in compare.source_facts(row)] == ["shape"]
    assert set(curves.kept_curves(row.store, row.name)) == {"nerf-up", "nerf-down"}


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"accepted": "yes", "confidence": "high", "stages": [1], "model": 3, "alternatives": null}',
     '{"confidence": NaN, "T_up_from_down": [[1, 2], [3]], "stages": {"icp": "long"}, "reasons": "x", "model": {"psnr_db": ["a", 3]}}'],
)  # fmt: skip
def test_a_broken_result_breaks_nothing(tmp_path: Path, body: str) -> None:
    place = tmp_path / "toys" / "obj_000001"
    place.mkdir(parents=True)
    (place / "result.json").write_text(body)
    (row,) = rows_of([tmp_path])
    assert row.verdict in (REFUSED, UNFINISHED) and row.confidence is None and row.stages == {}
    assert compare.apart(row, row) is None and compare.side_by_side(row, row) and table([row])


@pytest.mark.parametrize(
    ("wish", "left"),
    [
        ({}, 3),
        ({"verdicts": [REFUSED]}, 1),
        ({"sources": ["print"]}, 1),
        ({"least": 0.9}, 2),
        ({"words": "TOYS 2"}, 1),
        ({"datasets": ["none"]}, 0),
        ({"verdicts": [ACCEPTED], "sources": ["shape"]}, 1),
    ],
)
def test_filters_meet_every_wish(tmp_path: Path, wish: dict[str, object], left: int) -> None:
    assert len(filtered(rows_of(made(tmp_path)), **wish)) == left  # type: ignore[arg-type]


def test_two_runs_side_by_side(tmp_path: Path) -> None:
    a, b = made(tmp_path)
    rows = rows_of([a, b])
    (line,) = compare.runs_compared(rows, str(a), str(b))
    assert line["object"] == "toys/obj_000001"
    assert line["apart, mm"] == pytest.approx(3) and line["apart, degrees"] == pytest.approx(0, abs=1e-5)
    told = {x["what"]: x for x in compare.side_by_side(rows[0], rows[2])}
    assert told["confidence"]["b - a"] == pytest.approx(-0.04) and told["source"]["b"] == "print"


def test_sources_side_by_side(tmp_path: Path) -> None:
    kept_run(tmp_path)
    publish(tmp_path)
    (row,) = rows_of([tmp_path])
    (facts,) = compare.source_facts(row)
    assert facts == {
        "object": "toys/obj_000001", "source": "shape", "guesses": 2, "seconds": 1.5, "best rank": 1, "cost over the best": 0.0, "won": True,
    }  # fmt: skip
    assert compare.sources_compared([row])[0]["won and accepted"] == 1
    assert compare.source_facts(Row("nowhere", "toys", "obj_000009", tmp_path, UNFINISHED)) == []


def test_kept_curves_and_damaged_ones(tmp_path: Path) -> None:
    kept_run(tmp_path, until="nerf-down")
    store = Store(tmp_path / ".store")
    assert set(curves.kept_curves(store, "toys/obj_000001")) == {"nerf-up", "nerf-down"}
    (tmp_path / ".store/toys/obj_000001/nerf-up/b1/arrays.npz").write_bytes(b"")
    assert set(curves.kept_curves(store, "toys/obj_000001")) == {"nerf-down"}


def test_without_tensorboard_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, extra: str) -> None:
        raise MissingExtra(name, "not there", extra)

    monkeypatch.setattr(curves, "require", missing)
    with pytest.raises(MissingExtra, match="pip install tensorboard"):
        curves.scalars(tmp_path)


def test_the_server_is_for_this_machine_and_tells_nobody() -> None:
    line = start.command([Path("runs")], 8600)
    assert "--server.address=127.0.0.1" in line and "--server.port=8600" in line
    assert "--browser.gatherUsageStats=false" in line and "--server.headless=true" in line
    assert line[-1] == os.path.abspath("runs") and Path(line[4]).is_file()
