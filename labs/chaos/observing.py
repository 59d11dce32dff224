"""Prober and watcher together, for the time in which a lab is broken."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from labs.chaos.live import Live
from labs.chaos.model import Bin, Counted, Episode, Outage, ProbeLog, Recording
from labs.chaos.probing.layout import lay_out
from labs.chaos.probing.prober import probing
from labs.chaos.watching.watcher import Watched, watching
from labs.extras import equip
from labs.requests.model import Clients, RequestLog
from labs.requests.running import running as asking
from labs.traffic.endpoint.model import TrafficLog, Wanted
from telemetry.model import Difference
from topologies.aside import Held
from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.model import Role
from topologies.plan import Plan
from topologies.runtime.store import Store


class Observation:
    """What is being seen. `zero` is the moment of the monotonic clock from which a recording counts."""

    def __init__(
        self,
        prober: Held[ProbeLog],
        watcher: Held[Watched],
        traffic: "Held[tuple[TrafficLog, ...]] | None",
        clients: Sequence[Held[RequestLog]],
        zero: float,
    ) -> None:
        self.zero = zero
        self._prober, self._watcher, self._traffic, self._clients = prober, watcher, traffic, clients

    @property
    def now(self) -> float:
        """Seconds since `zero`."""
        return time.monotonic() - self.zero

    def end(self) -> Recording:
        """End it; the recording has no episodes yet, and nobody has compared the lab with its plan."""
        for each in self._clients:
            each.end()
        asked = tuple(asked_from(each.result(), self.zero) for each in self._clients)  # who waits for answers, has them
        ended = self.now
        self._prober.end()
        self._watcher.end()
        if self._traffic is not None:
            self._traffic.end()
        traffic = self._traffic.result() if self._traffic is not None else ()
        log, watched = self._prober.result(), self._watcher.result()
        events = tuple(replace(event, at=event.at - self.zero) for event in watched.events)
        moved = tuple(moved_by(each, self.zero) for each in traffic)
        counted = tuple(counted_from(each, self.zero) for each in watched.counted)
        return Recording(
            shifted(log, self.zero), events, (), (), ended, watched.missed, moved, counted=counted, requests=asked
        )


@contextmanager
def observing(
    live: Live,
    *,
    rate: int,
    flows: int,
    seed: int,
    lead: float,
    at: Store,
    wanted: Sequence[Wanted] = (),
    clients: Sequence[Clients] = (),
) -> Iterator[Observation]:
    """Probe and watch a lab, load it with what is wanted, and let clients ask; zero is `lead` seconds after the first
    probe.

    Raises Fault where a flow has no way.
    Call it while the process has one thread.
    """
    layout = lay_out(live.plan, rate=rate, flows=flows, seed=seed)
    with (
        probing(live.record, layout, rate=rate, at=at) as prober,
        watching(live.record, live.plan, at=at) as watcher,
        loading(live, wanted) as traffic,
        asking(live.record, clients) as asked,
    ):
        for each in asked:
            each.ready()
        prober.ready()
        watcher.ready()
        if traffic is not None:
            traffic.ready()
            traffic.begin()
        prober.begin()
        watcher.begin()
        for each in asked:
            each.begin()
        yield Observation(prober, watcher, traffic, asked, time.monotonic() + lead)


def refuse_traffic(wanted: Sequence[Wanted], plan: Plan) -> None:
    """Raise Mistake for workloads that cannot be on a fabric; where there are none, no more than the base is needed."""
    if not wanted:
        return
    equip(("numpy",), "labs")
    from labs.traffic.endpoint.placing import refuse_impossible

    for each in wanted:
        refuse_impossible(each, plan)


@contextmanager
def loading(live: Live, wanted: Sequence[Wanted]) -> "Iterator[Held[tuple[TrafficLog, ...]] | None]":
    """Workloads that wait to begin; None where there are none, which needs no more than the base of closlab."""
    if not wanted:
        yield None
        return
    from labs.traffic.endpoint.running import running

    with running(live.record, live.plan, wanted) as held:
        yield held


def refuse_requests(clients: Sequence[Clients], plan: Plan) -> None:
    """Raise Mistake for clients that are no hosts of a fabric; where there are some, closlab's gateway is needed."""
    if not clients:
        return
    equip(("aiohttp", "hdrh"), "gateway")
    hosts = [node.name for node in plan.nodes.values() if node.role is Role.HOST]
    for each in clients:
        for host in each.hosts:
            if host not in hosts:
                raise Mistake(
                    f"requests {each.name!r}: no host {host!r}{nearest(host, hosts)}; there are {', '.join(hosts)}"
                )


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


def counted_from(each: Counted, zero: float) -> Counted:
    """The same with all times counted from `zero`."""
    return replace(each, samples=tuple(replace(sample, at=sample.at - zero) for sample in each.samples))


def asked_from(log: RequestLog, zero: float) -> RequestLog:
    """The same with all times counted from `zero`."""
    return replace(log, outcomes=tuple(replace(each, at=each.at - zero) for each in log.outcomes))


def moved_by(log: TrafficLog, zero: float) -> TrafficLog:
    """The same with all times counted from `zero`."""
    iterations = tuple(replace(each, begun=each.begun - zero, ended=each.ended - zero) for each in log.iterations)
    transfers = tuple(replace(each, begun=each.begun - zero) for each in log.transfers)
    moved = tuple(replace(each, begun=each.begun - zero) for each in log.moved)
    gaps = tuple(replace(each, at=each.at - zero) for each in log.gaps)
    begun, ended = log.begun - zero, log.ended - zero
    return replace(log, begun=begun, ended=ended, iterations=iterations, transfers=transfers, moved=moved, gaps=gaps)
