"""Where a tenant's account is kept: a row of numbers, which several processes may have before them at once.

    requests (3), tokens (3)   two buckets: what is missing, when that was so, and how much each holds
    spent, own                 money in millionths: with other gateways or before this one began, and with this one
    running, held (2)          of each process: requests under way, and the money that is reserved for them

A row of noughts is the account of a tenant that has used nothing yet. Whoever changes more than its own part, or reads
what it then changes, does so while it has the lock. What one process holds is in a column of its own, so that it can be
struck out when that process is gone.
"""

from collections.abc import MutableSequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

REQUESTS, TOKENS, SPENT, OWN, COLUMNS, WIDTH = 0, 3, 6, 7, 8, 2


@dataclass(slots=True, eq=False)
class Page:
    """One tenant's row; `column` is this process's own."""

    cells: MutableSequence[float] = field(default_factory=lambda: [0.0] * size(1))
    lock: AbstractContextManager[object] = field(default_factory=nullcontext)
    column: int = 0

    @property
    def spent(self) -> float:
        """Money that is gone, with whomever."""
        return self.cells[SPENT] + self.cells[OWN]

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


class Pages(Protocol):
    """The accounts of all tenants."""

    def __call__(self, tenant: str) -> Page:
        """The page of a tenant, always the same."""


class OwnPages:
    """Those of a gateway that is one process."""

    def __init__(self) -> None:
        self._pages: dict[str, Page] = {}

    def __call__(self, tenant: str) -> Page:
        """The page of a tenant; a new one where it has none."""
        return self._pages.setdefault(tenant, Page())


def size(columns: int) -> int:
    """How many numbers a row has for so many processes."""
    return COLUMNS + WIDTH * columns
