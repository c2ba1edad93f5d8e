"""Data sets of our own: procedural or given parts, captured twice by a virtual camera."""

from registration.data.synthetic.dataset import SynthParams, ensure_mini, make_dataset

__all__ = ["SynthParams", "ensure_mini", "make_dataset"]
