"""regpipe view and regpipe dashboard as a user meets them."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.test_cli import call
from tests.view.made import kept_run, publish


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["view", "--out", "{tmp}/nothing"], "regpipe run first"),
        (["view", "--out", "{tmp}", "--objid", "5"], "there: toys/obj_000001"),
        (["view", "--out", "{tmp}", "--save", "{tmp}/a.jpg"], "NAME.png"),
        (["view", "--out", "{tmp}", "--rerun", "{tmp}/a.png"], "NAME.rrd"),
        (["view", "--out", "{tmp}", "--save", "{tmp}/a.png", "--cad", "{tmp}/no.ply"], "no such mesh"),
        (["view", "--out", "{tmp}", "--save", "{tmp}/toys/obj_000001/result.json/a.png"], "name another file"),
        (["view", "--out", "{tmp}", "--web", "--port", "0"], "range"),
        (["dashboard", "--out", "{tmp}/nothing"], "no such folder"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    publish(tmp_path)
    status, _, err = call(capsys, *[a.replace("{tmp}", str(tmp_path)) for a in args])
    last = err.strip().splitlines()[-1]
    assert status == 2 and words in last and "Traceback" not in err


def test_a_picture_needs_no_display(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    kept_run(tmp_path)
    file = tmp_path / "new" / "look.png"
    status, out, err = call(capsys, "view", "--out", tmp_path, "--save", file)
    assert (status, out.strip(), err) == (0, str(file), "")
    with Image.open(file) as image:
        assert image.size[0] > 1000


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, _, err = call(capsys, "dashboard", "--out", tmp_path, "--port", taken.getsockname()[1])
    assert status == 2 and "--port" in err


@pytest.mark.parametrize(
    ("module", "extra", "args"),
    [
        ("viser", "view", ["view", "--web"]),
        ("rerun", "view", ["view", "--rerun", "{tmp}/a.rrd"]),
        ("streamlit", "dashboard", ["dashboard", "--port", "49321"]),
    ],
)
def test_a_missing_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    module: str, extra: str, args: list[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, module, None)
    publish(tmp_path)
    status, _, err = call(capsys, *[a.replace("{tmp}", str(tmp_path)) for a in args], "--out", tmp_path)
    assert status == 2 and f"pip install 'regpipe[{extra}]'" in err.splitlines()[-1]
