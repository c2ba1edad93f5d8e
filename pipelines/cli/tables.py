"""Tables on the terminal."""

from __future__ import annotations

from typing import Any


def show(rows: list[dict[str, Any]], heads: list[str]) -> None:
    """A table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0))
    for head in heads:
        table.add_column(
            head, justify="left" if head in ("object", "kind") else "right", header_style="dim", no_wrap=True
        )
    for row in rows:
        table.add_row(*(cell(row.get(head, "-")) for head in heads))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # into a file or a pipe nothing is cut
    console.print(table)


def cell(value: Any) -> str:
    """Shares with four digits after the point, larger numbers with one."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) < 2 else f"{value:.1f}"
