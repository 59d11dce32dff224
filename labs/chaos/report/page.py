"""A run as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from labs.chaos.judge import figure
from labs.chaos.model import Counted, Outage, Recording, Run
from labs.chaos.report import lanes
from labs.chaos.series import RATE, SECONDS
from labs.pictures import picture
from labs.requests.model import ANSWERED, RequestLog
from labs.traffic.endpoint.model import TrafficLog
from topologies import deploy
from topologies.lab import Veth
from topologies.render.graph.drawing import State, States

if TYPE_CHECKING:
    import jinja2

WORST = 20  # pairs in the table of outages
BUSIEST = 10  # interfaces in the table of what cables carried


class Job(Struct, frozen=True):
    """What became of one workload, in words where it has a unit."""

    name: str
    collective: str
    iterations: int
    median: str
    longest: str
    busbw: str
    transfer: str
    again: int
    timeouts: int
    naks: int
    cnps: int
    late: str
    refused: int
    doubts: tuple[str, ...]
    dilation: str


class Asked(Struct, frozen=True):
    """What came of the requests of one kind, in words where it has a unit; `lost` names what was not answered."""

    name: str
    requests: int
    answered: int
    lost: str
    first: str
    median: str
    slowest: str
    late: str


class Pair(Struct, frozen=True):
    """What two nodes felt: how many flows had outages and how many there were, the longest in words, and what share of
    the probes was lost."""

    source: str
    target: str
    family: str
    flows: int
    outages: int
    longest: str
    lost: str


class Port(Struct, frozen=True):
    """What an interface sent, in words where it has a unit, and the packets that were dropped there or had errors."""

    name: str
    peer: str
    mean: str
    most: str
    queued: str
    dropped: int
    errors: int


def page(run: Run) -> str:
    """The whole page."""
    recording = run.recording
    scale = lanes.scale_of(recording)
    return _template().render(
        run=run,
        recording=recording,
        failed=[each for each in run.verdicts if not each.holds],
        sent=sum(each.sent for each in recording.probes.bins),
        lost=sum(each.lost for each in recording.probes.bins),
        pairs=pairs(recording),
        jobs=[job(each) for each in recording.traffic],
        asked=asked(recording.requests),
        ports=ports(recording),
        lanes=lanes,
        scale=scale,
        fabric=_fabric(run),
        figure=lambda value: figure(value, SECONDS),
    )


def job(log: TrafficLog) -> Job:
    """The row of one workload."""
    times = sorted(each.ended - each.begun for each in log.iterations)
    speeds = sorted(each.busbw * 8 for each in log.iterations)
    spent = sorted(each.seconds for each in log.transfers)
    return Job(
        name=log.wanted.name,
        collective=log.wanted.collective,
        iterations=len(times),
        median=figure(times[len(times) // 2], SECONDS) if times else "",
        longest=figure(times[-1], SECONDS) if times else "",
        busbw=figure(speeds[len(speeds) // 2], RATE) if speeds else "",
        transfer=figure(spent[len(spent) * 99 // 100], SECONDS) if spent else "",
        again=sum(each.data_frames_retransmitted for each in log.flows),
        timeouts=sum(each.timeouts for each in log.flows),
        naks=sum(each.nak_rx for each in log.flows),
        cnps=sum(each.cnp_rx for each in log.flows),
        late=figure(log.fidelity.late, SECONDS),
        refused=log.fidelity.refused,
        doubts=log.fidelity.doubts,
        dilation=f"{log.wanted.dilation:,.0f}",
    )


def asked(logs: Sequence[RequestLog]) -> list[Asked]:
    """A row for each kind of requests, from all hosts."""
    return [
        _asked(name, [each for each in logs if each.clients == name])
        for name in dict.fromkeys(each.clients for each in logs)
    ]


def _asked(name: str, logs: Sequence[RequestLog]) -> Asked:
    all = [each for log in logs for each in log.outcomes]
    well = [each for each in all if each.fate == ANSWERED]
    fates = Counter(each.fate for each in all if each.fate != ANSWERED)
    firsts, times = sorted(each.first for each in well), sorted(each.took for each in well)
    return Asked(
        name=name,
        requests=len(all),
        answered=len(well),
        lost=", ".join(f"{count} {fate}" for fate, count in fates.most_common()) or "none",
        first=figure(firsts[len(firsts) * 99 // 100], SECONDS) if firsts else "",
        median=figure(times[len(times) // 2], SECONDS) if times else "",
        slowest=figure(times[len(times) * 99 // 100], SECONDS) if times else "",
        late=figure(max(log.late_p99 for log in logs), SECONDS),
    )


def ports(recording: Recording) -> list[Port]:
    """The interfaces that dropped most, and then those that carried most; BUSIEST of them."""
    found = [each for each in recording.counted if each.samples]
    return [port(each) for each in sorted(found, key=_busy, reverse=True)[:BUSIEST]]


def port(counted: Counted) -> Port:
    """The row of one interface."""
    rates = [each.octets * 8 / each.seconds for each in counted.samples]
    octets, seconds = (sum(getattr(each, name) for each in counted.samples) for name in ("octets", "seconds"))
    return Port(
        name=f"{counted.node}:{counted.interface}",
        peer=counted.peer,
        mean=figure(octets * 8 / seconds, RATE),
        most=figure(max(rates), RATE),
        queued=f"{max(each.queued for each in counted.samples):,} bytes",
        dropped=sum(each.dropped for each in counted.samples),
        errors=sum(each.errors for each in counted.samples),
    )


def _busy(counted: Counted) -> tuple[int, int]:
    return sum(each.dropped for each in counted.samples), sum(each.octets for each in counted.samples)


def pairs(recording: Recording) -> list[Pair]:
    """The pairs that lost anything, the longest outage first, WORST at most."""
    found: dict[tuple[str, str, str], list[Outage]] = defaultdict(list)
    for outage in recording.probes.outages:
        found[outage.flow.source, outage.flow.target, outage.flow.family].append(outage)
    ranked = sorted(found.items(), key=lambda each: -max(_length(outage, recording) for outage in each[1]))
    return [_pair(key, outages, recording) for key, outages in ranked[:WORST]]


def _pair(key: tuple[str, str, str], outages: list[Outage], recording: Recording) -> Pair:
    bins = [each for each in recording.probes.bins if (each.source, each.target, each.family) == key]
    lost, sent = sum(each.lost for each in bins), sum(each.sent for each in bins)
    longest = figure(max(_length(each, recording) for each in outages), SECONDS)
    flows = len({each.flow.number for each in outages})
    return Pair(*key, flows, len(outages), longest, f"{lost / sent:.2%}" if sent else "")


def _length(outage: Outage, recording: Recording) -> float:
    return (recording.ended if outage.ended is None else outage.ended) - outage.begun


def _fabric(run: Run) -> str:
    """The fabric drawn, with what was hit."""
    lab = deploy.source_of(run.fabric_text, run.path).lab
    nodes = {node.name: State.DOWN if node.name in run.hit else State.UP for node in lab.nodes}
    whole = {str(link.a): State.UP for link in lab.links if isinstance(link, Veth)}
    return picture(lab, "svg", States(nodes, whole | {end: State.DOWN for end in run.hit if ":" in end}))


@cache
def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    return environment.get_template("page.html.j2")
