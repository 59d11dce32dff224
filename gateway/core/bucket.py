"""A bucket of tokens that fills at a rate: how requests and tokens a minute are held to. It may go into debt, for what
a request really used is only known at its end."""

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """`rate` a second, up to `capacity`; full at first. `level` was true at `at`."""

    rate: float
    capacity: float
    level: float
    at: float

    @classmethod
    def full(cls, per_minute: float, now: float) -> "Bucket":
        """A bucket that holds what is allowed in a minute."""
        return cls(per_minute / 60, per_minute, per_minute, now)

    def has(self, amount: float, now: float) -> bool:
        """Whether so much may be taken; more than it holds may be once it is full, for nobody could ever ask else. Of
        one that never holds anything nothing may."""
        return self._filled(now) >= min(amount, self.capacity) and (self.capacity > 0 or not amount)

    def take(self, amount: float, now: float) -> None:
        """Take so much, wherever that leads."""
        self.level, self.at = self._filled(now) - amount, max(now, self.at)

    def give(self, amount: float, now: float) -> None:
        """Give back what was not used after all."""
        self.level, self.at = min(self._filled(now) + amount, self.capacity), max(now, self.at)

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much may be taken if nobody takes any before; infinity where nothing comes in."""
        if not self.capacity:
            return float("inf") if amount else 0.0
        missing = min(amount, self.capacity) - self._filled(now)
        return missing / self.rate if missing > 0 else 0.0

    def left(self, now: float) -> float:
        """How much may be taken; 0 while there is a debt."""
        return max(self._filled(now), 0.0)

    def change(self, per_minute: float, now: float) -> None:
        """Another limit from now on; debts stay."""
        level = self._filled(now)
        self.rate, self.capacity, self.at = per_minute / 60, per_minute, max(now, self.at)
        self.level = min(level, per_minute)

    def _filled(self, now: float) -> float:
        passed = max(now - self.at, 0.0)  # a clock that was set back brings nothing
        return min(self.level + passed * self.rate, self.capacity)
