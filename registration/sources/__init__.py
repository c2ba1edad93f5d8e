"""Sources of hypotheses: every way to guess how one half lies in the other."""
