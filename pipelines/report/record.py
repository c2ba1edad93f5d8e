"""What the report stage answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """Files of the report, as texts."""

    html: str
    chamfer_csv: str
    chamfer_json: str
