"""What became of the probes: outages of each flow, and shares lost in short times. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from labs.chaos.model import Bin, Fidelity, Flow, Outage

WIDTH = 0.05  # seconds of a bin
NEVER = 0  # the arrival time of a probe that never came


def outages(flows: Sequence[Flow], probes: Sequence[tuple[int, int, int]]) -> tuple[Outage, ...]:
    """The outages of all flows by their begin. A probe is its flow's number, when it was sent, and when it arrived, in
    nanoseconds; they come in the order of sending."""
    of_flow: dict[int, list[tuple[int, int]]] = {}
    for flow, sent, arrived in probes:
        of_flow.setdefault(flow, []).append((sent, arrived))
    found = [each for number, seen in of_flow.items() for each in _gaps(flows[number], seen)]
    return tuple(sorted(found, key=lambda each: each.begun))


def bins(
    flows: Sequence[Flow], probes: Sequence[tuple[int, int, int]], *, zero: int, width: float = WIDTH
) -> tuple[Bin, ...]:
    """What was sent and lost between each two nodes, in times of `width` seconds that begin at `zero` nanoseconds."""
    counts: dict[tuple[int, str, str, str], list[int]] = {}
    step = round(width * 1e9)
    for number, sent, arrived in probes:
        flow = flows[number]
        key = ((sent - zero) // step, flow.source, flow.target, flow.family)
        count = counts.setdefault(key, [0, 0])
        count[0] += 1
        count[1] += arrived == NEVER
    return tuple(
        Bin(source, target, family, at * width, sent, lost)
        for (at, source, target, family), (sent, lost) in sorted(counts.items())
    )


def fidelity(late: Sequence[int], *, interval: float, unsent: int, left_out: int) -> Fidelity:
    """How well the prober kept its times; `late` in nanoseconds, one each time that it sent."""
    ordered = sorted(late) or [0]

    def quantile(share: float) -> float:
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1e9

    return Fidelity(interval, quantile(0.5), quantile(0.99), ordered[-1] / 1e9, unsent, left_out)


def _gaps(flow: Flow, seen: Sequence[tuple[int, int]]) -> Iterator[Outage]:
    begun, lost = 0, 0
    for came, group in groupby(seen, key=lambda probe: probe[1] != NEVER):
        probes = list(group)
        if not came:
            begun, lost = probes[0][0], len(probes)
        elif lost:
            yield Outage(flow, begun / 1e9, probes[0][0] / 1e9, lost)
            lost = 0
    if lost:
        yield Outage(flow, begun / 1e9, None, lost)
