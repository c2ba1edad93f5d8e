"""Debian's Chromium without a window; a test that needs it says what is missing, or runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
"""3D without a graphics card."""
PATIENCE = 90.0


def need(module: str, cure: str) -> Any:
    """A package, or a skip that says why."""
    return pytest.importorskip(module, reason=f"{module} is not installed: {cure}", exc_type=ImportError)


@contextmanager
def page(width: int = 1280, height: int = 900) -> Iterator[Any]:
    """An empty page."""
    playwright = need("playwright.sync_api", "pip install 'regpipe[browser]'")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing (apt-get install chromium)")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            out = browser.new_page(viewport={"width": width, "height": height})
            out.set_default_timeout(1000 * PATIENCE)
            yield out
        finally:
            browser.close()


def mini_run() -> Path:
    """Results of a real run of the bundled example, or a skip that says how to make one."""
    root = Path(os.environ.get("REGPIPE_RUNS") or Path(__file__).parents[2] / "runs")
    if not (root / "mini/obj_000001/report/index.html").exists():
        pytest.skip(f"no run in {root}: regpipe run --dataset mini --objid 1 (or REGPIPE_RUNS=folder of runs)")
    return root


def strangers(page: Any) -> list[str]:
    """Fills with what a page asks of any other machine."""
    out: list[str] = []
    own = ("http://127.0.0.1", "ws://127.0.0.1", "blob:http://127.0.0.1", "data:", "about:")
    page.on("request", lambda r: None if r.url.startswith(own) else out.append(r.url))
    return out


def free_port() -> int:
    """One that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(port: int, *args: object) -> Iterator[str]:
    """`regpipe ARGS` as a server of its own, from when it answers; its address."""
    line = [sys.executable, "-m", "pipelines.cli.main", *map(str, args), "--port", str(port)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=30)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server outlived its command"


def wait_for(address: str, process: subprocess.Popen[str]) -> None:
    """Until it answers; fails with what it said if it ends before."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            said = process.stdout.read() if process.stdout else ""
            pytest.fail(f"the server ended with {process.returncode}: {said}")
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"{address} does not answer")
