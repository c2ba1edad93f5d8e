"""Names of captures, of pairs of them, and of the stages that belong to each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any

FIRST = ("up", "down")
PAIRED = re.compile(r"-(up|down|c\d+)-(down|c\d+)$")


def names_of(count: int) -> tuple[str, ...]:
    """up, down, c3, c4, ..."""
    return (*FIRST, *(f"c{n + 1}" for n in range(2, count)))[:count]


def pairs_of(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Every two captures."""
    return list(combinations(names, 2))


def stage_of(what: str, pair: tuple[str, str]) -> str:
    """A stage of a pair: that of up and down goes by its plain name."""
    return what if pair == FIRST else f"{what}-{pair[0]}-{pair[1]}"


def plain(stage: str) -> str:
    """The name of a pair's stage without its captures."""
    return PAIRED.sub("", stage)


def argument(stage: str) -> str:
    """A stage as the name of an argument."""
    return stage.replace("-", "_")


def captures_in(inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the captures among a stage's inputs."""
    return names_of(sum(name.startswith("capture_") for name in inputs))
