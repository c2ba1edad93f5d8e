"""result.json as it is read back: whole and of the right kinds, or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from registration.geometry.rigid import Rigid

LARGEST = 1e12
"""No figure of ours is larger."""
TOLD = {"accepted", "confidence", "alternatives", "reasons", "stages", "chamfer_mm", "diameter_mm", "T_up_from_down", "keys"}
"""What the last lines of a run tell: a result without them is made anew."""


def read_result(out: Path) -> dict[str, Any] | None:
    """result.json, if it is there and whole."""
    try:
        found = json.loads((out / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if is_result(found) else None


def is_result(body: Any) -> bool:
    """Whether every field that anything reads is of its kind; those that came later may be missing."""
    if not isinstance(body, dict) or not isinstance(body.get("accepted"), bool):
        return False
    lists, groups = ("alternatives", "reasons", "silhouettes"), ("stages", "versions", "keys", "model")
    if not all(isinstance(body.get(name, []), list) for name in lists):
        return False
    if not all(isinstance(body.get(name, {}), dict) for name in groups):
        return False
    model = body.get("model", {})
    known = [body.get("confidence"), body.get("diameter_mm", 1.0), body.get("scale", 1.0), *body.get("stages", {}).values()]
    figures = [body.get("chamfer_mm", 0.0), *body.get("silhouettes", [])]  # infinite or none, where nothing was measured
    for name in ("psnr_db", "mask_iou"):
        figures += model[name] if isinstance(model.get(name, None), list) else []
    texts = [body.get("source", ""), body.get("command", ""), *body.get("reasons", []), *body.get("keys", {}).values()]
    others = body.get("alternatives", [])
    return (
        all(is_number(x) for x in known)
        and all(is_number(x) or isinstance(x, float) for x in figures)
        and body.get("diameter_mm", 1.0) > 0
        and all(isinstance(t, str) for t in texts)
        and is_similarity(body.get("T_up_from_down"))
        and all(isinstance(a, dict) and is_similarity(a.get("T_up_from_down")) for a in others)
        and all(is_number(a.get("confidence")) for a in others)
        and are_captures(body.get("captures", {}))
        and are_pairs(body.get("pairs", []))
    )


def are_captures(body: Any) -> bool:
    """Of more than two captures: where each lies."""
    return isinstance(body, dict) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("placed"), bool)
        and isinstance(entry.get("folder"), str)
        and (not entry["placed"] or is_similarity(entry.get("T_model_from_capture")))
        for entry in body.values()
    )


def are_pairs(body: Any) -> bool:
    """What became of each pair of them."""
    return isinstance(body, list) and all(
        isinstance(pair, dict)
        and all(isinstance(pair.get(name), str) for name in ("a", "b", "state"))
        and is_number(pair.get("confidence"))
        for pair in body
    )


def is_number(value: Any) -> bool:
    """A finite number of a sensible size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def is_similarity(rows: Any) -> bool:
    """A 4x4 matrix of a scale, a turn and a shift."""
    if not isinstance(rows, list) or not all(isinstance(r, list) and all(is_number(x) for x in r) for r in rows):
        return False
    try:
        Rigid.from_similarity(rows)
    except ValueError:
        return False
    return True
