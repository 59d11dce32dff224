"""What a scenario's run leaves behind: probes, events, episodes, and the verdicts on them. Values only.

All times are seconds. In a `Recording` they count from the moment at which the steady state was proven and probes had
begun; what was before is negative. The clock behind them is CLOCK_MONOTONIC, the same for all nodes of one machine.
"""

from enum import StrEnum

from msgspec import Struct

from telemetry.model import Difference


class Flow(Struct, frozen=True):
    """Probes from one node's address to another's, always by the same ports: by one path while routes stand still."""

    source: str
    target: str
    family: str  # ipv4 or ipv6
    number: int  # which of the flows between the two


class Probe(Struct, frozen=True):
    """One datagram: which flow it belongs to, when it was sent, and when it arrived (None: never)."""

    flow: int
    sent: float
    arrived: float | None


class Fidelity(Struct, frozen=True):
    """Whether the prober kept up: `late` is how far behind its schedule it sent, p50, p99 and worst, in seconds;
    `unsent` how many probes the machine did not get out at all; `interval` the time between two probes of one flow."""

    interval: float
    late_p50: float
    late_p99: float
    late_worst: float
    unsent: int


class ProbeLog(Struct, frozen=True):
    """All that the mesh of probes saw, in order of sending."""

    flows: tuple[Flow, ...]
    probes: tuple[Probe, ...]
    fidelity: Fidelity


class Outage(Struct, frozen=True):
    """A time in which no probe of a flow arrived: from the first one lost to the first one after it that arrived.

    `ended` is None where none arrived any more. The true time is shorter by up to two probe intervals.
    """

    flow: Flow
    begun: float
    ended: float | None
    lost: int


class Bin(Struct, frozen=True):
    """How many probes of a flow were sent within a short time, and how many of those were lost."""

    flow: Flow
    begun: float
    sent: int
    lost: int


class Kind(StrEnum):
    """What an event is about."""

    BGP_UP = "bgp_up"
    BGP_DOWN = "bgp_down"
    BFD_UP = "bfd_up"
    BFD_DOWN = "bfd_down"
    ROUTE_ADDED = "route_added"
    ROUTE_REPLACED = "route_replaced"
    ROUTE_REMOVED = "route_removed"


class Event(Struct, frozen=True):
    """Something that a node's daemon or kernel did. `subject` is a neighbour's node name, or a prefix."""

    at: float
    node: str
    kind: Kind
    subject: str


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


class Recording(Struct, frozen=True):
    """A whole run. `leaked`: routes seen in a kernel that no plan has, as (node, prefix). `differences`: what a check
    with its mesh found after all had been healed and had time to settle."""

    probes: ProbeLog
    events: tuple[Event, ...]
    episodes: tuple[Episode, ...]
    leaked: tuple[tuple[str, str], ...]
    differences: tuple[Difference, ...]
    ended: float


class Verdict(Struct, frozen=True):
    """What became of one expectation. `measured` shows its figures in words; `why` is "" where it holds."""

    expectation: str
    holds: bool
    measured: str
    why: str = ""
