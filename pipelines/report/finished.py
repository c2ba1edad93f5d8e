"""Reports of results that are finished: their artifacts are read back, no capture is, nothing is computed again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.chain import graph_of
from pipelines.pairs import FIRST
from pipelines.report.index import THUMBNAIL, index_page
from pipelines.report.made import told
from pipelines.report.record import Report
from pipelines.report.table import xlsx_of
from pipelines.results import read_result
from pipelines.store import Store, write_whole
from registration.errors import UserError
from registration.fuse.params import ReportParams


@dataclass(frozen=True)
class Finished:
    """One object's result and where it lies."""

    folder: Path
    result: dict[str, Any]
    name: str
    """In the store."""

    def inputs(self, store: Store) -> dict[str, Any]:
        """The records that the report was made of, by the names of its inputs."""
        key = self.result.get("keys", {}).get("report", "")
        manifest = store.place(self.name, "report").manifest(key)
        out, graph = {}, graph_of(len(self.result.get("captures", FIRST)))
        for argument, stage in graph["report"].inputs.items():
            place = store.place(self.name, stage)
            found = (manifest or {}).get("inputs", {}).get(argument, "")
            if not found or place.manifest(found) is None:
                mend = "regpipe run makes them again, --store names the place"
                raise UserError(f"the artifacts of {stage} are gone", store.where(self.name), mend)
            out[argument] = place.load(graph[stage].record_type(), found)
        return out


def report_of(finished: Finished, store: Store, cad: Path | None) -> Report:
    """The page of a finished result anew, perhaps with a CAD model beside it."""
    from pipelines.report.cad import checked
    from pipelines.report.page import make_report

    r = finished.inputs(store)
    check = None if cad is None else checked(cad, r["model"].fused)
    if "join" in r:
        from pipelines.report.many import page_of

        return page_of(ReportParams(), r["join"], r["model"], r, check)
    nerfs, captures = (r["nerf_up"], r["nerf_down"]), (r["capture_up"], r["capture_down"])
    return make_report(ReportParams(), r["verify"], r["icp"], r["model"], r["clouds"], nerfs, captures, check)


def write_report(folder: Path, report: Report, result: dict[str, Any]) -> Path:
    """All files of a report; the page tells what ``result.json`` knows."""
    place = folder / "report"
    write_whole(place / "chamfer.csv", report.chamfer_csv)
    write_whole(place / "chamfer.json", report.chamfer_json)
    write_whole(place / "chamfer.xlsx", xlsx_of(report.chamfer_json))
    if report.thumbnail is not None:
        from registration.viz.pictures import webp

        write_whole(place / THUMBNAIL, webp(report.thumbnail))
    write_whole(place / "index.html", told(report.html, result))
    return place / "index.html"


def write_index(folder: Path) -> Path:
    """The index of a data set's results."""
    write_whole(folder / "index.html", index_page(folder))
    return folder / "index.html"


def read_finished(folder: Path, name: str) -> Finished:
    """A result that is there and whole."""
    result = read_result(folder)
    if result is None:
        raise UserError("no finished result", folder, "regpipe run first, or name the place with --out")
    return Finished(folder, result, name)


def name_in(store: Store, folder: Path) -> str:
    """The name in the store of a result of two capture folders: that of the artifact it was made from."""
    key = read_finished(folder, "").result.get("keys", {}).get("report", "")
    pairs = (name for name in store.names() if "/" not in name)
    found = next((name for name in pairs if store.place(name, "report").manifest(key)), None)
    if found is None:
        mend = "regpipe run makes them again, --store names the place"
        raise UserError("the artifacts of the report are gone", store.where(), mend)
    return found
