"""What the README shows is what CI runs, and what is installed works from anywhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_ci_runs_what_the_readme_shows() -> None:
    shown = re.findall(r"^\$ (.+)$", (ROOT / "README.md").read_text(), re.M)[:2]
    ran = (ROOT / ".ci/run").read_text().splitlines()
    assert len(shown) == 2 and set(shown) <= set(ran)


def test_every_file_the_readme_points_to_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|src=\"([^\":]+)\"", text):
        assert (ROOT / (link[0] or link[1])).exists(), link
