"""The page, as Streamlit runs it from top to bottom at every click; all that can be wrong lies in the modules beside it."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

import streamlit as st  # pyright: ignore[reportMissingImports]

from pipelines.chain import DEFAULT
from pipelines.dashboard import compare, curves
from pipelines.dashboard.rows import VERDICTS, Row, filtered, rows_of, table, times
from registration.errors import UserError

BLUE, ORANGE = "#268bd2", "#e67e22"
SIGNS = {"accepted": "✓ accepted", "not accepted": "✗ not accepted", "unfinished": "… unfinished"}
COLUMNS = {
    "confidence": st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0),
    "gap, mm": st.column_config.NumberColumn(format="%.2f", help="Mean distance of the halves where they meet"),
    "gap, % of d": st.column_config.NumberColumn(format="%.2f", help="The same, as a share of the diameter"),
    "diameter, mm": st.column_config.NumberColumn(format="%.1f"),
    "PSNR, dB": st.column_config.NumberColumn(format="%.1f", help="Of held-out images, mean of both captures"),
    "silhouettes agree": st.column_config.NumberColumn(format="%.3f"),
    "seconds": st.column_config.NumberColumn(format="%.0f"),
    "confidence of a": st.column_config.NumberColumn(format="%.3f"),
    "confidence of b": st.column_config.NumberColumn(format="%.3f"),
    "apart, degrees": st.column_config.NumberColumn(format="%.2f", help="Between the transforms of a and b"),
    "apart, mm": st.column_config.NumberColumn(format="%.2f", help="Between the shifts of a and b"),
    "seconds of a": st.column_config.NumberColumn(format="%.0f"),
    "seconds of b": st.column_config.NumberColumn(format="%.0f"),
    "seconds, mean": st.column_config.NumberColumn(format="%.1f"),
    "cost over the best": st.column_config.NumberColumn(format="%.1f"),
    "b - a": st.column_config.NumberColumn(format="%+.3f"),
}  # fmt: skip
SECONDS = {stage: st.column_config.NumberColumn(format="%.1f") for stage in DEFAULT.order}
SLOWEST = 30
"""So many objects stand in the chart of times."""
LARGEST = 40_000_000
"""A report of more bytes is opened by its path only."""


@st.cache_data(ttl=5, show_spinner=False)
def everything(runs: tuple[str, ...], kept: str) -> list[Row]:
    """All rows, read again when they are a few seconds old."""
    return rows_of(map(Path, runs), kept)


def choice(rows: list[Row]) -> list[Row]:
    """The filters, on the left of every page."""
    with st.sidebar:
        st.subheader("Filter")
        words = st.text_input("Name contains", key="words")
        datasets = st.multiselect("Data set", sorted({r.dataset for r in rows}), key="datasets")
        verdicts = st.multiselect("Verdict", VERDICTS, key="verdicts")
        sources = st.multiselect("Source that won", sorted({r.source for r in rows if r.source}), key="sources")
        least = st.slider("Confidence at least", 0.0, 1.0, 0.0, 0.01, key="least")
        kept = filtered(rows, (), datasets, verdicts, sources, least, words)
        st.caption(f"{len(kept)} of {len(rows)} objects")
    return kept


def overview(rows: list[Row]) -> None:
    """Every object that meets the filters."""
    st.header("Runs")
    counts = [sum(r.verdict == v for r in rows) for v in VERDICTS]
    cells = st.columns(5)
    for cell, what, count in zip(cells, VERDICTS, counts, strict=False):
        cell.metric(SIGNS[what], count)
    seconds = [r.seconds for r in rows if r.seconds is not None]
    cells[3].metric("minutes an object", f"{sum(seconds) / len(seconds) / 60:.1f}" if seconds else "-")
    sure = [r.confidence for r in rows if r.confidence is not None]
    cells[4].metric("median confidence", f"{median(sure):.3f}" if sure else "-")
    body = [line | {"verdict": SIGNS[line["verdict"]]} for line in table(rows)]
    st.dataframe(body, column_config=COLUMNS, hide_index=True, alt="One line for every object")
    st.subheader("Seconds of each stage")
    st.dataframe(
        times(rows), column_config=SECONDS, hide_index=True, alt="Seconds of each stage, one line for every object"
    )
    most = sorted((r for r in rows if r.seconds is not None), key=lambda r: -(r.seconds or 0))[:SLOWEST]
    names = [f"{r.object.removeprefix('obj_').lstrip('0')} {r.dataset} ({Path(r.run).name})" for r in most]
    bars = [{"object": name, "minutes": (r.seconds or 0) / 60} for name, r in zip(names, most, strict=True)]
    st.bar_chart(
        bars, x="object", y="minutes", color=BLUE, horizontal=True, sort="-minutes",
        alt="Minutes of all stages together, of the slowest objects",
    )  # fmt: skip


def one_object(rows: list[Row]) -> None:
    """One object: what was found, and its report."""
    st.header("Object")
    row = pick("Object", rows, "object")
    if row is None:
        return
    sure = "" if row.confidence is None else f", confidence {row.confidence:.3f}"
    st.subheader(f"{SIGNS[row.verdict]}{sure}")
    for reason in row.reasons:
        st.markdown(f"- {plain(reason)}")
    dataset, number = row.dataset, row.object.removeprefix("obj_").lstrip("0") or "0"
    st.caption("In 3D, on a terminal:")
    kept = f" --store {row.kept}" if row.kept else ""
    st.code(f"regpipe view --web --out {row.run}{kept} --dataset {dataset} --objid {number}", language="shell")
    if not row.report.is_file():
        st.info(f"No report yet: {row.report}")
        return
    st.caption("Report:")
    st.code(row.report.resolve().as_uri(), language=None)
    size = row.report.stat().st_size
    st.download_button("Download the report", row.report.read_bytes(), f"{row.object}.html", "text/html")
    if st.toggle("Open the report here", key="open") and size < LARGEST:
        st.iframe(row.report, height=900, alt=f"Report of {row.name}")


def side_by_side(rows: list[Row]) -> None:
    """Two runs, two objects, or the sources."""
    st.header("Compare")
    two_runs, two_objects, sources = st.tabs(["Two runs", "Two objects", "Sources"])
    with two_runs:
        runs = sorted({r.run for r in rows})
        if len(runs) < 2:
            st.info("One results folder is open; regpipe dashboard --out A --out B opens two.")
        else:
            cells = st.columns(2)
            a = cells[0].selectbox("Run a", runs, key="run a")
            b = cells[1].selectbox("Run b", runs, index=1, key="run b")
            st.dataframe(compare.runs_compared(rows, a, b), column_config=COLUMNS, hide_index=True)
    with two_objects:
        cells = st.columns(2)
        with cells[0]:
            first = pick("Object a", rows, "object a")
        with cells[1]:
            second = pick("Object b", rows, "object b", min(1, len(rows) - 1))
        if first and second:
            if first.name == second.name and (way := compare.apart(first, second)):
                st.markdown(f"The transforms lie **{way[0]:.2f}°** and **{way[1]:.2f} mm** apart.")
            st.dataframe(compare.side_by_side(first, second), column_config=COLUMNS, hide_index=True)
    with sources:
        of_sources(rows)


def of_sources(rows: list[Row]) -> None:
    """The sources over all objects, and for each."""
    facts = [f for r in rows for f in compare.source_facts(r)]
    if not facts:
        st.info("What single sources guessed is in the store, which --store names (OUT/.store by default), and it is not there.")
        return
    st.dataframe(
        compare.sources_compared(rows), column_config=COLUMNS, hide_index=True, alt="One line for every source"
    )
    st.caption("Cost is a loss of log-likelihood: one that is larger by 4.6 is a hundred times less likely.")
    st.dataframe(facts, column_config=COLUMNS, hide_index=True, alt="One line for every object and source")


def training(rows: list[Row]) -> None:
    """Curves of the trainings, the own and TensorBoard's."""
    st.header("Curves")
    row = pick("Object", rows, "curves of")
    if row is not None:
        kept = curves.kept_curves(row.store, row.name)
        for stage, colour in (("nerf-up", BLUE), ("nerf-down", ORANGE)):
            if stage in kept:
                st.subheader(f"{stage}: error of the colours")
                plot(kept[stage], "error", colour)
        if not kept:
            st.info("No training curve is kept for this object.")
    st.subheader("TensorBoard")
    roots = {Path(r.run) for r in rows} | {r.store.root for r in rows}
    folders = sorted({str(f) for root in roots for f in curves.event_folders(root)})
    if not folders:
        st.info("No event files (events.out.tfevents.*) below these runs.")
        return
    try:
        read = curves.scalars(Path(st.selectbox("Folder", folders, key="events")))
    except UserError as error:
        st.warning(plain(str(error)))
        return
    for tag in st.multiselect("Curves", sorted(read), default=sorted(read)[:2], key="tags"):
        plot(read[tag], tag, BLUE)


def plot(points: list[tuple[float, float]], what: str, colour: str) -> None:
    """One curve."""
    body = [{"step": x, "value": y} for x, y in points]
    st.line_chart(body, x="step", y="value", y_label=what, color=colour, height=260, alt=f"{what} by step")


def pick(label: str, rows: list[Row], key: str, index: int = 0) -> Row | None:
    """One of the rows, by name and run."""
    if not rows:
        st.info("No object meets the filters.")
        return None
    found = {f"{r.name}   ({r.run})": r for r in rows}
    chosen = st.selectbox(label, list(found), index=max(0, index), key=key)
    return found.get(chosen)


def plain(text: str) -> str:
    """A text that means nothing to Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+!|$~" else c for c in text)


PAGES = {"Runs": overview, "Object": one_object, "Compare": side_by_side, "Curves": training}
"""A source that has something of its own to show adds its page here."""


def main(kept: str, *runs: str) -> None:
    """The page that was chosen."""
    st.set_page_config("regpipe", layout="wide")
    with st.sidebar:
        st.title("regpipe")
        page = st.radio("Page", list(PAGES), key="page", label_visibility="collapsed")
    rows = everything(runs, kept)
    if not rows:
        st.info(f"Nothing has been run yet in {', '.join(runs)}: regpipe run --dataset mini --objid 1 is a start.")
        return
    PAGES[page](choice(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
