"""The nouns of a fabric: switches and hosts, the cables between them, and how the underlay is meant to route.

All values are frozen. A `Fabric` says what is wanted; `topologies.plan` says what must follow from it.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from msgspec import Struct

from topologies.balancing.model import Balance

if TYPE_CHECKING:
    from topologies.impairments.model import Impairment
    from topologies.workloads.model import Workload

SERVICES4, SERVICES6 = IPv4Network("10.32.0.0/16"), IPv6Network("fdc1:5:1ab:2::/64")  # service addresses by default


class Role(StrEnum):
    """What a node is for. The order of TIERS is the order of the fabric, from the hosts up."""

    HOST = "host"
    LEAF = "leaf"
    SPINE = "spine"
    SUPERSPINE = "superspine"


TIERS: tuple[Role, ...] = (Role.HOST, Role.LEAF, Role.SPINE, Role.SUPERSPINE)


class Numbering(StrEnum):
    """How links between switches are addressed."""

    UNNUMBERED = "unnumbered"  # IPv6 link-local only, IPv4 routes with IPv6 next hops (RFC 8950)
    NUMBERED = "numbered"  # /31 (RFC 3021) and /127 (RFC 6164)


class Attachment(StrEnum):
    """How a host joins the fabric."""

    STATIC = "static"  # the leaf announces the host subnet, the host has default routes
    BGP = "bgp"  # the host runs BGP and announces its own loopback


class Node(Struct, frozen=True):
    """One switch or host. `pod` is 0 for what belongs to no pod; `index` counts from 1 within role and pod."""

    name: str
    role: Role
    pod: int
    index: int
    rail: int = 0  # rail-optimised designs: the rail that a leaf serves, else 0
    plane: int = 0  # three-tier designs: the plane of a spine or super-spine, else 0


class Endpoint(Struct, frozen=True, order=True):
    """One end of a cable: an interface of a node."""

    node: str
    interface: str

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}"


class Link(Struct, frozen=True):
    """One cable; `a` is the end in the lower tier. `mtu` in bytes, `rate_mbps` in 10^6 bit/s (None: not limited)."""

    a: Endpoint
    b: Endpoint
    mtu: int
    rate_mbps: int | None = None

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        """Both ends, the lower tier first."""
        return (self.a, self.b)


class Pools(Struct, frozen=True):
    """Where addresses come from. Each pool is cut by tier and index, so that appending a leaf renumbers nothing."""

    loopbacks4: IPv4Network
    loopbacks6: IPv6Network
    links4: IPv4Network
    links6: IPv6Network
    hosts4: IPv4Network
    hosts6: IPv6Network
    services4: IPv4Network = SERVICES4
    services6: IPv6Network = SERVICES6


class Underlay(Struct, frozen=True):
    """How the fabric routes: eBGP everywhere (RFC 7938)."""

    numbering: Numbering
    ipv4: bool
    ipv6: bool
    bfd: bool
    ecmp: int  # most next hops that a route may use
    hosts: Attachment
    asn_base: int  # first of the four-byte private range in use (RFC 6996)
    pools: Pools
    services: bool = False  # whether hosts announce service addresses
    balance: Balance = Balance()  # how switches choose among paths of equal cost


class Fabric(Struct, frozen=True, dict=True):
    """A whole fabric as wanted: nodes in a fixed order, cables in a fixed order, and the underlay."""

    name: str
    design: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    underlay: Underlay
    image: str = ""
    impairments: tuple[tuple[Endpoint, "Impairment"], ...] = ()  # of what leaves these ends
    workloads: tuple["Workload", ...] = ()  # what runs on hosts

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Each node under its name."""
        return {node.name: node for node in self.nodes}
