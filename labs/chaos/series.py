"""A recording as named series of samples: what expectations speak of. Pure.

A sample has a time, a value and labels. What a series means, in which unit, and which labels it has, stands in SERIES,
from which messages and the documentation are made.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import ceil, floor

from msgspec import Struct

from labs.chaos.model import Counted, Episode, Event, Kind, Recording
from labs.requests.model import ANSWERED, RequestLog
from labs.traffic.endpoint.model import TrafficLog

EXACT = 1e-6  # of a short time: what the sums of fractions may be wrong by
SECONDS, COUNT, RATE = "s", "", "bit/s"


class Sample(Struct, frozen=True):
    """One value at one time."""

    at: float
    value: float
    labels: Mapping[str, str]


class Described(Struct, frozen=True):
    """What a series is."""

    about: str
    unit: str
    labels: tuple[str, ...]


PAIR = ("source", "target", "family")
FLOW = ("workload", "source", "target")
PORT = ("node", "interface", "peer")
REQUEST = ("requests", "host")
STEP = 0.5  # seconds for which answers are counted together
SERIES: dict[str, Described] = {
    "outage": Described("how long a flow's probes were lost, at the first one lost", SECONDS, (*PAIR, "flow")),
    "sent": Described("probes sent, in short times", COUNT, PAIR),
    "lost": Described("probes lost, by when they were sent", COUNT, PAIR),
    "bgp_down": Described("1 for each BGP session that went down", COUNT, ("node", "peer")),
    "bgp_up": Described("1 for each BGP session that came up", COUNT, ("node", "peer")),
    "bfd_down": Described("1 for each BFD session that went down", COUNT, ("node", "peer")),
    "bfd_up": Described("1 for each BFD session that came up", COUNT, ("node", "peer")),
    "route_change": Described("1 for each route that a kernel was given or lost", COUNT, ("node", "prefix", "change")),
    "leaked": Described("1 for each route that came and that no plan has", COUNT, ("node", "prefix")),
    "reconvergence": Described(
        "from a fault, or from its healing, to the last route that changed for it", SECONDS, ("step", "edge")
    ),
    "moved": Described(
        "of each flow that a fault did not touch, 1 if it goes another way before the healing, else 0",
        COUNT,
        ("step", "source", "target"),
    ),
    "goodput": Described("bytes that were acknowledged, in short times", RATE, ("workload",)),
    "fct": Described("how long one transfer took until all of it was acknowledged, at its begin", SECONDS, FLOW),
    "iteration": Described("how long a workload's collective took, at its begin", SECONDS, ("workload",)),
    "busbw": Described("its bus bandwidth in NCCL's terms", RATE, ("workload",)),
    "retransmitted": Described("packets that queue pairs sent again, in all", COUNT, FLOW),
    "timeouts": Described("times that a queue pair waited in vain, in all", COUNT, FLOW),
    "naks": Described("refusals that queue pairs heard, in all", COUNT, FLOW),
    "cnps": Described("congestion notifications that queue pairs heard, in all", COUNT, FLOW),
    "psn_gap": Described("1 for each gap in the sequence numbers that a receiver saw, and refused", COUNT, FLOW),
    "carried": Described("bytes that an interface sent, in short times", RATE, PORT),
    "queued": Described("bytes that waited in an interface's queue, now and then", COUNT, PORT),
    "dropped": Described("packets that an interface or its queue dropped, in short times", COUNT, PORT),
    "errors": Described("packets that an interface had an error with, in short times", COUNT, PORT),
    "request": Described(
        "how long a request took from when it was due until its end, whatever that was",
        SECONDS,
        (*REQUEST, "fate", "why"),
    ),
    "first_byte": Described("of requests that were answered, how long until the answer began", SECONDS, REQUEST),
    "tries": Described("how often a request was asked", COUNT, (*REQUEST, "fate")),
    "answers": Described(f"requests a second that were due and answered, in times of {STEP:g} s", COUNT, ("requests",)),
    "difference": Described("1 for each thing that is not as planned at the end", COUNT, ("node", "what")),
}
"""Every series by name."""
_SESSIONS = {Kind.BGP_DOWN: "bgp_down", Kind.BGP_UP: "bgp_up", Kind.BFD_DOWN: "bfd_down", Kind.BFD_UP: "bfd_up"}
_CHANGES = {Kind.ROUTE_ADDED: "added", Kind.ROUTE_REPLACED: "replaced", Kind.ROUTE_REMOVED: "removed"}


def series(recording: Recording) -> dict[str, tuple[Sample, ...]]:
    """All samples of a recording by the name of their series; a series in which nothing happened is empty."""
    found: dict[str, list[Sample]] = {name: [] for name in SERIES}
    for name, sample in _samples(recording):
        found[name].append(sample)
    return {name: tuple(samples) for name, samples in found.items()}


def _samples(recording: Recording) -> Iterator[tuple[str, Sample]]:
    for outage in recording.probes.outages:
        flow, ended = outage.flow, recording.ended if outage.ended is None else outage.ended
        labels = {"source": flow.source, "target": flow.target, "family": flow.family, "flow": str(flow.number)}
        yield "outage", Sample(outage.begun, ended - outage.begun, labels)
    for each in recording.probes.bins:
        labels = {"source": each.source, "target": each.target, "family": each.family}
        yield "sent", Sample(each.begun, each.sent, labels)
        yield "lost", Sample(each.begun, each.lost, labels)
    for event in recording.events:
        yield from _of_event(event)
    for difference in recording.differences:
        labels = {"node": difference.node, "what": str(difference.what)}
        yield "difference", Sample(recording.ended, 1, labels)
    for move in recording.moves:
        if not move.touched:
            labels = {"step": move.step, "source": move.source, "target": move.target}
            yield "moved", Sample(move.at, float(move.changed), labels)
    for log in recording.traffic:
        yield from _of_traffic(log, recording.ended)
    for counted in recording.counted:
        yield from _of_interface(counted)
    yield from _of_requests(recording.requests)
    yield from _reconvergence(recording)


def _of_interface(counted: Counted) -> Iterator[tuple[str, Sample]]:
    """What an interface did; drops and errors only where there were any."""
    labels = {"node": counted.node, "interface": counted.interface, "peer": counted.peer}
    for each in counted.samples:
        yield "carried", Sample(each.at, each.octets * 8 / each.seconds, labels)
        yield "queued", Sample(each.at, each.queued, labels)
        if each.dropped:
            yield "dropped", Sample(each.at, each.dropped, labels)
        if each.errors:
            yield "errors", Sample(each.at, each.errors, labels)


def _of_traffic(log: TrafficLog, ended: float) -> Iterator[tuple[str, Sample]]:
    """What of a workload is a sample each."""
    named = {"workload": log.wanted.name}
    for begun, count in filled(log):
        yield "goodput", Sample(begun, count * 8 / log.width, named)
    for transfer in log.transfers:
        labels = {**named, "source": transfer.source, "target": transfer.target}
        yield "fct", Sample(transfer.begun, transfer.seconds, labels)
    for each in log.iterations:
        yield "iteration", Sample(each.begun, each.ended - each.begun, named)
        yield "busbw", Sample(each.begun, each.busbw * 8, named)
    for flow in log.flows:
        labels = {**named, "source": flow.source, "target": flow.target}
        yield "retransmitted", Sample(ended, flow.data_frames_retransmitted, labels)
        yield "timeouts", Sample(ended, flow.timeouts, labels)
        yield "naks", Sample(ended, flow.nak_rx, labels)
        yield "cnps", Sample(ended, flow.cnp_rx, labels)
    for gap in log.gaps:
        yield "psn_gap", Sample(gap.at, 1, {**named, "source": gap.source, "target": gap.target})


def _of_requests(logs: tuple[RequestLog, ...]) -> Iterator[tuple[str, Sample]]:
    """What came of each request, at when it was due; and how many were answered a second, also where none was."""
    for log in logs:
        host = {"requests": log.clients, "host": log.host}
        for each in log.outcomes:
            yield "request", Sample(each.at, each.took, {**host, "fate": each.fate, "why": each.why})
            yield "tries", Sample(each.at, each.tries, {**host, "fate": each.fate})
            if each.fate == ANSWERED:
                yield "first_byte", Sample(each.at, each.first, host)
    for name in dict.fromkeys(log.clients for log in logs):
        all = [each for log in logs if log.clients == name for each in log.outcomes]
        counts = Counter(floor(each.at / STEP) for each in all if each.fate == ANSWERED)
        times = [floor(each.at / STEP) for each in all]
        for number in range(min(times, default=0) + 1, max(times, default=0)):  # the first and the last are not whole
            yield "answers", Sample(number * STEP, counts[number] / STEP, {"requests": name})


def filled(log: TrafficLog) -> Iterator[tuple[float, int]]:
    """Bytes that were acknowledged in each short time that lies wholly within the workload's, also where there were
    none: a job that stands still is seen to."""
    first = log.moved[0].begun if log.moved else log.begun
    counts = {round((each.begun - first) / log.width): each.count for each in log.moved}
    start, stop = ceil((log.begun - first) / log.width - EXACT), floor((log.ended - first) / log.width + EXACT)
    for number in range(start, stop):
        yield first + number * log.width, counts.get(number, 0)


def _of_event(event: Event) -> Iterator[tuple[str, Sample]]:
    if event.kind in _SESSIONS:
        yield _SESSIONS[event.kind], Sample(event.at, 1, {"node": event.node, "peer": event.subject})
    elif event.kind is Kind.LEAKED:
        yield "leaked", Sample(event.at, 1, {"node": event.node, "prefix": event.subject})
    else:
        labels = {"node": event.node, "prefix": event.subject, "change": _CHANGES[event.kind]}
        yield "route_change", Sample(event.at, 1, labels)


def _reconvergence(recording: Recording) -> Iterator[tuple[str, Sample]]:
    """Each edge of each episode owns the route changes up to the next edge of any."""
    edges = sorted(_edges(recording.episodes))
    times = [event.at for event in recording.events if event.kind in _CHANGES]
    for (begun, step, edge), until in zip(edges, [*(each[0] for each in edges[1:]), recording.ended], strict=True):
        last = max((at for at in times if begun <= at < until), default=begun)
        yield "reconvergence", Sample(begun, last - begun, {"step": step, "edge": edge})


def _edges(episodes: tuple[Episode, ...]) -> Iterator[tuple[float, str, str]]:
    for episode in episodes:
        yield episode.injected, episode.name, "fault"
        if episode.healing is not None:
            yield episode.healing, episode.name, "heal"
