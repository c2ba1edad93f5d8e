"""regpipe data."""
import click


@click.command()
def data() -> int:
    """Later."""
    return 0
