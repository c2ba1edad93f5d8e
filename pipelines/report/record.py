"""What the report stage answers."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import NDArray

MARK = "<!-- how it was made -->"
"""Where the page says how long it took and how to repeat it, once that is known."""


@dataclass(frozen=True, eq=False)
class Report:
    """Files of the report, as texts, and what an index tells of it."""

    html: str
    chamfer_csv: str
    chamfer_json: str
    thumbnail: NDArray | None = None  # (h, w, 4)
    """The model, small."""
    silhouettes: tuple[float, ...] = ()
    """Mean overlap of the model's silhouettes with the masks, of up and of down."""
