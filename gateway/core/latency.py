"""How long answers take to begin, as quantiles of late: a histogram of buckets that are each 5 % wider than the one
before, so a quantile is known to 5 %, whatever its size. Every so often all counts are halved: what was long ago weighs
less."""

from math import log

FIRST, WIDER = 1e-4, 1.05  # seconds of the first bucket, and how much wider each next one is
BUCKETS = 340  # up to about half an hour
FULL = 4096.0  # answers after which all counts are halved
_STEP = log(WIDER)


class Latencies:
    """Of one model."""

    def __init__(self) -> None:
        self._counts = [0.0] * BUCKETS
        self.known = 0.0  # answers, the older ones counted less

    def add(self, seconds: float) -> None:
        """An answer began after so long."""
        self._counts[min(max(int(log(max(seconds, FIRST) / FIRST) / _STEP), 0), BUCKETS - 1)] += 1
        self.known += 1
        if self.known >= FULL:
            self._counts = [each / 2 for each in self._counts]
            self.known /= 2

    def quantile(self, share: float) -> float:
        """The time within which this share of answers began; infinity where none is known."""
        left = self.known * share
        for number, count in enumerate(self._counts):
            left -= count
            if left <= 0 and count:
                return float(FIRST * WIDER ** (number + 1))
        return float("inf")
