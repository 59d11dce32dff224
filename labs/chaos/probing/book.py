"""What became of the probes: outages of each flow, and shares lost in short times. Pure.

A probe is decided LATEST after it was sent, or when the book is closed: what has not come until then is lost. Decided
probes leave nothing but sums behind, so the book of an hour is hardly larger than that of a minute.
"""

from array import array
from collections.abc import Sequence
from operator import add

from labs.chaos.model import Bin, Flow, Outage

LATEST = 1_000_000_000  # nanoseconds; transports have given up on a packet long before
WIDTH = 50_000_000  # nanoseconds of a bin
MOST_BINS = 4000  # of a pair of nodes; beyond, bins become twice as wide
_FORGET = 4096  # decided probes that are forgotten at once


class Book:
    """The probes of a run, entered in the order of sending. Times are nanoseconds of one clock."""

    def __init__(self, flows: Sequence[Flow]) -> None:
        self._flows = flows
        self._first, self._decided = 0, 0  # the number of the first probe that is kept, and how many kept are decided
        self._flow, self._sent, self._came = array("i"), array("q"), bytearray()
        self._lost_since: dict[int, tuple[int, int]] = {}  # by flow: when its first lost probe was sent, how many since
        self._found: list[Outage] = []
        pairs = dict.fromkeys((flow.source, flow.target, flow.family) for flow in flows)
        self._pairs = list(pairs)
        numbers = {pair: number for number, pair in enumerate(pairs)}
        self._pair_of = [numbers[flow.source, flow.target, flow.family] for flow in flows]
        self._tally = Tally(len(pairs))

    def sent(self, flow: int, at: int) -> int:
        """Enter a probe of a flow; returns the probe's number."""
        self._flow.append(flow)
        self._sent.append(at)
        self._came.append(0)
        return self._first + len(self._sent) - 1

    def arrived(self, number: int) -> None:
        """A probe came; one that was lost already, came before, or was never sent changes nothing."""
        at = number - self._first
        if 0 <= at < len(self._came):
            self._came[at] = 1

    def decide(self, now: int) -> None:
        """Decide on all probes that were sent LATEST ago or earlier; call it after what came has been entered."""
        self._decide_until(now - LATEST)
        if self._decided >= _FORGET:
            del self._flow[: self._decided], self._sent[: self._decided], self._came[: self._decided]
            self._first, self._decided = self._first + self._decided, 0

    @property
    def waits(self) -> bool:
        """Whether a probe that is not decided has not come."""
        return self._came.find(0, self._decided) >= 0

    def close(self) -> None:
        """Decide on all that is left: nothing more will come."""
        if self._sent:
            self._decide_until(self._sent[-1])

    def outages(self) -> tuple[Outage, ...]:
        """Outages by their begin, from the first probe lost to the next of the flow that arrived."""
        lasting = [
            Outage(self._flows[flow], begun / 1e9, None, lost) for flow, (begun, lost) in self._lost_since.items()
        ]
        return tuple(sorted((*self._found, *lasting), key=lambda each: each.begun))

    def bins(self) -> tuple[Bin, ...]:
        """What was sent and lost between each two nodes, by time."""
        made = [Bin(*self._pairs[pair], at / 1e9, sent, lost) for pair, at, sent, lost in self._tally.counts()]
        return tuple(sorted(made, key=lambda each: (each.begun, each.source, each.target, each.family)))

    @property
    def width(self) -> float:
        """Seconds of a bin."""
        return self._tally.width / 1e9

    def _decide_until(self, last: int) -> None:
        """Decide on the probes that were sent at a time or before."""
        at, end = self._decided, len(self._sent)
        while at < end and self._sent[at] <= last:
            self._enter(self._flow[at], self._sent[at], lost=not self._came[at])
            at += 1
        self._decided = at

    def _enter(self, flow: int, sent: int, *, lost: bool) -> None:
        self._tally.count(self._pair_of[flow], sent, lost=lost)
        if lost:
            begun, so_far = self._lost_since.get(flow, (sent, 0))
            self._lost_since[flow] = (begun, so_far + 1)
        elif flow in self._lost_since:
            begun, so_far = self._lost_since.pop(flow)
            self._found.append(Outage(self._flows[flow], begun / 1e9, sent / 1e9, so_far))


class Tally:
    """Sent and lost of each pair in times of `width` nanoseconds, which doubles when there are more than MOST_BINS."""

    def __init__(self, pairs: int) -> None:
        self.width = WIDTH
        self._begin = -1  # the first bin, in widths since the clock's zero
        self._sent = [array("I") for _ in range(pairs)]
        self._lost = [array("I") for _ in range(pairs)]

    def count(self, pair: int, at: int, *, lost: bool) -> None:
        """Count a probe; never one from before the first."""
        if self._begin < 0:
            self._begin = at // self.width
        while (slot := at // self.width - self._begin) >= MOST_BINS:
            self._widen()
        missing = slot + 1 - len(self._sent[pair])
        if missing > 0:
            self._sent[pair].extend([0] * missing)
            self._lost[pair].extend([0] * missing)
        self._sent[pair][slot] += 1
        self._lost[pair][slot] += lost

    def counts(self) -> list[tuple[int, int, int, int]]:
        """Pair, begin in nanoseconds, sent and lost of every bin in which something was sent."""
        return [
            (pair, (self._begin + slot) * self.width, sent, lost)
            for pair, rows in enumerate(zip(self._sent, self._lost, strict=True))
            for slot, (sent, lost) in enumerate(zip(*rows, strict=True))
            if sent
        ]

    def _widen(self) -> None:
        """Make one bin of each two; they begin at even multiples of the former width."""
        odd = self._begin % 2
        self._sent = [_doubled(row, odd) for row in self._sent]
        self._lost = [_doubled(row, odd) for row in self._lost]
        self._begin, self.width = self._begin // 2, self.width * 2


def _doubled(row: "array[int]", odd: int) -> "array[int]":
    """The sums of each two, with as many zeros in front as `odd` says."""
    whole = array("I", [0] * odd) + row
    if len(whole) % 2:
        whole.append(0)
    return array("I", map(add, whole[::2], whole[1::2]))
