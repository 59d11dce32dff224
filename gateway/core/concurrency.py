"""How many requests a backend may have at once, found out and not set.

The law is Gradient2's (Netflix concurrency-limits): as long as answers take about as long as they do when nothing
waits over there, the limit grows; where they take longer, it shrinks. A failure for want of room cuts it at once
(AIMD), for it says more than a slow answer does.

- The limit is changed once for as many answers as it lets be under way. What changing it does shows no sooner; more
  often, and it swings.
- How long answers take when nothing waits (the base) is the least mean of the windows of late. Gradient2 takes a long
  average, which under steady overload follows what it is to be compared with, so that the limit grows without end.
  Where overload leaves no such window, the limit is a third for one now and then (as Envoy's adaptive concurrency
  does), soon at first, since who starts under overload has never seen anything else.

- It begins low, and is doubled as long as answers take no longer for it, since a backend that has just come may have
  room for hundreds. Each doubling is judged by requests that were sent after it, so at most one is too much.

What is told must be the time that the backend took, from the last byte of the request to the first of the answer as
the socket saw them. Time in which our own loop was late would be blamed on the backend, and shed requests that it has
room for. The socket's clock is not exact to less than a few milliseconds, so that much is never a sign (Envoy's buffer
to the least round-trip time is the same): where answers take less than it, nothing is found out, and the limit grows.
"""

from collections import deque
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Tuning:
    """`tolerance` is how much slower than the base is no sign yet, and `grain` by how many seconds, `smoothing` what a
    new limit counts for, `window` the least of answers that a mean is of, `memory` the answers that the base is looked
    for in. With a limit of `look` times itself it looks after `first` answers, and then after twice as many each time,
    up to half of the memory. `backoff` is what a failure leaves of the limit."""

    initial: float = 20.0
    least: float = 1.0
    most: float = 1000.0
    tolerance: float = 1.5
    grain: float = 0.01
    smoothing: float = 0.5
    window: int = 10
    memory: int = 2000
    look: float = 1 / 3
    first: int = 100
    backoff: float = 0.9


class Concurrency:
    """The limit of one backend."""

    def __init__(self, tuning: Tuning | None = None) -> None:
        self.tuning = tuning or Tuning()
        self.limit = self.tuning.initial
        self.expected = 0.0  # seconds until an answer begins when nothing waits; 0 where nobody knows yet
        self._answers = 0
        self._means: deque[tuple[int, float]] = deque()  # of windows, the least first: when, and seconds
        self._sum, self._count, self._busiest = 0.0, 0, 0  # of this window
        self._cut = False  # in this window
        self._clean = 0  # after how many answers it last looked, or did not use half of the limit
        self._patience = self.tuning.first  # answers until it looks
        self._before = 0.0  # the limit before it looked; 0 while it does not
        self._starting = True
        self._unanswered = 0  # when the window ended
        self._skip = 0  # answers that do not count: what they waited for was under way before that

    @property
    def looking(self) -> bool:
        """Whether the limit is low for a moment, to see what answers take when nothing waits."""
        return bool(self._before)

    @property
    def known(self) -> float:
        """How much of the limit has been found to be there: no more than it began with while it is being doubled."""
        return self.tuning.initial if self._starting else self.limit

    def answered(self, seconds: float, in_flight: int, unanswered: int = 0) -> None:
        """An answer began after so long; `in_flight` were under way when it did, itself included, and so many of them
        `unanswered`."""
        if seconds <= 0:
            return
        self._answers += 1
        if self._skip:
            self._skip -= 1
            return
        self._sum, self._count = self._sum + seconds, self._count + 1
        self._busiest = max(self._busiest, in_flight)
        if self._count >= max(self.tuning.window, 0 if self._starting else self._busiest):
            self._unanswered = unanswered
            self._windowed(self._sum / self._count, self._busiest)
            self._sum, self._count, self._busiest, self._cut = 0.0, 0, 0, False

    def failed(self) -> None:
        """A request failed for want of room over there: refused, reset or out of time. Those of one window count once,
        for they have one cause."""
        self._starting = False
        if not self._cut:
            self._cut = True
            self._set(self.limit * self.tuning.backoff)

    def _windowed(self, mean: float, busiest: int) -> None:
        """So many answers took that long."""
        while self._means and self._means[-1][1] >= mean:  # it will never be the least again
            self._means.pop()
        self._means.append((self._answers, mean))
        while self._means[0][0] < self._answers - self.tuning.memory:
            self._means.popleft()
        self.expected = self._means[0][1]
        if self._before:
            self._set(self._before)
            self._before, self._clean = 0.0, self._answers
            return
        if busiest < (self.limit - 1 if self._starting else self.limit / 2):
            self._clean = self._answers
            return  # it was not tried, so nothing is known of more
        if not self._starting and self._answers - self._clean >= self._patience:
            self._patience = min(2 * self._patience, self.tuning.memory // 2)
            self._before, self._skip = self.limit, busiest
            self._set(self.limit * self.tuning.look)
            return
        gradient = min(max((self.tuning.tolerance * self.expected + self.tuning.grain) / mean, 0.5), 1.0)
        self._starting = self._starting and gradient == 1.0
        if self._starting:
            self._skip = self._unanswered
            self._set(2 * self.limit)
            return
        wanted = self.limit * gradient + sqrt(self.limit)
        self._set(self.limit + (wanted - self.limit) * self.tuning.smoothing)

    def _set(self, limit: float) -> None:
        self.limit = min(max(limit, self.tuning.least), self.tuning.most)
