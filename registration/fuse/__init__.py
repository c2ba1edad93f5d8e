"""One object from two halves: surface, cloud, labels."""
