"""What is over and not yet taken by whoever writes it. Bounded: what does not fit is left out, and counted."""

from collections.abc import Callable

from gateway.analytics.model import Row, row
from gateway.record import Done

MOST = 20_000


class Ring:
    """One worker's. `lost` is told how many were left out."""

    def __init__(self, lost: Callable[[int], None]) -> None:
        self._lost = lost
        self._waiting: list[Done] = []

    def over(self, done: Done) -> None:
        """A request is over."""
        if len(self._waiting) < MOST:
            self._waiting.append(done)
        else:
            self._lost(1)

    def taken(self) -> tuple[Row, ...]:
        """All that there is; it is here no longer."""
        waiting, self._waiting = self._waiting, []
        return tuple(map(row, waiting))

    def __len__(self) -> int:
        return len(self._waiting)
