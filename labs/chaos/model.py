"""What a scenario's run leaves behind: probes, events, episodes, and the verdicts on them. Values only.

All times are seconds. In a `Recording` they count from the moment at which the steady state was proven and probes had
begun; what was before is negative. The clock behind them is CLOCK_MONOTONIC, the same for all nodes of one machine.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from labs.requests.model import RequestLog
from labs.traffic.endpoint.model import TrafficLog
from telemetry.model import Difference


class Flow(Struct, frozen=True):
    """Probes from one node's address to another's, always by the same ports: by one path while routes stand still."""

    source: str
    target: str
    family: str  # ipv4 or ipv6
    number: int  # which of the flows between the two addresses
    source_address: str
    target_address: str
    size: int  # bytes of payload; that of the last flow between two addresses makes packets as large as the way takes


class Fidelity(Struct, frozen=True):
    """Whether the prober kept up. `interval`: between two probes of one flow; `late`: how far behind its schedule it
    sent, in seconds; `unsent`: probes that were skipped because it was too late for them: nobody knows of their time.
    `left_out`: flows that were not probed at all, so that the interval stays short."""

    interval: float
    late_p50: float
    late_p99: float
    late_worst: float
    unsent: int
    left_out: int


class Outage(Struct, frozen=True):
    """A time in which no probe of a flow arrived: from the first one lost to the first one after it that arrived.

    `ended` is None where none arrived any more. The true time may be an interval longer or shorter.
    """

    flow: Flow
    begun: float
    ended: float | None
    lost: int


class Bin(Struct, frozen=True):
    """How many probes were sent from one node to another within a short time, and how many of those were lost."""

    source: str
    target: str
    family: str
    begun: float
    sent: int
    lost: int


class ProbeLog(Struct, frozen=True):
    """What the mesh of probes saw. `width` is that of each bin, in seconds."""

    flows: tuple[Flow, ...]
    outages: tuple[Outage, ...]
    bins: tuple[Bin, ...]
    width: float
    fidelity: Fidelity


class Kind(StrEnum):
    """What an event is about."""

    BGP_UP = "bgp_up"
    BGP_DOWN = "bgp_down"
    BFD_UP = "bfd_up"
    BFD_DOWN = "bfd_down"
    ROUTE_ADDED = "route_added"
    ROUTE_REPLACED = "route_replaced"
    ROUTE_REMOVED = "route_removed"
    LEAKED = "leaked"  # a route came that no plan has


class Event(Struct, frozen=True):
    """Something that a node's daemon or kernel did. `subject` is a neighbour's node name, or a prefix."""

    at: float
    node: str
    kind: Kind
    subject: str


class Sampled(Struct, frozen=True, array_like=True):
    """What an interface did in a short time from `at` on: bytes and packets sent, packets dropped by it and by its
    queue, errors of both directions; and the bytes that waited in its queue at the end of it."""

    at: float
    seconds: float
    octets: int
    packets: int
    dropped: int
    errors: int
    queued: int


class Counted(Struct, frozen=True):
    """An interface's samples, in order; `peer` is the node at the other end of its cable."""

    node: str
    interface: str
    peer: str
    samples: tuple[Sampled, ...]


class Episode(Struct, frozen=True):
    """One fault as it went. `injected`: when it was begun; `effective`: when it was seen to have taken effect;
    `healing` and `healed`: the same for its end, None where it was never healed. `where` names the place hit."""

    name: str
    fault: str
    where: str
    injected: float
    effective: float
    healing: float | None = None
    healed: float | None = None


class Move(Struct, frozen=True):
    """One flow before a fault and right before its healing: whether anything on its way was hit, and whether it went
    another way at the end."""

    step: str
    at: float
    source: str
    target: str
    touched: bool
    changed: bool


class Recording(Struct, frozen=True):
    """A whole run. `differences`: what a check with its mesh found after all had been healed and had had its time.
    `missed`: what could not be followed, in words."""

    probes: ProbeLog
    events: tuple[Event, ...]
    episodes: tuple[Episode, ...]
    differences: tuple[Difference, ...]
    ended: float
    missed: tuple[str, ...] = ()
    traffic: tuple[TrafficLog, ...] = ()
    moves: tuple[Move, ...] = ()
    counted: tuple[Counted, ...] = ()
    requests: tuple[RequestLog, ...] = ()


class Verdict(Struct, frozen=True):
    """What became of one expectation. `measured` shows its figures in words; `why` is "" where it holds. `standing`: it
    is expected of every scenario."""

    expectation: str
    holds: bool
    measured: str
    why: str = ""
    standing: bool = False


class Run(Struct, frozen=True, kw_only=True):
    """Everything about one run of a scenario: what was asked, where it ran, what was seen, and the verdicts."""

    scenario: str
    about: str
    path: str
    seed: int
    red: bool  # whether it ran as its own proof changes it, and must fail
    runtime: str
    began: str  # ISO 8601
    versions: Mapping[str, str]
    fabric_text: str
    phases: Mapping[str, float]  # seconds
    again: str  # the command that runs it once more
    hit: tuple[str, ...]  # nodes, and ends of cables, that faults were meant for
    recording: Recording
    verdicts: tuple[Verdict, ...]

    @property
    def green(self) -> bool:
        """Whether every expectation holds."""
        return all(each.holds for each in self.verdicts)

    @property
    def fine(self) -> bool:
        """Whether it went as it must: green, or, where it is its own proof, with an expectation of its own failed."""
        return any(not each.holds and not each.standing for each in self.verdicts) if self.red else self.green
