"""The field's inner loops for the processor, compiled where they first run; numpy arrays in, numpy arrays out."""
