"""labels: a 6D pose of the model for every image of both captures."""

from __future__ import annotations

from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.fuse.labels import labels_of
from registration.fuse.params import LabelsParams
from registration.fuse.record import Labels, Model
from registration.verify.record import Registration


def run(
    ctx: Context, params: LabelsParams, model: Model, icp: Registration, capture_up: Capture, capture_down: Capture
) -> Labels:
    """BOP label files."""
    objid = capture_up.notes.get("objid") or 1
    k, scale = model.grown, model.scale
    model, icp, up, down = model.scaled(k), icp.scaled(k), capture_up.scaled(k), capture_down.scaled(scale * k)
    return labels_of(up, down, model.T_up_from_down, model.fused, int(objid), icp.symmetries)
