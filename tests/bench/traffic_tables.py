"""The tables of docs/performance.md about traffic: rates, shares and queues instead of times. Pure."""

from collections.abc import Callable, Collection, Sequence
from statistics import fmean

from tests.bench.cases import case
from tests.bench.congestion import DCQCN, FLOWS, rest
from tests.bench.ecmp import PEER as FABRIC
from tests.bench.ecmp import QPS, WAYS, expected
from tests.bench.flows import AT_ONCE, FILLING, HOSTS
from tests.bench.markdown import ranged, table
from tests.bench.measure import Results, Series
from tests.bench.wire import HEARD, RECEIVING, ROUTERS, SCAPY, SENDING, SENT, SIZES

KILO, GIGA = 1e3, 1e9


def transmit(found: Sequence[Results]) -> str:
    """Who sends how many frames a second."""
    rows = []
    for variant, size in SENT.items():
        for each in _of(found, SENDING, variant):
            theirs = _rate(found, SCAPY, variant)
            times = f"{each.figure('rate') / theirs:,.0f}" if theirs else ""
            rates = ranged(each.figures("rate"), 1, KILO)
            bits = f"{each.figure('bit/s') / GIGA:.2f}"
            rows.append((str(size), each.peer, SENDING[each.peer][0], rates, bits, times))
    return table(("bytes of data", "", "each frame", "1,000 frames/s", "Gbit/s", "times `sendp` of a packet"), rows)


def receive(found: Sequence[Results]) -> str:
    """Who receives how many, and loses how many, while another process sends."""
    rows = []
    for variant, (size, pace) in HEARD.items():
        for each in _of(found, RECEIVING, variant):
            sent, heard = (ranged(each.figures(name), 1, KILO) for name in ("sent", "rate"))
            asked = f"{pace:,}" if pace else "all that it can"
            rows.append((str(size), asked, each.peer, sent, heard, ranged(each.figures("lost"), 0)))
    return table(("bytes of data", "sender's pace", "", "1,000 sent/s", "1,000 received/s", "lost"), rows)


def forwarding(found: Sequence[Results]) -> str:
    """What a line of routers carries, and how long a datagram takes there and back."""
    rows = []
    for variant, routers in ROUTERS.items():
        for each in (one for result in found for one in result.series if one.good and one.variant == variant):
            rates = [ranged(each.figures(f"rate {size}"), 0, KILO) for size in SIZES]
            hops = f"{each.figure(f'rate {SIZES[0]}') * (routers + 1) / KILO:,.0f}"
            trips = [ranged(each.figures(f"trip {name}"), 1) for name in ("least", "median", "99 %")]
            rows.append((str(routers), *rates, hops, *trips))
    head = ("routers", *(f"1,000 frames/s of {size}" for size in SIZES), f"1,000 cables/s of {SIZES[0]}")
    return table((*head, "least trip, µs", "median", "99 %"), rows)


def flows(found: Sequence[Results]) -> str:
    """How long fair rates take, and what goes before."""
    rows = []
    for variant, hosts in HOSTS.items():
        both = _of(found, (AT_ONCE, FILLING), variant)
        for each in both:
            times = f"{each.up / both[0].up:.0f}" if each is not both[0] else ""
            before = f"{sum(each.phases.values()):.2f}"
            counts = [f"{each.figure(name):,.0f}" for name in ("flows", "links")]
            solving = ranged([run.up for run in each.good], 3)
            rows.append((f"{hosts:,}", *counts, each.peer, solving, times, before, ranged(each.figures("rounds"), 0)))
    return table(("GPUs", "flows", "links", "", "solving, s", "times ours", "before that, s", "rounds"), rows)


def ecmp(found: Sequence[Results]) -> str:
    """What NICs get by how many queue pairs they have: seen, reckoned, and expected; means of all draws."""
    rows = []
    for result, variant in ((result, variant) for result in found for variant in WAYS):
        for each in _of([result], (FABRIC,), variant):
            for qps in QPS:
                seen, reckoned, fair, thrown = (
                    each.figures(f"{name} {qps}") for name in ("arrived", "reckoned", "fair", "thrown")
                )
                means = [f"{fmean(values):.3f}" if values else "" for values in (seen, reckoned, fair)]
                balls = f"{expected(case(each.case), WAYS[variant], qps):.3f}"
                rows.append((each.case, variant, str(qps), *means, balls, _spread(thrown)))
    head = ("fabric", "a way by", "queue pairs", "arrived", "reckoned on the ways taken", "max-min fair on those")
    return table((*head, "balls in bins", "thrown"), rows)


def dcqcn(found: Sequence[Results]) -> str:
    """Rates and queue of flows at a bottleneck, and where the fluid model rests."""
    rows = []
    for variant, count in FLOWS.items():
        for each in _of(found, (DCQCN,), variant):
            queue, marked = rest(count)
            seen = each.figure("queue")
            rates = f"{each.figure('least rate'):.1f}-{each.figure('largest rate'):.1f}"
            kept_up = sum(not doubts for doubts in each.figures("doubts"))
            lengths = (f"{seen / KILO:.0f} ± {each.figure('queue spread') / KILO:.0f}", f"{queue / KILO:.0f}")
            marks = (f"{each.figure('marked') * 100:.2f}", f"{marked * 100:.2f}")
            shares = (f"{each.figure('all rates'):.1f}", rates, f"{each.figure('fairness'):.3f}")
            behind, again = f"{each.figure('behind'):.1%}", ranged(each.figures("sent again"), 0)
            ok = f"{kept_up} of {len(each.good)}"
            rows.append((str(count), *shares, *lengths, f"{seen / queue:.2f}", *marks, again, behind, ok))
    head = (
        "flows",
        "Mbit/s",
        "of each",
        "Jain's index",
        "queue, kB",
        "fluid model",
        "ratio",
        "marked, %",
        "fluid model",
    )
    return table((*head, "sent again", "below its rate", "runs that kept up"), rows)


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.3f} ({min(values):.3f}-{max(values):.3f})" if values else ""


def _of(found: Sequence[Results], peers: Collection[str], variant: str) -> list[Series]:
    every = [each for result in found for each in result.series if each.good and each.variant == variant]
    return [each for each in every if each.peer in peers]


def _rate(found: Sequence[Results], peer: str, variant: str) -> float:
    return next((each.figure("rate") for each in _of(found, (peer,), variant)), 0.0)


TRAFFIC: dict[str, tuple[str, Callable[[Sequence[Results]], str]]] = {
    "transmit": ("wire", transmit),
    "receive": ("wire", receive),
    "forwarding": ("wire", forwarding),
    "ecmp": ("ecmp", ecmp),
    "dcqcn": ("dcqcn", dcqcn),
    "flows": ("flows", flows),
}
"""The tables by name, each with the suite that it is about."""
