"""The faults that a scenario may name: one strict type each, told apart by the key `fault`. Values only.

A place is the name of a node, or of one end of a cable (NODE:INTERFACE, or NODE-NODE for the first cable between two);
`any leaf`, `any uplink` and the like leave the choice to the run's seed.
"""

from typing import Annotated, TypeAlias, get_args

from msgspec import Meta, Struct

from topologies.durations import Duration, Jump
from topologies.files.fabric import Name

Percent = Annotated[float, Meta(gt=0, le=100)]
Node = Annotated[str, Meta(description="A node's name, or `any leaf`, `any spine`, `any superspine`, `any host`.")]
Cable = Annotated[
    str, Meta(description="NODE:INTERFACE, NODE-NODE, `any uplink` (between switches) or `any host-link`.")
]
Host = Annotated[str, Meta(description="A host's name; empty for all that run the workload.")]
Daemon = Annotated[str, Meta(description="One of FRR's daemons, such as bgpd.")]


class Step(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, tag_field="fault"):
    """What every fault has: when it comes, counted from the proven steady state, and how long it lasts."""

    at: Duration
    lasts: Duration
    name: Name = ""


class LinkDown(Step, tag="link-down", frozen=True, kw_only=True):
    """One end of a cable is lowered: both ends lose their carrier."""

    link: Cable


class Flapping(Step, tag="flapping", frozen=True, kw_only=True):
    """A cable goes down and comes up again and again: `period` from one fall to the next, down for half of it."""

    link: Cable
    period: Duration


class OneWay(Step, tag="one-way", frozen=True, kw_only=True):
    """Nothing that leaves this end arrives, and everything that comes does: a transmitter that is dark but lit."""

    link: Cable


class Loss(Step, tag="loss", frozen=True, kw_only=True):
    """A share of the packets is lost, in both directions unless `one_way`."""

    link: Cable
    percent: Percent
    one_way: bool = False


class Corruption(Step, tag="corruption", frozen=True, kw_only=True):
    """A share of the packets has a bit turned over, in both directions unless `one_way`."""

    link: Cable
    percent: Percent
    one_way: bool = False


class Delay(Step, tag="delay", frozen=True, kw_only=True):
    """Packets wait, in both directions unless `one_way`; with a jitter they change places."""

    link: Cable
    delay: Duration
    jitter: Duration = "0ms"
    one_way: bool = False


class RateDrop(Step, tag="rate-drop", frozen=True, kw_only=True):
    """A cable carries less than it should, in both directions unless `one_way`."""

    link: Cable
    mbps: Annotated[float, Meta(gt=0, description="10^6 bit/s.")]
    one_way: bool = False


class WrongMarking(Step, tag="wrong-marking", frozen=True, kw_only=True):
    """What leaves this end is marked (ECN) by another law: from `kmin` bytes of backlog to `kmax`, with up to `pmax`
    percent. The cable must have a rate, for without one nothing waits."""

    link: Cable
    kmin: Annotated[int, Meta(ge=0)]
    kmax: Annotated[int, Meta(ge=1)]
    pmax: Percent


class SlowReceiver(Step, tag="slow-receiver", frozen=True, kw_only=True):
    """A host's NIC takes a share of its cable's rate, and pauses its switch for the rest of the time (priority flow
    control). The cable must have a rate."""

    link: Cable
    takes: Annotated[float, Meta(ge=1, le=99, description="Percent of the rate.")]


class MtuMismatch(Step, tag="mtu-mismatch", frozen=True, kw_only=True):
    """One end of a cable takes smaller packets than the other."""

    link: Cable
    mtu: Annotated[int, Meta(ge=1280, le=65535, description="Bytes; IPv6 needs 1280 (RFC 8200).")]


class SwappedCables(Step, tag="swapped-cables", frozen=True, kw_only=True):
    """Two cables of one node change places at its ports, as after a visit to the rack."""

    node: Node
    interfaces: tuple[str, str]


class LossyRail(Step, tag="lossy-rail", frozen=True, kw_only=True):
    """All cables of one rail's leaves lose a share of their packets."""

    rail: Annotated[int, Meta(ge=1)]
    percent: Percent


class SwitchDead(Step, tag="switch-dead", frozen=True, kw_only=True):
    """A node loses its power: every process dies, its neighbours lose carrier. It boots at the end."""

    node: Node


class SwitchPaused(Step, tag="switch-paused", frozen=True, kw_only=True):
    """A node's processes stand still while its links stay up and its kernel forwards: a grey failure."""

    node: Node


class PowerCut(Step, tag="power-cut", frozen=True, kw_only=True):
    """Several nodes lose their power at once: a leaf and its hosts, a plane of spines, or nodes by name."""

    rack: str = ""
    plane: Annotated[int, Meta(ge=0)] = 0
    nodes: tuple[str, ...] = ()


class ManagementCut(Step, tag="management-cut", frozen=True, kw_only=True):
    """The management network of a node is cut at its switch, of several `nodes`, or of all where neither is said: no
    SSH, HTTP or DHCP comes through. The data plane is not touched."""

    node: Annotated[str, Meta(description="As elsewhere; empty where `nodes` says it, or where all are cut.")] = ""
    nodes: tuple[str, ...] = ()


class Drained(Step, tag="drained", frozen=True, kw_only=True):
    """No fault but maintenance: a switch is drained as `closlab drain` does it, and taken back into service."""

    node: Node


class DaemonKilled(Step, tag="daemon-killed", frozen=True, kw_only=True):
    """A daemon gets SIGKILL; it is started again at the end."""

    node: Node
    daemon: Daemon = "bgpd"


class DaemonHung(Step, tag="daemon-hung", frozen=True, kw_only=True):
    """A daemon is stopped where it stands (SIGSTOP) and goes on at the end."""

    node: Node
    daemon: Daemon = "bgpd"


class ClockJump(Step, tag="clock-jump", frozen=True, kw_only=True):
    """The time of day of a switch's daemons jumps, forward or back, and jumps back at the end. Their monotonic clock
    goes on, as it does when NTP sets a clock."""

    node: Node
    by: Jump


class DaemonReconfigured(Step, tag="daemon-reconfigured", frozen=True, kw_only=True):
    """A daemon is restarted with a line of its file changed: `find` becomes `put`, everywhere in it."""

    node: Node
    find: Annotated[str, Meta(min_length=1)]
    put: str
    daemon: Daemon = "bgpd"


class WrongAsn(Step, tag="wrong-asn", frozen=True, kw_only=True):
    """A node expects another AS number of a peer than the peer has."""

    node: Node
    peer: str


class WrongPolicy(Step, tag="wrong-policy", frozen=True, kw_only=True):
    """A node announces nothing any more, while all its sessions stay up: its outgoing filters refuse everything."""

    node: Node


class LeakedPrefix(Step, tag="leaked-prefix", frozen=True, kw_only=True):
    """A node announces a prefix of the hosts' pool that is nobody's; with `past_filter` its filter lets it through."""

    node: Node
    prefix: str = ""
    past_filter: bool = True


class BlackHole(Step, tag="black-hole", frozen=True, kw_only=True):
    """A node eats what goes to another's prefixes, while its routes and sessions are right."""

    node: Node
    to: str


class WrongStatic(Step, tag="wrong-static", frozen=True, kw_only=True):
    """A static route, better than BGP's, sends what goes to a node's prefixes out of the wrong interface."""

    node: Node
    to: str
    interface: str


class AclDrop(Step, tag="acl-drop", frozen=True, kw_only=True):
    """A filter drops what is forwarded to a node's prefixes, or RoCEv2 packets to one queue pair."""

    node: Node
    to: str = ""
    queue_pair: Annotated[int, Meta(ge=0, le=0xFFFFFF)] = 0


class DuplicateAddress(Step, tag="duplicate-address", frozen=True, kw_only=True):
    """A switch takes the first address of another node for its own."""

    node: Node
    of: str


class PolarisedHash(Step, tag="polarised-hash", frozen=True, kw_only=True):
    """All switches choose among equal ways by the same hash, so those of one tier leave ways of the next empty."""


class WorkloadKilled(Step, tag="workload-killed", frozen=True, kw_only=True):
    """A program of a workload gets SIGKILL on a host, or on all that run it; it is started again at the end."""

    workload: str
    host: Host = ""


class WorkloadStopped(Step, tag="workload-stopped", frozen=True, kw_only=True):
    """No fault but maintenance: a program is asked to end, by its own signal; it is started again at the end."""

    workload: str
    host: Host = ""


class WorkloadHung(Step, tag="workload-hung", frozen=True, kw_only=True):
    """A program stands still (SIGSTOP), its connections stay open; it goes on at the end."""

    workload: str
    host: Host = ""


class Surge(Step, tag="surge", frozen=True, kw_only=True):
    """There are so many times as many requests of one kind."""

    requests: str
    times: Annotated[float, Meta(gt=1, le=1000)]


AnyFault: TypeAlias = (
    LinkDown
    | Flapping
    | OneWay
    | Loss
    | Corruption
    | Delay
    | RateDrop
    | WrongMarking
    | SlowReceiver
    | MtuMismatch
    | SwappedCables
    | LossyRail
    | SwitchDead
    | SwitchPaused
    | PowerCut
    | ManagementCut
    | Drained
    | DaemonKilled
    | DaemonHung
    | DaemonReconfigured
    | ClockJump
    | WrongAsn
    | WrongPolicy
    | LeakedPrefix
    | BlackHole
    | WrongStatic
    | AclDrop
    | DuplicateAddress
    | PolarisedHash
    | WorkloadKilled
    | WorkloadStopped
    | WorkloadHung
    | Surge
)
FAULTS: dict[str, type[AnyFault]] = {each.__struct_config__.tag: each for each in get_args(AnyFault)}
"""All faults by the name that a file gives them."""
