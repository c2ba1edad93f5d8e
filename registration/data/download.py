"""Fetches public data sets."""
CATALOGUE: dict = {"tless": (), "ruapc": ()}
