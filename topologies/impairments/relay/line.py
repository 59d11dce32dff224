"""Which packet leaves when: the law of netem (tc-netem(8)). Pure; times are nanoseconds, chance is an argument.

Each packet waits for the delay, more or less up to the jitter, drawn evenly, so that packets change places where one
waits longer than the next comes later. A share does not wait at all (reorder). A share is doubled, and the copy is
drawn for by itself.
"""

import heapq
from collections.abc import Callable, Iterator

from topologies.impairments.model import Impairment

MILLISECOND = 1_000_000
MOST = 64 << 20  # bytes that wait at most


class Line:
    """Packets that wait. `draw` gives numbers from 0 to below 1."""

    def __init__(self, wanted: Impairment, draw: Callable[[], float]) -> None:
        self._delay, self._jitter = wanted.delay_ms * MILLISECOND, wanted.jitter_ms * MILLISECOND
        self._early, self._twice = wanted.reorder_percent / 100, wanted.duplicate_percent / 100
        self._draw = draw
        self._heap: list[tuple[int, int, bytes]] = []
        self._count = self._held = 0

    @property
    def full(self) -> bool:
        """Whether it can take no more; who asks leaves packets where they are."""
        return self._held >= MOST

    def take(self, frame: bytes, now: int) -> None:
        """A packet that has come."""
        copies = 2 if self._twice and self._draw() < self._twice else 1
        for _ in range(copies):
            heapq.heappush(self._heap, (now + self._wait(), self._count, frame))
            self._count += 1
            self._held += len(frame)

    def due(self, now: int) -> Iterator[bytes]:
        """The packets whose time has come, in their order."""
        while self._heap and self._heap[0][0] <= now:
            _, _, frame = heapq.heappop(self._heap)
            self._held -= len(frame)
            yield frame

    def next_moment(self) -> int | None:
        """When the next one is due; None where none waits."""
        return self._heap[0][0] if self._heap else None

    def _wait(self) -> int:
        if self._early and self._draw() < self._early:
            return 0
        spread = (2 * self._draw() - 1) * self._jitter if self._jitter else 0.0
        return max(round(self._delay + spread), 0)
