"""report: a page to look at, and the Chamfer table."""

from __future__ import annotations

from pipelines.report.page import make_report
from pipelines.report.record import Report
from pipelines.stages.context import Context
from registration.data.capture import Capture
from registration.fuse.params import ReportParams
from registration.fuse.record import Labels, Model
from registration.nerf.record import Clouds, NerfHalf
from registration.verify.record import Registration, Verdict


def run(
    ctx: Context, params: ReportParams, verify: Verdict, icp: Registration, model: Model, labels: Labels, clouds: Clouds,
    nerf_up: NerfHalf, nerf_down: NerfHalf, capture_up: Capture, capture_down: Capture,
) -> Report:  # fmt: skip
    """One self-contained page."""
    return make_report(params, verify, icp, model, clouds, (nerf_up, nerf_down), (capture_up, capture_down))
