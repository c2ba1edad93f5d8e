"""regpipe status."""
import click


@click.command()
def status() -> int:
    """Later."""
    return 0
