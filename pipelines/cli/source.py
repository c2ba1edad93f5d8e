"""regpipe source."""
import click


@click.command()
def source() -> int:
    """Later."""
    return 0
