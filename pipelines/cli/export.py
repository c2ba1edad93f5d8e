"""regpipe export."""
import click


@click.command()
def export() -> int:
    """Later."""
    return 0
