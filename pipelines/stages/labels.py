"""labels: a 6D pose of the model for every image of both captures."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.fuse.labels import labels_of
from registration.fuse.params import LabelsParams
from registration.fuse.record import Labels, Model
from registration.geometry.rigid import Rigid
from registration.verify.record import Registration


def run(
    ctx: Context, params: LabelsParams, model: Model, icp: Registration, capture_up: Capture, capture_down: Capture
) -> Labels:
    """BOP label files."""
    objid = capture_up.notes.get("objid") or 1
    k, scale = model.grown, model.scale
    model, icp = model.scaled(k), icp.scaled(k)
    captures = {
        "up": (capture_up.scaled(k), Rigid.identity()),
        "down": (capture_down.scaled(scale * k), model.T_up_from_down),
    }
    return labels_of(captures, model.fused, int(objid), icp.symmetries)
