"""What came of a load, as a table or as JSON."""

import sys

from rich.console import Console
from rich.table import Table

from gateway.load.model import Result, Spread
from gateway.reports import WIDE, as_json

TRUSTED = 0.01  # seconds that requests may go out late, 99 of 100, before the load is doubted


def printed(result: Result, *, json: bool) -> None:
    """Print it on stdout."""
    if json:
        as_json(result)
        return
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    fates = ", ".join(f"{number:,} {name}" for name, number in result.fates.items())
    console.print(f"{result.requests:,} requests, {result.offered:,.1f} a second: {fates or 'none'}")
    console.print(f"goodput {result.goodput:,.1f} answers and {result.tokens:,.1f} tokens of answers a second")
    if result.whys:
        console.print("not answered: " + ", ".join(f"{number:,} x {why}" for why, number in result.whys.items()))
    table = Table("from when it was due", "p50", "p90", "p99", "p99.9", "most")
    table.add_row("until its answer began", *_cells(result.first))
    table.add_row("until it ended", *_cells(result.took))
    table.add_row("until it went out", *_cells(result.lateness))
    console.print(table)
    if result.lateness.p99 > TRUSTED:
        console.print("doubtful: this machine did not send requests when they were due")


def _cells(spread: Spread) -> tuple[str, ...]:
    values = (spread.p50, spread.p90, spread.p99, spread.p999, spread.most)
    return tuple(f"{value * 1000:,.1f} ms" for value in values)
