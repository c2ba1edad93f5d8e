"""regpipe source: who may guess."""

from __future__ import annotations

import click

from pipelines.cli.main import Exit


@click.group()
def source() -> None:
    """The sources of hypotheses."""


@source.command("list")
def list_sources() -> int:
    """Sources that are installed, ours and other packages'."""
    from registration.sources.catalogue import known

    for name, point in sorted(known().items()):
        package = point.dist.name if point.dist else "?"
        click.echo(f"{name:<14} {point.value:<46} from {package}")
    return Exit.ACCEPTED
