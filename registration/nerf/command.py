"""Commands of nerfstudio, run in the environment it is installed in; they never outlive the process that asked."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from registration.errors import UserError

VARIABLE = "REGPIPE_NERFSTUDIO"
TRAIN, EXPORT = "ns-train", "ns-export"
STEP = re.compile(rb"^(\d+) \(\d", re.M)
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")
TAIL = 8192
"""Bytes at the end of a log that tell how far it is."""


def environment() -> Path:
    """The environment that nerfstudio is installed in."""
    told = os.environ.get(VARIABLE, "")
    if not told:
        mend = f"set {VARIABLE} to a virtual environment with nerfstudio, see docs/nerfstudio.md, or leave nerf.backend=own"
        raise UserError("where is nerfstudio?", f"{VARIABLE} is not set", mend)
    home = Path(told).expanduser()
    for name in ("python", TRAIN, EXPORT):
        if not (home / "bin" / name).is_file():
            mend = f"pip install nerfstudio into that environment, or let {VARIABLE} name another"
            raise UserError("no nerfstudio here", home / "bin" / name, mend)
    return home.absolute()


def versions(home: Path) -> dict[str, str]:
    """Of nerfstudio and what it stands on; empty if the environment does not tell."""
    code = (
        "import json, importlib.metadata as m; "
        "print(json.dumps({d.name: d.version for d in m.distributions() if d.name in ('nerfstudio', 'torch', 'open3d')}))"
    )
    done = subprocess.run([home / "bin/python", "-c", code], capture_output=True, text=True, env=surroundings("cpu"))
    return json.loads(done.stdout) if done.returncode == 0 else {}


def surroundings(device: str) -> dict[str, str]:
    """Environment variables of the commands; only checkpoints that they wrote themselves are ever loaded."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS")}
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else {}
    return kept | hidden | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "160"}


def call(home: Path, command: str, options: list[str], log: Path, device: str, told: Callable[[int], None]) -> None:
    """One command to its end; ``told`` how many steps it says it has done. It never outlives us."""
    script = [home / "bin/python", Path(__file__).with_name("guest.py"), os.getpid(), home / "bin" / command, *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in script], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env=surroundings(device), start_new_session=True,
        )  # fmt: skip
    try:
        while process.poll() is None:
            told(last_step(log))
            time.sleep(0.2)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        mend = f"{log} says more; docs/nerfstudio.md lists the traps of that environment"
        raise UserError(f"{command} failed ({last_words(log)})", home, mend)


def last_step(log: Path) -> int:
    """The last step that a training says it has done."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL))
        found = STEP.findall(stream.read())
    return int(found[-1]) if found else 0


def last_words(log: Path) -> str:
    """The last line of a log that says anything."""
    lines = ESCAPES.sub("", log.read_text(encoding="utf-8", errors="replace")).splitlines()
    return next((line.strip()[:200] for line in reversed(lines) if any(c.isalnum() for c in line)), "it said nothing")
