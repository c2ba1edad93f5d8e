"""How the page is served: by Streamlit, on this machine only, without a word to anybody."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from registration.errors import require

HOST = "127.0.0.1"
FLAGS = {
    "server.address": HOST,
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "browser.gatherUsageStats": "false",
    "browser.serverAddress": HOST,
    "runner.magicEnabled": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "theme.primaryColor": "#268bd2",
    "global.developmentMode": "false",
}


def command(runs: list[Path], port: int, kept: str = "") -> list[str]:
    """What is run."""
    flags = [f"--{name}={value}" for name, value in (FLAGS | {"server.port": str(port)}).items()]
    page = str(Path(__file__).with_name("app.py"))
    return [sys.executable, "-m", "streamlit", "run", page, *flags, "--", kept, *(str(r.resolve()) for r in runs)]


def serve(runs: list[Path], port: int, kept: str) -> NoReturn:
    """Become the server, which runs until Ctrl-C: no process is left behind, whoever ends it."""
    require("streamlit", "dashboard")
    sys.stdout.flush()
    line = command(runs, port, kept)
    os.execv(line[0], line)
