"""What a live fabric shows, and where it differs from its plan. Values only."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from topologies.model import Endpoint
from topologies.runtime.netlink_decode import KernelLink, KernelNeighbour, KernelRoute

ESTABLISHED = "Established"


class Session(Struct, frozen=True):
    """One BGP session as its daemon shows it. `neighbor` is an address, or an interface where unnumbered.

    The capabilities are the negotiated ones: announced by both sides. Times are in seconds. `prefixes` holds
    (family, accepted, sent).
    """

    neighbor: str
    peer_asn: int
    state: str
    router_id: str = ""  # the peer's, "" until it said so
    hostname: str = ""  # the peer's
    families: tuple[str, ...] = ()
    four_byte_asn: bool = False
    extended_nexthop: bool = False
    graceful_restart: bool = False
    hold: float = 0
    keepalive: float = 0
    prefixes: tuple[tuple[str, int, int], ...] = ()
    uptime: float = 0
    last_reset: str = ""
    admin_down: bool = False
    local_asn: int = 0

    @property
    def established(self) -> bool:
        """Whether routes can flow."""
        return self.state == ESTABLISHED


class BfdPeer(Struct, frozen=True):
    """One BFD session (RFC 5880); `interface` is "" where it is not bound to one."""

    peer: str
    interface: str
    status: str


class Service(StrEnum):
    """How far a router is out of service."""

    DRAINING = "draining"  # its routes are marked, its sessions are up
    DRAINED = "drained"  # its sessions are shut


class Out(Struct, frozen=True):
    """A router that is out of service on purpose. `since` is ISO 8601; it and `by` are "" where nobody wrote them."""

    service: Service
    since: str = ""
    by: str = ""

    def __str__(self) -> str:
        since = f" since {self.since}" if self.since else ""
        return f"{self.service}{since}{f' by {self.by}' if self.by else ''}"


class NodeFacts(Struct, frozen=True):
    """One node as it stands. `lacks` says what of it could not be asked: (daemon or "node", why).

    Of a paused node the daemons are not asked: it has no sessions to show, and lacks nothing for that.
    """

    name: str
    paused: bool = False
    links: Mapping[str, KernelLink] = field(default_factory=dict)
    addresses: tuple[tuple[str, str], ...] = ()  # (interface, CIDR), global and link-local ones
    routes: tuple[KernelRoute, ...] = ()
    neighbours: tuple[KernelNeighbour, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    sessions: Mapping[str, Session] = field(default_factory=dict)
    bfd: tuple[BfdPeer, ...] = ()
    cables: Mapping[str, Endpoint] = field(default_factory=dict)  # where each interface was seen to lead
    lacks: tuple[tuple[str, str], ...] = ()
    out: Out | None = None  # a router that is out of service on purpose, by its own configuration
    ended: str = ""  # the exit code of the node's own program, where that has ended and left one

    @property
    def names(self) -> dict[int, str]:
        """Interface names by index."""
        return {link.index: link.name for link in self.links.values()}


class What(StrEnum):
    """The kinds of difference."""

    NODE_DEAD = "node-dead"
    NODE_PAUSED = "node-paused"
    DRAINED = "drained"
    PROGRAM_ENDED = "program-ended"
    DAEMON_SILENT = "daemon-silent"
    LINK_MISSING = "link-missing"
    LINK_DOWN = "link-down"
    CABLE = "cable-swapped"
    CABLE_SILENT = "cable-silent"
    MTU = "mtu"
    MAC = "mac"
    ADDRESS_MISSING = "address-missing"
    ADDRESS_TWICE = "address-twice"
    NEIGHBOUR = "neighbour"
    FORWARDING = "forwarding"
    HASH_POLICY = "hash-policy"
    POLARISED = "polarised"
    UNEVEN = "uneven"
    SESSION_MISSING = "session-missing"
    SESSION_UNPLANNED = "session-unplanned"
    SESSION_DOWN = "session-down"
    ASN = "asn"
    ASN_TWICE = "asn-twice"
    PEER = "peer"
    CAPABILITY = "capability"
    BFD_DOWN = "bfd-down"
    ROUTE_MISSING = "route-missing"
    ROUTE_HOPS = "route-hops"
    ROUTE_UNPLANNED = "route-unplanned"
    ROUTE_BLACKHOLE = "route-blackhole"
    SERVICE_ORIGIN = "service-origin"
    SERVICE_WAYS = "service-ways"
    WORKLOAD_ENDED = "workload-ended"
    WORKLOAD_UNREADY = "workload-unready"
    LOST = "lost"


class Difference(Struct, frozen=True, order=True):
    """One thing that is not as it must be: on which node, of what, and what was found instead."""

    node: str
    subject: str
    what: What
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.node}: {self.subject}: {self.what}: expected {self.expected}, found {self.found}"
