"""Whether this process has time for one more request, asked before anything else of it is looked at.

An event loop that is late makes everything late, whatever the backends have room for. So how late it is, is taken as
it is, smoothed, and held against a bound; and how many requests there may be at all is bounded too, for each holds
memory.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bound of the loop's lag, in seconds, how long it is averaged over, and how many requests there may be."""

    lag: float = 0.1
    window: float = 0.5
    requests: int = 10_000


class Door:
    """The way in. Low classes are let in up to a part of the bounds, so that there is room for those above them."""

    PARTS = (1.0, 0.9, 0.75)  # of the bounds, by priority

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.lag = 0.0
        self.inside = 0
        self._at: float | None = None

    def ticked(self, lag: float, now: float) -> None:
        """The loop came round so much later than it was to."""
        passed = self.bounds.window if self._at is None else max(now - self._at, 0.0)
        part = min(passed / self.bounds.window, 1.0)
        self.lag += (lag - self.lag) * part
        self._at = now

    def may(self, priority: int) -> bool:
        """Whether one of this class may come in now."""
        part = self.PARTS[priority]
        return self.inside < self.bounds.requests * part and self.lag <= self.bounds.lag * part

    def entered(self) -> None:
        """One came in."""
        self.inside += 1

    def left(self) -> None:
        """One is through."""
        self.inside -= 1
