"""The library: geometry, captures, fields, sources of hypotheses, verification, fusion."""
