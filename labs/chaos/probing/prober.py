"""The mesh of probes as a process of its own: it sends on time, hears what comes, and says at the end what was lost.

A probe is a datagram with the run's mark and its own number. Sending carries it through all kernels on its way within
the same call, so it is heard a moment later. An outage counts from one sending to another, both known to microseconds;
that a probe came is known a TICK later at most, which shifts nothing.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from labs.chaos.model import Flow, ProbeLog
from labs.chaos.probing.book import LATEST, Book
from labs.chaos.probing.layout import SMALL, Layout
from labs.chaos.probing.schedule import SECOND, Lateness, portion
from labs.chaos.probing.sockets import Sockets
from topologies.aside import Held, lasting
from topologies.errors import Fault, Mistake
from topologies.runtime.door import enter
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store

TICK = 0.001  # seconds between two looks at what is due and what has come
FOLLOW = 50_000_000  # nanoseconds between two looks at whether nodes came back
WARM = 20.0  # seconds that the first probes may take until each flow has had one through
AGAIN = 0.1  # seconds after which first probes that have not come are sent again
_MARK = 8  # bytes of the run's mark in front of a probe's number


@contextmanager
def probing(record: LabRecord, layout: Layout, *, rate: int, at: Store) -> Iterator[Held[ProbeLog]]:
    """A prober that has seen every flow through once, and waits for `begin`; `result` ends it and returns its log.

    Call it while the process has one thread. Times are CLOCK_MONOTONIC's, in seconds.
    """
    enter(record)
    with lasting("prober", lambda: _ready(record, layout, rate, at)) as held:
        yield held


def _ready(record: LabRecord, layout: Layout, rate: int, at: Store) -> Callable[[Callable[[], bool]], ProbeLog]:
    sockets = Sockets(layout.flows)
    sockets.follow(record)
    prober = _Prober(layout.flows, sockets, rate)
    prober.warm_up()
    urgent()

    def work(ended: Callable[[], bool]) -> ProbeLog:
        prober.run(ended, _follower(record, at, sockets))
        return prober.log(layout.left_out)

    return work


def urgent() -> None:
    """Ask for the processor before others, where that is allowed: the prober needs little of it, but on time."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def _follower(record: LabRecord, at: Store, sockets: Sockets) -> Callable[[], None]:
    """A function that opens sockets anew for nodes that were started again, by the lab's record on disk, and once more
    where a node has started and does not have its addresses yet."""
    seen, latest = 0, record

    def follow() -> None:
        nonlocal seen, latest
        with suppress(OSError, Fault, Mistake):  # written this moment, or the lab is on its way down: look again later
            changed = at.written(record.name)
            if changed != seen:
                latest = at.read(record.name)
                sockets.follow(latest)
                seen = changed
            elif not sockets.whole:
                sockets.follow(latest)

    return follow


class _Prober:
    """The schedule and its book."""

    def __init__(self, flows: tuple[Flow, ...], sockets: Sockets, rate: int) -> None:
        self._flows, self._sockets, self._rate = flows, sockets, rate
        self._padding = [bytes(flow.size - SMALL) for flow in flows]
        self._mark = b""
        self._book, self._late = Book(flows), Lateness()

    def warm_up(self) -> None:
        """Send to all until each flow has had a probe through; raises Fault with those that have not."""
        deadline = time.monotonic() + WARM
        self._mark = os.urandom(_MARK)
        missing = set(range(len(self._flows)))
        while missing:
            for flow in missing:
                self._send(flow, flow)
            quiet = time.monotonic() + AGAIN
            while missing and time.monotonic() < quiet:
                missing.difference_update(self._heard())
                time.sleep(TICK)
            if missing and time.monotonic() > deadline:
                raise Fault(f"no probe came through before anything was broken: {self._named(missing)}")

    def run(self, ended: Callable[[], bool], follow: Callable[[], None]) -> None:
        """Send on time until it is to end."""
        self._mark = os.urandom(_MARK)  # what the first probes have still under way is not taken for later ones
        begun, done, looked = time.monotonic_ns(), 0, 0
        while not ended():
            now = time.monotonic_ns()
            part = portion(now - begun, done, self._rate)
            self._late.note(part)
            for number in range(part.first, part.end):
                flow = number % len(self._flows)
                self._send(flow, self._book.sent(flow, time.monotonic_ns()))
            done = part.end
            self._hear(now)
            if now - looked > FOLLOW:
                follow()
                looked = now
            left = begun / SECOND + done / self._rate - time.monotonic()
            time.sleep(max(min(TICK, left), 0))
        self._listen()

    def log(self, left_out: int) -> ProbeLog:
        """What was seen."""
        book = self._book
        fidelity = self._late.fidelity(interval=len(self._flows) / self._rate, left_out=left_out)
        return ProbeLog(self._flows, book.outages(), book.bins(), book.width, fidelity)

    def _send(self, flow: int, number: int) -> None:
        self._sockets.send(flow, self._mark + number.to_bytes(SMALL - _MARK, "big") + self._padding[flow])

    def _heard(self) -> Iterator[int]:
        """The numbers of the probes that came."""
        for data in self._sockets.heard():
            if data[:_MARK] == self._mark and len(data) == SMALL:
                yield int.from_bytes(data[_MARK:], "big")

    def _hear(self, now: int) -> None:
        for number in self._heard():
            self._book.arrived(number)
        self._book.decide(now)

    def _listen(self) -> None:
        """Wait for what is still under way."""
        end = time.monotonic_ns() + LATEST
        while self._book.waits and (now := time.monotonic_ns()) < end:
            self._hear(now)
            time.sleep(TICK)
        self._book.close()

    def _named(self, missing: set[int]) -> str:
        pairs = dict.fromkeys(f"{self._flows[n].source} to {self._flows[n].target_address}" for n in sorted(missing))
        return ", ".join(list(pairs)[:5]) + (f" and {len(pairs) - 5} more" if len(pairs) > 5 else "")
