"""Tables and text blocks as they are shown. Everything in a cell is cleaned here and taken literally."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from forewarn_collector.cli.text import clean, clean_lines

STYLES = {
    "critical": "bold red",
    "warning": "yellow",
    "watch": "cyan",
    "none": "green",
    "open": "bold",
    "parked": "red",
    "offline": "yellow",
}
DIM = "bright_black"


def fixed(header: str) -> Column:
    """Never folded: short words and dates."""
    return Column(header, no_wrap=True)


def right(header: str) -> Column:
    """Never folded, to the right: numbers."""
    return Column(header, no_wrap=True, justify="right")


def folding(header: str, least: int | None = None) -> Column:
    """Takes the space that is left and folds where there is not enough of it."""
    return Column(header, overflow="fold", min_width=least)


def table(*columns: Column, gap: int = 2) -> Table:
    return Table(*columns, box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")


def cell(text: object, style: str = "") -> Text:
    """One cell. Words that have a colour of their own (critical, parked, ...) get it."""
    shown = clean(str(text))
    return Text(shown, style=style or STYLES.get(shown, ""))


def heading(text: str) -> Text:
    return Text(f"\n{clean(text)}", style="bold")


def paragraph(text: str, indent: int = 2, style: str = "") -> RenderableType:
    return Padding(Text("\n".join(clean_lines(text)), style=style, overflow="fold"), (0, 0, 0, indent))


def numbered(items: Iterable[object]) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right")
    grid.add_column(overflow="fold")
    for place, item in enumerate(items, 1):
        grid.add_row(f"{place}.", Text("\n".join(clean_lines(str(item)))))
    return Padding(grid, (0, 0, 0, 2))


def pairs(rows: list[tuple[str, str]]) -> Table:
    """Names and what they are, without a header."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style=DIM)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(cell(name), Text("\n".join(clean_lines(value)), style=STYLES.get(value, "")))
    return grid
