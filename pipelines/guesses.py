"""What single images guessed, out of the store, without a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.halves import kept
from pipelines.store import Store
from registration.errors import UserError
from registration.sources.base import ByImage


def guesses_of_images(root: Path, name: str) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Half -> image id -> its guesses, the best first: the pose of the *other* half's frame in the camera, and scores."""
    found = kept(Store(root), name, "poses-surfemb", ByImage)
    if found is None:
        raise UserError("no image was asked", root / name, "regpipe stage poses-surfemb places every image")
    images, out = found[0].images, {"up": {}, "down": {}}
    for k in images.order():
        half = images.half[k]
        guess = {
            "pose": images.T_cam_from_reference[k].tolist(),
            "of": "down" if half == "up" else "up",
            "T_up_from_down": images.T_up_from_down[k].tolist(),
            "score": float(images.score[k]),
            "support": float(images.support[k]),
        }
        out[half].setdefault(str(images.image[k]), []).append(guess)
    return out
