"""Arrays in, arrays out: no files, no torch."""
