"""regpipe dashboard: a data set as a whole in the browser."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NoReturn

import click

from pipelines.cli.setup import ADDRESS
from pipelines.store import Where
from registration.errors import UserError


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), multiple=True, default=[Path("runs")], show_default=True,
    help="Where results are; a second one can be compared with the first.",
)  # fmt: skip
@click.option("--store", type=ADDRESS, help="Where cached artifacts of all of them are.  [default: OUT/.store]")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
def dashboard(out: tuple[Path, ...], store: Where | None, port: int) -> NoReturn:
    """Runs with their verdicts and times, filtered, held side by side, with their reports and training curves.

    Served to this machine only, until Ctrl-C. Needs pip install 'regpipe[dashboard]'.
    """
    for folder in out:
        if not folder.is_dir():
            raise UserError("no such folder", folder, "regpipe run writes results; --out names where they are")
    from pipelines.dashboard.start import HOST, serve

    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise UserError("the port is taken", port, "name another one with --port")
    click.echo(f"http://{HOST}:{port} shows {', '.join(map(str, out))}; Ctrl-C ends it")
    serve(list(out), port, str(store or ""))
