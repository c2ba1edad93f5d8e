"""regpipe bench."""
import click


@click.command()
def bench() -> int:
    """Later."""
    return 0
