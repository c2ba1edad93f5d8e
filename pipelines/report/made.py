"""How a result was made: seconds of the stages, versions, and the command that repeats it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from html import escape
from typing import Any

from pipelines.presets import PRESETS, SECTIONS, Config
from pipelines.report import curves, markup
from pipelines.report.record import MARK


def settings(config: Config) -> list[str]:
    """Options of ``regpipe run`` that give these parameters: the nearest preset, then what differs from it."""
    preset, differing = min(
        ((name, differences(config, base)) for name, base in PRESETS.items()),
        key=lambda p: (len(p[1]), p[0] != "standard"),
    )
    out = [] if preset == "standard" else ["--preset", preset]
    for name, value in differing.items():
        out += ["--set", f"{name}={as_text(value)}"]
    return out + (["--seed", str(config.seed)] if config.seed else [])


def differences(config: Config, base: Config) -> dict[str, Any]:
    """Parameters that are not as in a preset."""
    out = {}
    for section in SECTIONS:
        ours, theirs = getattr(config, section), getattr(base, section)
        for f in dataclasses.fields(ours):
            if getattr(ours, f.name) != getattr(theirs, f.name):
                out[f"{section}.{f.name}"] = getattr(ours, f.name)
    return out


def as_text(value: Any) -> str:
    """A parameter as ``--set`` reads it."""
    if isinstance(value, tuple):
        return ",".join(map(as_text, value))
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def command(name: str, config: Config, folders: Sequence[str]) -> str:
    """What repeats a run of an object of this name, or of capture folders."""
    dataset, slash, object_name = name.rpartition("/obj_")
    if slash:
        which = ["--dataset", dataset, "--objid", str(int(object_name))]
    else:
        options = ("--up", "--down") if len(folders) == 2 else ("--capture",) * len(folders)
        which = [word for pair in zip(options, folders, strict=True) for word in pair]
    return shlex.join(["regpipe", "run", *which, *settings(config)])


def told(html: str, result: dict[str, Any]) -> str:
    """The page with what ``result.json`` says of how it was made."""
    seconds: dict[str, float] = result.get("stages", {})
    versions: dict[str, str] = result.get("versions", {})
    body = []
    if result.get("command"):
        body.append(
            '<h3>The command that repeats it</h3><div class="command"><pre tabindex="0"><code>'
            f"{escape(result['command'])}</code></pre>"
            '<button type="button" class="screen-only" data-copy>Copy</button></div>'
        )
    if seconds:
        names, values = list(seconds), list(seconds.values())
        body.append(
            f"<h3>Seconds of the stages, {sum(values):,.0f} in all</h3>"
            + curves.bars("Seconds of every stage", names, values, [f"{v:.1f} s" for v in values])
        )
    if versions:
        body.append(
            "<h3>Versions</h3>"
            + markup.rows(["what", "version"], [[k, v] for k, v in versions.items()], "Versions of what made it")
        )
    return html.replace(MARK, markup.section("made", "How it was made", *body)) if body else html
