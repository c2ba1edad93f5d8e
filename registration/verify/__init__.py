"""Judges every guess by the same geometry, without ground truth."""
