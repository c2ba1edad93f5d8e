"""Names that users know from the scripts regpipe grew from; accepted at the border and nowhere deeper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from registration.errors import UserError

SCRIPTS = {
    "trainnerf": "nerf-up or nerf-down",
    "trainnerffine": "nerf-up or nerf-down (coarse and fine are one training)",
    "generatecors": "correspondences-up or correspondences-down",
    "trainpose": "embedding-up or embedding-down",
    "genfeat": "features-up or features-down",
    "inference": "poses",
    "verification": "verify",
    "icp": "icp",
}
HALVED = ("nerf", "capture", "correspondences", "embedding", "features")
"""Stages that are done for each half."""


def modern(name: str, half: str | None) -> str:
    """The stage a name means; an old script's name is answered with the new one."""
    plain = name.removesuffix(".py").lower()
    if name.endswith(".py") or (plain in SCRIPTS and plain not in ("icp",)):
        if plain in SCRIPTS:
            raise UserError(
                f"{name} is now a stage",
                SCRIPTS[plain],
                f"regpipe stage {SCRIPTS[plain].split()[0]} --dataset D --objid N",
            )
        raise UserError("no stage of this name", name, "regpipe stage --help lists them")
    if name in HALVED:
        if half is None:
            raise UserError(
                f"{name} is done for each half", name, f"write {name}-up or {name}-down, or add --half up|down"
            )
        return f"{name}-{half}"
    return name


def half_of(_context: Any, _option: Any, value: str | None) -> str | None:
    """--UH 1 is the upper half; past this line there is only up and down."""
    return {"1": "up", "0": "down"}.get(value or "", value)


def seed_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of the old scripts."""
    options = [
        click.option(
            "--half",
            "--UH",
            type=click.Choice(["up", "down", "1", "0"]),
            callback=half_of,
            help="Which half, for stages that exist twice.",
        ),
        click.option(
            "--viz",
            type=bool,
            is_flag=False,
            flag_value=True,
            default=False,
            help="Write a picture of the result and say where.",
        ),
        click.option(
            "--cont",
            type=bool,
            is_flag=False,
            flag_value=True,
            default=True,
            help="Go on from the checkpoint (the default); --cont 0 starts anew.",
        ),
        click.option(
            "--id",
            "image",
            type=int,
            default=None,
            help="On stage poses: what the source surfemb says of one image.",
        ),
        click.option(
            "--bestimage",
            type=int,
            default=None,
            help="On stage icp: start from where the source surfemb places one image, whatever the verdict.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command
