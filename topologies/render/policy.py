"""What each router may say to whom: a plan turned into peer groups and prefix filters, free of any daemon's words.

Two filters do all the work. OWN holds what a node originates, or its BGP hosts do: leaves and hosts announce nothing
else upwards, so no leaf ever becomes a way between two spines. FABRIC holds the fabric's address pools: what switches
pass on and accept. From a BGP host a leaf accepts only that host's own prefixes.
"""

from collections.abc import Iterable
from ipaddress import ip_interface, ip_network

from msgspec import Struct

from topologies.model import TIERS, Fabric, Role
from topologies.plan import IPV4, IPV6, NodePlan, Plan, PlannedSession

OWN, FABRIC = "OWN", "FABRIC"
PLURAL = {Role.HOST: "HOSTS", Role.LEAF: "LEAVES", Role.SPINE: "SPINES", Role.SUPERSPINE: "SUPERSPINES"}


class Permit(Struct, frozen=True):
    """A prefix that a filter lets through; with `longest`, also its parts up to that length, from `shortest` on."""

    prefix: str
    shortest: int = 0
    longest: int = 0


class Filter(Struct, frozen=True):
    """A named list of permitted prefixes of one address family; all else is refused."""

    name: str
    family: str
    permits: tuple[Permit, ...]


class Group(Struct, frozen=True):
    """Peers that are treated alike. `accepts` and `announces` name filters."""

    name: str
    families: tuple[str, ...]
    passive: bool
    bfd: bool
    extended_nexthop: bool
    accepts: str
    announces: str


class Peer(Struct, frozen=True):
    """One neighbour and its group. `accepts` names a filter: the group's, or one of its own. `source` is the address to
    call from, "" where any will do."""

    neighbor: str
    name: str
    asn: int
    group: Group
    accepts: str
    by_interface: bool
    source: str


class Router(Struct, frozen=True):
    """All that a routing daemon must be told. Its own packets leave with `source4` or `source6`, its loopbacks."""

    name: str
    role: Role
    asn: int
    router_id: str
    ecmp: int
    originates: tuple[tuple[str, tuple[str, ...]], ...]  # (family, prefixes), families in use only
    source4: str
    source6: str
    filters: tuple[Filter, ...]
    groups: tuple[Group, ...]
    peers: tuple[Peer, ...]

    @property
    def bfd(self) -> bool:
        """Whether any session is watched by BFD."""
        return any(group.bfd for group in self.groups)


def router(fabric: Fabric, plan: Plan, node: NodePlan) -> Router | None:
    """What the routing daemon of a node must be told; None where the node does not speak BGP."""
    if node.asn is None or node.router_id is None:
        return None
    families = families_of(fabric)
    peers = tuple(peer_of(node, session) for session in node.sessions)
    return Router(
        name=node.name,
        role=node.role,
        asn=node.asn,
        router_id=node.router_id,
        ecmp=plan.ecmp,
        originates=tuple((family, of_family(node.announces, family)) for family in families),
        source4=first_address(node.loopbacks, IPV4),
        source6=first_address(node.loopbacks, IPV6),
        filters=tuple(filters_of(fabric, plan, node, families)),
        groups=tuple(dict.fromkeys(peer.group for peer in peers)),
        peers=peers,
    )


def families_of(fabric: Fabric) -> tuple[str, ...]:
    """The address families that the fabric routes."""
    return tuple(family for family, used in ((IPV4, fabric.underlay.ipv4), (IPV6, fabric.underlay.ipv6)) if used)


def of_family(prefixes: Iterable[str], family: str) -> tuple[str, ...]:
    """Those of the prefixes that belong to one address family."""
    return tuple(prefix for prefix in prefixes if (":" in prefix) == (family == IPV6))


def first_address(prefixes: Iterable[str], family: str) -> str:
    """The first address of a family without its length, "" when there is none."""
    return next((str(ip_interface(prefix).ip) for prefix in of_family(prefixes, family)), "")


def peer_of(node: NodePlan, session: PlannedSession) -> Peer:
    """A planned session as the neighbour that the configuration names."""
    group = group_of(node.role, session)
    return Peer(
        neighbor=session.neighbor,
        name=session.peer,
        asn=session.peer_asn,
        group=group,
        accepts=f"FROM-{session.peer}" if session.peer_role is Role.HOST else group.accepts,
        by_interface=session.neighbor == session.interface,
        source=own_address(node, session) if session.bfd else "",
    )


def own_address(node: NodePlan, session: PlannedSession) -> str:
    """The node's own end of a numbered session, "" for one by interface.

    BFD needs it said: FRR otherwise watches from no address until BGP is up, then from the one that BGP uses, and in
    between the far end sees BFD go down and resets the session.
    """
    if session.address is None:
        return ""
    addresses = next(each.addresses for each in node.interfaces if each.name == session.interface)
    return first_address(addresses, session.families[0])


def group_of(role: Role, session: PlannedSession) -> Group:
    """The peers alike to this one."""
    return Group(
        name=PLURAL[session.peer_role],
        families=session.families,
        passive=session.passive,
        bfd=session.bfd,
        extended_nexthop=session.extended_nexthop,
        accepts=FABRIC,
        announces=OWN if upwards(role, session.peer_role) and role in (Role.HOST, Role.LEAF) else FABRIC,
    )


def upwards(role: Role, peer: Role) -> bool:
    """Whether the peer is in a higher tier."""
    return TIERS.index(peer) > TIERS.index(role)


def filters_of(fabric: Fabric, plan: Plan, node: NodePlan, families: tuple[str, ...]) -> Iterable[Filter]:
    """Every filter that the node's groups and peers name, per family."""
    hosts = {s.peer: plan.nodes[s.peer] for s in node.sessions if s.peer_role is Role.HOST}
    own = (*node.announces, *(prefix for host in hosts.values() for prefix in host.announces))
    for family in families:
        yield Filter(FABRIC, family, fabric_permits(fabric, family))
        if node.role in (Role.HOST, Role.LEAF):
            yield Filter(OWN, family, exactly(own, family))
        for name, host in hosts.items():
            yield Filter(f"FROM-{name}", family, exactly(host.announces, family))


def exactly(prefixes: Iterable[str], family: str) -> tuple[Permit, ...]:
    """These prefixes and no others; a default where there are none would permit all, so an empty list stays empty."""
    return tuple(Permit(prefix) for prefix in of_family(prefixes, family))


def fabric_permits(fabric: Fabric, family: str) -> tuple[Permit, ...]:
    """The pools of a family: single loopbacks, and host subnets of any size."""
    pools = fabric.underlay.pools
    loopbacks, hosts = (pools.loopbacks4, pools.hosts4) if family == IPV4 else (pools.loopbacks6, pools.hosts6)
    whole = ip_network(loopbacks).max_prefixlen
    return (
        Permit(str(loopbacks), shortest=whole, longest=whole),
        Permit(str(hosts), longest=whole),
    )
