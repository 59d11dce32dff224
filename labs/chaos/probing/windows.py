"""What became of the probes: outages of each flow, and shares lost in short times. Pure."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from labs.chaos.model import Bin, Fidelity, Flow, Outage

WIDTH = 0.05  # seconds of a bin
MOST_BINS = 4000
NEVER = 0  # the arrival time of a probe that never came

Seen: TypeAlias = tuple[int, int, int]
"""A probe: its flow's number, when it was sent, and when it arrived, in nanoseconds."""


def outages(flows: Sequence[Flow], probes: Iterable[Seen]) -> tuple[Outage, ...]:
    """The outages of all flows by their begin, out of probes in the order of sending."""
    found: list[Outage] = []
    lost_since: dict[int, tuple[int, int]] = {}  # by flow: when its first lost probe was sent, and how many were lost
    for flow, sent, arrived in probes:
        begun, lost = lost_since.get(flow, (sent, 0))
        if arrived == NEVER:
            lost_since[flow] = (begun, lost + 1)
        elif lost:
            found.append(Outage(flows[flow], begun / 1e9, sent / 1e9, lost))
            del lost_since[flow]
    found += [Outage(flows[flow], begun / 1e9, None, lost) for flow, (begun, lost) in lost_since.items()]
    return tuple(sorted(found, key=lambda each: each.begun))


def width_for(duration: float) -> float:
    """Seconds of a bin for a run of so many: WIDTH, doubled until there are no more than MOST_BINS of a pair."""
    width = WIDTH
    while duration / width > MOST_BINS:
        width *= 2
    return width


def bins(flows: Sequence[Flow], probes: Iterable[Seen], *, width: float) -> tuple[Bin, ...]:
    """What was sent and lost between each two nodes, in times of `width` seconds."""
    counts: dict[tuple[int, str, str, str], list[int]] = {}
    step = round(width * 1e9)
    for number, sent, arrived in probes:
        flow = flows[number]
        key = (sent // step, flow.source, flow.target, flow.family)
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
