"""Captures out of the inputs of the last stages: their halves, and where each lies."""

from __future__ import annotations

from typing import Any

from pipelines.pairs import argument, captures_in, pairs_of, stage_of
from registration.fuse.merge import Placed
from registration.nerf.record import Cloud
from registration.sources.base import HalfModel
from registration.verify.record import Joined


def cloud_in(inputs: dict[str, Any], name: str) -> Cloud:
    """A capture's cloud in its own unit, from the first pair it belongs to."""
    pair = next(p for p in pairs_of(captures_in(inputs)) if name in p)
    clouds = inputs[argument(stage_of("clouds", pair))]
    return clouds.up if name == pair[0] else clouds.down


def half_in(inputs: dict[str, Any], name: str) -> HalfModel:
    """A capture with its field and its cloud, in its own frame and unit."""
    return HalfModel(inputs[f"capture_{name}"], inputs[f"nerf_{name}"], cloud_in(inputs, name))


def placed_in(inputs: dict[str, Any], join: Joined) -> list[Placed]:
    """The captures that have a place, in the unit of the first of them."""
    names = captures_in(inputs)
    there = zip(join.placed, join.places, join.scales, strict=True)
    return [(half_in(inputs, names[n]).scaled(scale), T) for n, T, scale in there]
