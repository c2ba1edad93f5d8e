"""What single halves and single images became, out of the store, without a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.store import Place, Store
from registration.data.capture import Capture
from registration.errors import UserError
from registration.nerf.params import CloudParams
from registration.nerf.record import Cloud, Clouds, NerfHalf
from registration.sources.base import ByImage


def kept(store: Store, name: str, stage: str, kind: type) -> tuple[Any, dict[str, Any]] | None:
    """The newest artifact of a stage and its manifest; None if there is none."""
    place = store.place(name, stage)
    manifest = place.newest()
    if manifest is None:
        return None
    return place.load(kind, manifest["key"]), manifest


def cloud_of_half(store: Store, name: str, half: str, coarse: bool) -> Cloud:
    """The newest cloud of one half in its own frame, of the fine level or of the coarse one."""
    clouds = kept(store, name, "clouds", Clouds)
    if clouds is None:
        raise UserError("no clouds", store.where(name), "regpipe run --until clouds makes them; --store names the place")
    if not coarse:
        return getattr(clouds[0], half)
    from registration.nerf.cloud import cloud_of, coarse_half

    def of_the_same_run(stage: str, kind: type) -> Any:
        place: Place = store.place(name, f"{stage}-{half}")
        key = clouds[1]["inputs"][f"{stage}_{half}"]
        return place.load(kind, key) if place.manifest(key) else None

    nerf, capture = of_the_same_run("nerf", NerfHalf), of_the_same_run("capture", Capture)
    if nerf is None or capture is None or nerf.coarse is None:
        raise UserError(
            "no coarse level was kept", f"{name}, {half}", "regpipe run --until clouds --force makes it anew"
        )
    params = CloudParams(**clouds[1]["params"])
    return cloud_of(coarse_half(nerf, nerf.coarse), capture, params, np.random.default_rng(0))


def guesses_of_images(store: Store, name: str) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Half -> image id -> its guesses, the best first: the pose of the *other* half's frame in the camera, and scores."""
    found = kept(store, name, "poses-surfemb", ByImage)
    if found is None:
        raise UserError("no image was asked", store.where(name), "regpipe stage poses-surfemb places every image")
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
