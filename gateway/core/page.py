"""Where a tenant's account is kept: a row of numbers, which several processes may have before them at once.

    requests (3), tokens (3)   two buckets: what is missing, when that was so, and how much each holds
    spent                      money, in millionths
    running, held (2)          of each process: requests under way, and the money that is reserved for them

A row of noughts is the account of a tenant that has used nothing yet. Whoever changes more than its own part, or reads
what it then changes, does so while it has the lock. What one process holds is in a column of its own, so that it can be
struck out when that process is gone.
"""

from collections.abc import Callable, MutableSequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeAlias

REQUESTS, TOKENS, SPENT, COLUMNS, WIDTH = 0, 3, 6, 7, 2


@dataclass(slots=True, eq=False)
class Page:
    """One tenant's row; `column` is this process's own."""

    cells: MutableSequence[float] = field(default_factory=lambda: [0.0] * size(1))
    lock: AbstractContextManager[object] = field(default_factory=nullcontext)
    column: int = 0

    @property
    def running(self) -> int:
        """Requests under way, in all processes."""
        return int(sum(self.cells[COLUMNS::WIDTH]))

    @property
    def held(self) -> float:
        """Money that is reserved, in all processes."""
        return sum(self.cells[COLUMNS + 1 :: WIDTH])

    def begin(self, money: float) -> None:
        """One more request of this process, and what it may cost."""
        place = COLUMNS + WIDTH * self.column
        self.cells[place] += 1
        self.cells[place + 1] += money

    def end(self, money: float) -> None:
        """One less."""
        place = COLUMNS + WIDTH * self.column
        self.cells[place] -= 1
        self.cells[place + 1] = max(self.cells[place + 1] - money, 0.0)


Pages: TypeAlias = Callable[[str], Page]
"""The page of each tenant."""


def size(columns: int) -> int:
    """How many numbers a row has for so many processes."""
    return COLUMNS + WIDTH * columns
