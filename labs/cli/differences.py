"""Differences as lines of text: a row each where the terminal is wide enough, else two. Pure."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

COLUMNS = ("NODE", "WHERE", "WHAT", "EXPECTED", "FOUND")

Row = tuple[str, str, str, str, str]


def table_width(rows: Sequence[Row]) -> int:
    """How wide their table is if nothing is folded, with two spaces between columns."""
    widths = _widths(rows)
    return sum(widths) + 2 * (len(widths) - 1)


def stacked(rows: Sequence[Row], width: int) -> Iterator[str]:
    """Each difference with what was expected and found below it; lines are folded between words only."""
    node, _, what, *_ = _widths(rows)
    below = " " * (node + 2)
    yield f"{'NODE':<{node}}  {'WHAT':<{what}}  WHERE"
    for name, where, kind, expected, found in rows:
        yield from _folded(where, width, f"{name:<{node}}  {kind:<{what}}  ", below)
        yield from _folded(f"expected {expected}, found {found}", width, below, below)


def _widths(rows: Sequence[Row]) -> list[int]:
    return [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]


def _folded(text: str, width: int, first: str, others: str) -> list[str]:
    """Lines of whole words; a word that is wider than the terminal stands alone."""
    return wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
