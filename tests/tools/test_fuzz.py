"""A few damaged files for every reader, and arbitrary JSON where JSON is read; `tools/fuzz.py` does many more."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.results import is_result
from pipelines.store import believed
from registration.data.bop_entries import read_entries
from registration.errors import UserError
from tools.fuzz import READERS, Tally, attempt, fuzz
from tools.mutate import mutated

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=10) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", READERS)
def test_damage_is_refused_or_read(name: str) -> None:
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tally = fuzz(name, 60, 1)
    finally:
        logging.disable(logging.NOTSET)
    assert tally.faults == {} and tally.slowest < 5


def test_a_fault_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    tally = Tally()
    for answer in (ValueError("a"), ValueError("b"), UserError("what", "where", "mend")):

        def read(_: Path, answer: Exception = answer) -> None:
            raise answer

        attempt(read, tmp_path / "a", tally)
    assert tally.refusals == 1 and len(tally.faults) == 2 and next(iter(tally.faults.values())) == (1, b"x")


def test_damage_is_the_same_every_time_and_differs() -> None:
    body, other = json.dumps({"a": [1, 2, {"b": "c"}]}).encode(), b"other"
    made = [mutated(body, other, np.random.default_rng(n)) for n in range(200)]
    assert made == [mutated(body, other, np.random.default_rng(n)) for n in range(200)] and len(set(made)) > 100


@given(ANYTHING, st.sampled_from(["accepted", "T_up_from_down", "alternatives", "stages", "keys", "model", "reasons"]))
def test_no_result_is_believed_for_one_wrong_field(value: Any, name: str) -> None:
    good = {"accepted": True, "confidence": 0.9, "T_up_from_down": np.eye(4).tolist(), "alternatives": []}
    assert is_result(good | {"scale": 1.5}) and is_result(value) is False
    assert not any(is_result(good | {"scale": wrong}) for wrong in (None, "1", [], {"a": 1}, True, float("inf")))
    assert is_result(good | {name: value}) in (True, False)


@given(ANYTHING, st.sampled_from(["key", "files", "params", "inputs", "seconds", "finished"]))
def test_a_manifest_is_believed_or_not(value: Any, name: str) -> None:
    good = {"key": "ab", "files": {}, "finished": 1.0}
    found = believed(json.dumps(good | {name: value}), "ab")
    assert believed(json.dumps(good), "ab") and (found is None or isinstance(found["inputs"], dict))
    assert believed(json.dumps(value), "ab") is None


@given(ANYTHING, ANYTHING)
def test_any_json_in_a_capture_is_refused_or_read(tmp_path_factory: pytest.TempPathFactory, gt: Any, camera: Any) -> None:
    folder = tmp_path_factory.getbasetemp() / "obj_000001_up"
    folder.mkdir(exist_ok=True)
    (folder / "scene_gt.json").write_text(json.dumps(gt))
    (folder / "scene_camera.json").write_text(json.dumps(camera))
    try:
        entries, bad = read_entries(folder, None)
        assert entries == [] and isinstance(bad, list)
    except UserError as error:
        assert "\n" not in str(error)


def test_names_that_lead_outside_are_no_manifest() -> None:
    for name in ("../a", "/a", "a/b", "..", "", "a\\b", "a\0"):
        body = {"key": "ab", "files": {name: {"bytes": 1, "sha256": "0" * 64}}, "finished": 1.0}
        assert believed(json.dumps(body), "ab") is None
    assert believed(json.dumps(body | {"files": {"a": body["files"][name]}}), "ab")
