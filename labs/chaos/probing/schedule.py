"""When probes are due, and how well that was kept. Pure.

Probe n is due n / rate after the begin. Who gets the processor too late sends what was due in the last CATCH_UP, and
skips what is older: a burst would say nothing about the time in which it should have been sent.
"""

from collections import Counter

from msgspec import Struct

from labs.chaos.model import Fidelity

CATCH_UP = 8_000_000  # nanoseconds
SECOND = 1_000_000_000
_DIGITS = 7  # binary digits to which lateness is kept: within 1 %


class Portion(Struct, frozen=True):
    """The probes to send now, from `first` to before `end`. `late`: how many nanoseconds ago the first one that was
    not sent was due; None where none is due. `skipped`: how many of them are too old."""

    first: int
    end: int
    late: int | None
    skipped: int


def portion(elapsed: int, done: int, rate: int) -> Portion:
    """What to send `elapsed` nanoseconds after the begin, at a rate a second, when `done` were sent or skipped."""
    end = elapsed * rate // SECOND + 1
    if end <= done:
        return Portion(done, done, None, 0)
    first = max(done, end - max(rate * CATCH_UP // SECOND, 1))
    return Portion(first, end, elapsed - done * SECOND // rate, first - done)


class Lateness:
    """How late each time was, in so little memory that it may be for ever."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._worst = 0
        self.skipped = 0

    def note(self, part: Portion) -> None:
        """Enter one time of sending."""
        if part.late is not None:
            self._counts[_rounded(part.late)] += 1
            self._worst = max(self._worst, part.late)
            self.skipped += part.skipped

    def quantile(self, share: float) -> float:
        """Seconds that so large a share of times was at most late; 0 of none."""
        rank, passed = share * self._counts.total(), 0
        for late in sorted(self._counts):
            passed += self._counts[late]
            if passed > rank or passed == self._counts.total():
                return late / SECOND
        return 0.0

    def fidelity(self, *, interval: float, left_out: int) -> Fidelity:
        """The verdict of a run."""
        worst = self._worst / SECOND
        return Fidelity(interval, self.quantile(0.5), self.quantile(0.99), worst, self.skipped, left_out)


def _rounded(late: int) -> int:
    spare = max(late.bit_length() - _DIGITS, 0)
    return late >> spare << spare
