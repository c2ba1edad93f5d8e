"""What the truth would choose among known hypotheses of a known body."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest import approx

from pipelines import artifacts
from pipelines.bench.pool import COLUMNS, pool_of, pools
from pipelines.cli.main import main
from pipelines.store import Store
from registration.errors import UserError
from registration.geometry.mesh import diameter
from registration.geometry.rigid import Rigid
from registration.verify.record import Verdict
from tests.bench.test_bop import G, written
from tests.geometry.bodies import knob

NAME = "made/obj_000001"


def shifted(share: float) -> Rigid:
    """The truth, and aside by this share of the diameter."""
    return Rigid(G.R, G.t + np.array([share * diameter(knob().vertices), 0, 0]))


def ranked(store: Store, key: str, *transforms: Rigid) -> None:
    """A verdict on these, the first of them the best."""
    n = len(transforms)
    columns: dict[str, Any] = {f.name: np.zeros(n) for f in fields(Verdict)}
    columns |= {"T_up_from_down": np.array([T.as_matrix() for T in transforms]), "group": np.arange(n)}
    columns |= {"probability": np.full(n, 1 / n), "accepted": False, "none": 0.0, "source": ("shape",) * n}
    verdict = Verdict(**columns | {"candidates": n, "reasons": (), "symmetries": {}})
    store.place(NAME, "verify").commit(key, {}, lambda folder: artifacts.save(verdict, folder))


def test_the_best_by_the_truth_is_found_wherever_it_was_ranked(tmp_path: Path) -> None:
    runs, truth = written(tmp_path, shifted(0.4))
    store, file = Store(tmp_path / "runs" / ".store"), truth / "obj_000001.json"
    assert pool_of(store, NAME, file) == {}
    wrong = Rigid.exp([0, 0, np.pi, 0, 0, 0]) @ shifted(0.4)
    ranked(store, "aa", wrong, shifted(0.4), shifted(0.01))
    found = pool_of(store, NAME, file)
    assert set(found) == set(COLUMNS) and found["seed_right"]
    assert 0.001 < found["pool"] < 0.01 and found["pool"] < found["pool_h95"] < 0.011
    ranked(store, "ab", wrong, shifted(0.4))  # the newest counts
    found = pools(runs, truth, None)[0]
    assert found["pool"] > 0.1 and not found["seed_right"] and found["pool_h95"] > 0.02


def test_close_by_the_seeds_measure_may_be_wrong_by_ours(tmp_path: Path) -> None:
    _, truth = written(tmp_path, G)
    store = Store(tmp_path / "runs" / ".store")
    ranked(store, "aa", shifted(0.06))
    found = pool_of(store, NAME, truth / "obj_000001.json")
    assert found["seed_right"] and found["pool_h95"] > 0.02


def test_columns_come_with_the_flag_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, truth = written(tmp_path, shifted(0.4))
    ranked(Store(tmp_path / "runs" / ".store"), "aa", shifted(0.4), G)

    def said(*flags: str) -> str:
        with pytest.raises(SystemExit):
            main(["bench", "score", str(runs), str(truth), *flags])
        return capsys.readouterr().out

    plain, full = json.loads(said("--json"))[0], json.loads(said("--against", "truth", "--json"))[0]
    assert not set(COLUMNS) & set(plain) and not plain["right"]
    assert full == plain | {"pool": approx(0, abs=1e-9), "pool_h95": approx(0, abs=1e-9), "seed_right": True}
    bare, text = said().splitlines(), said("--against", "truth").splitlines()
    assert len(text) == len(bare) + 1 and not any("pool" in line for line in bare)
    assert "of 1 objects: mean below 0.1 (seed_right) 1, an h95 below 0.02 in the pool 1" in "\n".join(text)


def test_no_hypotheses_or_damaged_ones(tmp_path: Path) -> None:
    runs, truth = written(tmp_path, G)
    with pytest.raises(UserError, match="no ranked hypotheses"):
        pools(runs, truth, None)
    store = Store(tmp_path / "runs" / ".store")
    ranked(store, "aa", G)
    (store.place(NAME, "verify").of("aa") / "record.json").write_text('{"accepted": true}')
    with pytest.raises(UserError, match="not as it was written"):
        pools(runs, truth, None)
