"""One module per stage: typed inputs in, one record out."""
