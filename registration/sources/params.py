"""How sources guess. Standard library only: the command's --help imports this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PosesParams:
    """How the sources guess; which of them are asked is verify.sources."""

    rotations: int = 12_000
    """shape: rotations tried by outline."""
    apart_deg: float = 9.0
    """shape: rotations nearer to a better one than this are dropped before contact."""
    tried: int = 240
    """shape: rotations pulled into contact."""
    refined: int = 60
    """shape: best ones of these pulled into contact again, finely."""
    print_apart_deg: float = 9.0
    """print: rotations nearer to a better one than this are dropped before contact."""
    print_tried: int = 120
    """print: rotations pulled into contact."""
    print_refined: int = 16
    """print: best ones of these on which the colours are laid over each other."""
    image_pnp: int = 1
    """surfemb: draws of correspondences from each image, each with a PnP-RANSAC of its own."""
    image_trials: int = 20_000
    """surfemb: triangles of correspondences tried for each image, with the depth of its own field."""
    image_guesses: int = 120
    """surfemb: poses of an image that are held against all it shows."""
    image_keep: int = 5
    """surfemb: poses of an image that are kept."""
    spots: int = 1_500
    """surfemb: points of a half at which all its images are heard together."""
    keep: int = 24
    """Hypotheses handed on by each source."""
