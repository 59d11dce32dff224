"""A bucket of tokens that fills at a rate: how requests and tokens a minute are held to. It may go into debt, for what
a request really used is only known at its end."""

from collections.abc import MutableSequence
from dataclasses import dataclass, field

MISSING, AT, CAPACITY = range(3)


@dataclass(slots=True, eq=False)
class Bucket:
    """Three of a row of numbers, from `place` on: how much is missing, at which moment that was so, and how much it
    holds, which is what it gets in a minute. What is missing is more than that while there is a debt."""

    cells: MutableSequence[float] = field(default_factory=lambda: [0.0] * 3)
    place: int = 0

    @classmethod
    def full(cls, per_minute: float, now: float) -> "Bucket":
        """A bucket of its own that holds what is allowed in a minute."""
        return cls([0.0, now, per_minute])

    @property
    def capacity(self) -> float:
        """What it holds, and gets in a minute."""
        return self.cells[self.place + CAPACITY]

    def has(self, amount: float, now: float) -> bool:
        """Whether so much may be taken; more than it holds may be once it is full, for nobody could ever ask else. Of
        one that never holds anything nothing may."""
        return self._allows(amount, self._missing(now))

    def taken(self, amount: float, now: float) -> bool:
        """Take so much if it may be taken; whether it was."""
        missing = self._missing(now)
        if not self._allows(amount, missing):
            return False
        self._set(missing + amount, now)
        return True

    def take(self, amount: float, now: float) -> None:
        """Take so much, wherever that leads."""
        self._set(self._missing(now) + amount, now)

    def give(self, amount: float, now: float) -> None:
        """Give back what was not used after all."""
        self._set(max(self._missing(now) - amount, 0.0), now)

    def told(self, now: float) -> tuple[float, float, float]:
        """How much it holds, how much may be taken, and the seconds until it is full."""
        capacity, missing = self.cells[self.place + CAPACITY], self._missing(now)
        return capacity, max(capacity - missing, 0.0), missing / capacity * 60 if capacity else 0.0

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much may be taken if nobody takes any before; infinity where nothing comes in."""
        capacity = self.capacity
        if not capacity:
            return float("inf") if amount else 0.0
        short = min(amount, capacity) - capacity + self._missing(now)
        return short / capacity * 60 if short > 0 else 0.0

    def left(self, now: float) -> float:
        """How much may be taken; 0 while there is a debt."""
        return max(self.capacity - self._missing(now), 0.0)

    def change(self, per_minute: float, now: float) -> None:
        """Another limit from now on, whichever process says it first: no more is there than was, and debts stay."""
        capacity, missing = self.capacity, self._missing(now)
        if per_minute == capacity:
            return
        self.cells[self.place + CAPACITY] = per_minute
        self._set(max(per_minute - capacity + missing, 0.0) if capacity else missing, now)

    def _allows(self, amount: float, missing: float) -> bool:
        capacity = self.cells[self.place + CAPACITY]
        left = capacity - missing
        return (left >= amount or left >= capacity) and (capacity > 0 or not amount)

    def _missing(self, now: float) -> float:
        cells, place = self.cells, self.place
        missing = cells[place]
        if missing <= 0.0:
            return 0.0
        passed = now - cells[place + AT]
        if passed > 0:  # a clock that was set back brings nothing
            missing -= passed * cells[place + CAPACITY] / 60
        return missing if missing > 0.0 else 0.0

    def _set(self, missing: float, now: float) -> None:
        cells, place = self.cells, self.place
        cells[place + MISSING] = missing
        cells[place + AT] = max(cells[place + AT], now)
