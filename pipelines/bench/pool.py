"""What the truth would choose of the hypotheses: the protocol of the scripts that regpipe grew from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.bench.score import judged, surface, truths
from pipelines.bucket import open_store
from pipelines.store import Store, Where
from registration.errors import UserError
from registration.geometry.rigid import Rigid
from registration.verify.record import Verdict

COLUMNS = ("pool", "pool_h95", "seed_right")


def pool_of(store: Store, name: str, truth: Path) -> dict[str, Any]:
    """The best that the truth finds among the hypotheses of one object's newest verdict; nothing where there is none."""
    place = store.place(name, "verify")
    manifest = place.newest()
    if manifest is None:
        return {}
    verdict: Verdict = place.load(Verdict, manifest["key"])
    facts, true = json.loads(truth.read_text()), surface(truth.with_suffix(".ply"))
    pool = [judged(Rigid.from_matrix(T), facts, true) for T in verdict.T_up_from_down]
    chosen = min(pool, key=lambda found: found["mean"])
    return {"pool": chosen["mean"], "pool_h95": min(found["h95"] for found in pool), "seed_right": chosen["loose"]}


def pools(runs: Path, truth: Path, store: Where | None) -> list[dict[str, Any]]:
    """The columns of every object that has a truth, in the order of `score_all`."""
    root, name = open_store(store or runs.resolve().parent / ".store"), runs.resolve().name
    found = [pool_of(root, f"{name}/{file.stem}", file) for file in truths(truth)]
    if not any(found):
        raise UserError("no ranked hypotheses", root.where(name), "regpipe run makes them; --store names the place")
    return found
