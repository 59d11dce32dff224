"""The mesh of probes as a process of its own: it sends on time, hears what comes, and says at the end what was lost.

A probe is a datagram with the run's mark and its own number. Sending carries it through all kernels on its way within
the same call, so it is heard a moment later; an arrival is known to TICK. Where the process gets the processor too
late, the probes that were due are skipped, not sent in a burst: nobody knows of their time, and they are counted.
"""

import os
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from labs.chaos.model import Flow, ProbeLog
from labs.chaos.probing import windows
from labs.chaos.probing.layout import SMALL, Layout
from labs.chaos.probing.sockets import Sockets
from topologies.aside import Held, lasting
from topologies.errors import Fault, Mistake
from topologies.runtime.door import enter
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store

TICK = 0.001  # seconds between two looks at what is due and what has come
BURST = 8  # ticks' worth of probes that are sent at once after a late tick; what is older is skipped
FOLLOW = 0.05  # seconds between two looks at whether nodes came back
WARM = 20.0  # seconds that the first probes may take until each flow has had one through
STRAGGLERS = 0.1  # seconds that the last probes are listened for
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
    """A function that opens sockets anew for nodes that were started again, by the lab's record on disk."""
    seen = 0

    def follow() -> None:
        nonlocal seen
        with suppress(OSError, Fault, Mistake):  # written this moment, or the lab is on its way down: look again later
            changed = at.written(record.name)
            if changed != seen:
                sockets.follow(at.read(record.name))
                seen = changed

    return follow


class _Prober:
    """The schedule and its book."""

    def __init__(self, flows: tuple[Flow, ...], sockets: Sockets, rate: int) -> None:
        self._flows, self._sockets, self._rate = flows, sockets, rate
        self._mark = os.urandom(_MARK)
        self._padding = [bytes(flow.size - SMALL) for flow in flows]
        self._flow, self._sent, self._arrived = array("i"), array("q"), array("q")
        self._late = array("q")
        self._unsent = 0
        self._begun = 0

    def warm_up(self) -> None:
        """Send to all until each flow has had a probe through; raises Fault with those that have not."""
        deadline = time.monotonic() + WARM
        missing = set(range(len(self._flows)))
        while missing:
            for number in missing:
                self._send(number)
            quiet = time.monotonic() + STRAGGLERS
            while missing and time.monotonic() < quiet:
                self._hear()
                missing -= {flow for flow, came in zip(self._flow, self._arrived, strict=True) if came}
                time.sleep(TICK)
            if time.monotonic() > deadline:
                raise Fault(f"no probe came through before anything was broken: {self._named(missing)}")
        self._flow, self._sent, self._arrived = array("i"), array("q"), array("q")

    def run(self, ended: Callable[[], bool], follow: Callable[[], None]) -> None:
        """Send on time until it is to end."""
        self._begun = time.monotonic_ns()
        done, step, looked = 0, 1e9 / self._rate, 0.0
        while not ended():
            now = time.monotonic_ns()
            due = int((now - self._begun) / step) + 1
            oldest = due - max(int(self._rate * TICK * BURST), 1)
            if oldest > done:
                self._unsent += oldest - done
                done = oldest
            if due > done:
                self._late.append(int(now - self._begun - done * step))
            for number in range(done, due):
                self._send(number % len(self._flows))
            done = due
            self._hear()
            if now / 1e9 - looked > FOLLOW:
                follow()
                looked = now / 1e9
            time.sleep(max(min(TICK, (self._begun + due * step - time.monotonic_ns()) / 1e9), 0))
        self._listen()

    def log(self, left_out: int) -> ProbeLog:
        """What was seen."""
        interval = len(self._flows) / self._rate
        width = windows.width_for((self._sent[-1] - self._sent[0]) / 1e9 if self._sent else 0)
        return ProbeLog(
            self._flows,
            windows.outages(self._flows, self._probes()),
            windows.bins(self._flows, self._probes(), width=width),
            width,
            windows.fidelity(self._late, interval=interval, unsent=self._unsent, left_out=left_out),
        )

    def _probes(self) -> Iterator[windows.Seen]:
        return zip(self._flow, self._sent, self._arrived, strict=True)

    def _send(self, number: int) -> None:
        probe = len(self._sent)
        self._flow.append(number)
        self._sent.append(time.monotonic_ns())
        self._arrived.append(windows.NEVER)
        self._sockets.send(number, self._mark + probe.to_bytes(SMALL - _MARK, "big") + self._padding[number])

    def _hear(self) -> None:
        now = time.monotonic_ns()
        for data in self._sockets.heard():
            probe = int.from_bytes(data[_MARK:], "big")
            if data[:_MARK] == self._mark and len(data) == SMALL and probe < len(self._arrived):
                self._arrived[probe] = now

    def _listen(self) -> None:
        end = time.monotonic() + STRAGGLERS
        while time.monotonic() < end:
            self._hear()
            time.sleep(TICK)

    def _named(self, missing: set[int]) -> str:
        pairs = dict.fromkeys(f"{self._flows[n].source} to {self._flows[n].target_address}" for n in sorted(missing))
        return ", ".join(list(pairs)[:5]) + (f" and {len(pairs) - 5} more" if len(pairs) > 5 else "")
