"""What must be true of a fabric when it has converged: the oracle for check, ZTP, drift and chaos.

A plan is values only. `topologies.planning.plan` computes it from a `Fabric`, purely; equal fabrics give equal plans.
"""

from collections.abc import Mapping

from msgspec import Struct

from topologies.model import Endpoint, Role

IPV4, IPV6 = "ipv4", "ipv6"


class PlannedInterface(Struct, frozen=True):
    """One end of a cable. `addresses` in CIDR form, global ones only; link-local ones follow from `mac` (EUI-64)."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[str, ...]
    peer: Endpoint
    peer_mac: str
    peer_addresses: tuple[str, ...]
    rate_mbps: int | None = None


class PlannedSession(Struct, frozen=True):
    """One BGP session seen from one side.

    `neighbor` is what the configuration names: an address, or the interface of an unnumbered session (RFC 8950).
    """

    neighbor: str
    interface: str
    peer: str
    peer_asn: int
    peer_role: Role
    families: tuple[str, ...]
    bfd: bool
    passive: bool
    extended_nexthop: bool
    address: str | None = None  # the peer's address when numbered


class PlannedRoute(Struct, frozen=True):
    """A BGP route that must be in the kernel's table over exactly these interfaces (their number is its ECMP width)."""

    prefix: str
    interfaces: frozenset[str]
    origin: str  # the node that announces it


class StaticRoute(Struct, frozen=True):
    """A route that closlab itself puts in: a host's way into the fabric. `table` 254 is main."""

    prefix: str
    via: tuple[tuple[str, str], ...]  # (gateway, interface), several for ECMP
    table: int = 254


class SourceRule(Struct, frozen=True):
    """Traffic from `source` looks up `table` first (policy routing of hosts with several NICs)."""

    source: str
    table: int


class NodePlan(Struct, frozen=True):
    """Everything one node must end with."""

    name: str
    role: Role
    pod: int
    asn: int | None  # None: does not speak BGP; a host that `announces_services` does, and takes no routes
    router_id: str | None
    loopbacks: tuple[str, ...]  # CIDR, on lo
    announces: tuple[str, ...]  # prefixes that this node originates
    interfaces: tuple[PlannedInterface, ...]
    sessions: tuple[PlannedSession, ...]
    routes: tuple[PlannedRoute, ...]
    static_routes: tuple[StaticRoute, ...]
    source_rules: tuple[SourceRule, ...]
    hash_seed: int  # net.ipv4.fib_multipath_hash_seed; differs per switch, else a multi-tier fabric polarises
    probe_addresses: tuple[str, ...]  # the addresses (no prefix length) that the data-plane mesh uses for this node
    services: tuple[str, ...] = ()  # pools whose single addresses hosts announce and switches pass on, as they come

    @property
    def announces_services(self) -> bool:
        """Whether programs announce service addresses from here."""
        return self.role is Role.HOST and bool(self.services)

    @property
    def takes_routes(self) -> bool:
        """Whether it learns its ways by BGP."""
        return self.asn is not None and not self.announces_services

    @property
    def routing_sessions(self) -> tuple[PlannedSession, ...]:
        """The sessions that ways depend on: not those by which hosts announce service addresses."""
        if self.announces_services:
            return ()
        return tuple(each for each in self.sessions if not (self.services and each.peer_role is Role.HOST))


class Plan(Struct, frozen=True):
    """The whole fabric, planned. `nodes` keeps the fabric's order; `pinned_neighbours` asks for permanent neighbour
    entries on numbered links, because the kernel's neighbour table is shared by all namespaces and would overflow."""

    fabric: str
    ecmp: int
    nodes: Mapping[str, NodePlan]
    pinned_neighbours: bool

    @property
    def switches(self) -> tuple[str, ...]:
        """The nodes that others depend on for their ways, by name: all that speak BGP but the hosts."""
        return tuple(sorted(name for name, each in self.nodes.items() if each.sessions and each.role is not Role.HOST))

    @property
    def polarised(self) -> bool:
        """Whether its switches share one hash seed, on purpose."""
        seeds = [each.hash_seed for each in self.nodes.values() if each.role is not Role.HOST]
        return len(seeds) > 1 and len(set(seeds)) == 1
