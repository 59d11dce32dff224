"""What the user sees: tables and JSON on stdout, progress and remarks on stderr."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from labs.cli import Stopped

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from topologies.runtime.model import Say

JSON_VERSION = 1
WIDE = 10_000  # no line is ever wrapped where no terminal shows it
MARKS = {
    "running": "green",
    "up": "green",
    "yes": "green",
    "ok": "green",
    "ready": "green",
    "waiting": "yellow",
    "quarantined": "red",
    "creating": "yellow",
    "paused": "yellow",
    "down": "red",
    "dead": "red",
    "broken": "red",
    "no": "red",
    "unreadable": "red",
}


def remark(text: str) -> None:
    """A word to the user that is no result."""
    print(text, file=sys.stderr, flush=True)


def result(text: str) -> None:
    """A result as text."""
    try:
        print(text)
    except BrokenPipeError as error:
        raise Stopped(signal.SIGPIPE) from error


def verdict(text: str, *, good: bool) -> None:
    """The result that counts: green or red on a terminal."""
    colour = "\033[32m" if good else "\033[31m"
    result(f"{colour}{text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text)


def document(content: Mapping[str, object]) -> None:
    """A result as JSON, see docs/json.md."""
    import msgspec

    data = msgspec.json.encode({"version": JSON_VERSION, **content})
    result(msgspec.json.format(data, indent=2).decode())


def width() -> int:
    """How many characters of a line the reader sees; without a terminal there is no end to it."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, wrapped: int = 0) -> None:
    """Aligned columns; a state that is good or bad shows in its colour on a terminal.

    The last `wrapped` columns go over several lines where the terminal is too narrow, the others never.
    """
    _show(grid(columns, rows, wrapped=wrapped))


def grid(columns: Sequence[str], rows: Sequence[Sequence[str]], *, wrapped: int = 0) -> "Table":
    """What `table` shows, for a display that moves."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for at, column in enumerate(columns):
        grid.add_column(column, no_wrap=at < len(columns) - wrapped, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell, style=MARKS.get(cell, "")) for cell in row))
    return grid


def boxed(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in a frame, as containerlab draws its own."""
    from rich import box
    from rich.table import Table

    grid = Table(*columns, box=box.ROUNDED, show_lines=True)
    for row in rows:
        grid.add_row(*row)
    _show(grid)


def _show(grid: "Table") -> None:
    from rich.console import Console

    console = Console(width=width(), highlight=False)
    with console.capture() as captured:
        console.print(grid)
    result("\n".join(line.rstrip() for line in captured.get().splitlines()))


@contextmanager
def progress() -> "Iterator[Say]":
    """A `Say` that shows each phase: a bar on a terminal, else one line when a phase ends."""
    if not sys.stderr.isatty():
        yield plain
        return
    with (shown := bars()):
        yield advancing(shown, shown.refresh)


def bars() -> "Progress":
    """The bars of phases, for a display of their own or as a part of another."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<14}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
    # No refreshing thread: joining a user namespace is for processes with one thread only.
    return Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)


def advancing(shown: "Progress", refresh: Callable[[], None]) -> "Say":
    """A `Say` that moves bars, each added when its phase is first told of."""
    tasks: dict[str, TaskID] = {}

    def say(phase: str, done: int, total: int) -> None:
        if phase not in tasks:
            tasks[phase] = shown.add_task(phase, total=total)
        shown.update(tasks[phase], completed=done, total=total)
        refresh()

    return say


def plain(phase: str, done: int, total: int) -> None:
    """A phase that ended, as a line."""
    if done >= total:
        remark(f"{phase}: {done} of {total}")
