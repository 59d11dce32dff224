"""Prober and watcher together, for the time in which a lab is broken."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from labs.chaos.live import Live
from labs.chaos.model import Bin, Episode, Outage, ProbeLog, Recording
from labs.chaos.probing.layout import lay_out
from labs.chaos.probing.prober import probing
from labs.chaos.watching.watcher import Watched, watching
from telemetry.model import Difference
from topologies.aside import Held
from topologies.runtime.store import Store


class Observation:
    """What is being seen. `zero` is the moment of the monotonic clock from which a recording counts."""

    def __init__(self, prober: Held[ProbeLog], watcher: Held[Watched], zero: float) -> None:
        self.zero = zero
        self._prober, self._watcher = prober, watcher

    @property
    def now(self) -> float:
        """Seconds since `zero`."""
        return time.monotonic() - self.zero

    def end(self) -> Recording:
        """End it; the recording has no episodes yet, and nobody has compared the lab with its plan."""
        ended = self.now
        self._prober.end()
        self._watcher.end()
        log, watched = self._prober.result(), self._watcher.result()
        events = tuple(replace(event, at=event.at - self.zero) for event in watched.events)
        return Recording(shifted(log, self.zero), events, (), (), ended, watched.missed)


@contextmanager
def observing(live: Live, *, rate: int, flows: int, seed: int, lead: float, at: Store) -> Iterator[Observation]:
    """Probe and watch a lab; zero is `lead` seconds after the first probe. Raises Fault where a flow has no way.

    Call it while the process has one thread.
    """
    layout = lay_out(live.plan, rate=rate, flows=flows, seed=seed)
    with (
        probing(live.record, layout, rate=rate, at=at) as prober,
        watching(live.record, live.plan, at=at) as watcher,
    ):
        prober.ready()
        watcher.ready()
        prober.begin()
        watcher.begin()
        yield Observation(prober, watcher, time.monotonic() + lead)


def completed(seen: Recording, episodes: tuple[Episode, ...], differences: tuple[Difference, ...]) -> Recording:
    """A recording with what was done to the lab, and with what differs from its plan afterwards."""
    return replace(seen, episodes=episodes, differences=differences)


def shifted(log: ProbeLog, zero: float) -> ProbeLog:
    """The same with all times counted from `zero`."""

    def outage(each: Outage) -> Outage:
        return replace(each, begun=each.begun - zero, ended=None if each.ended is None else each.ended - zero)

    def binned(each: Bin) -> Bin:
        return replace(each, begun=each.begun - zero)

    return replace(log, outages=tuple(map(outage, log.outages)), bins=tuple(map(binned, log.bins)))
