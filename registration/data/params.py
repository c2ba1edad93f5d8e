"""How captures are read. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class CaptureParams:
    """How one capture is read, checked and cropped."""

    max_size: int = 256
    """Longest side of the crops in pixels; larger images are shrunk."""
    max_views: int = 120
    """Views kept of a longer sequence, spread evenly over the directions."""
    min_views: int = 8
    """Fewer usable views than this are an error."""
    skip_bad: int = 0
    """Broken frames tolerated before the capture is refused (--skip-bad)."""
    max_pixels: int = 100_000_000
    """Images with more are refused before they are decoded."""
    pixel_centre: Literal["auto", "whole", "half"] = "auto"
    """Coordinates of a pixel's centre in the intrinsics: whole numbers, halves, or found from the silhouettes."""
    split_elevation_deg: float = 0.0
    """BOP classic: views above this camera elevation are the upper half, the others the lower."""
    overlap_deg: float = 20.0
    """BOP classic: both halves also keep the views this far beyond the border."""
    unit: Literal["auto", "mm", "cm", "m", "none"] = "auto"
    """What the files count lengths in (--unit); auto: what their format says, none: nobody knows."""
    diameter_mm: float = 0.0
    """The object's largest extent, if it is known (--diameter): sets the scale where there is no unit."""
