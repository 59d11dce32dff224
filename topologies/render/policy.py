"""What each router may say to whom: a plan turned into peer groups and prefix filters, free of any daemon's words.

Two filters do all the work. OWN holds what a node originates, or its BGP hosts do: leaves and hosts announce nothing
else upwards, so no leaf ever becomes a way between two spines. FABRIC holds the fabric's address pools: what switches
pass on and accept. From a BGP host a leaf accepts only that host's own prefixes.

Service addresses come and go, and several hosts announce one. So all switches pass single addresses of their pools on,
and OWN needs a second mark there: the AS path, which at a leaf's own hosts is one ASN long. A host that announces them
accepts nothing, and a leaf tells it nothing.
"""

from collections.abc import Iterable
from ipaddress import ip_interface, ip_network

from msgspec import Struct

from topologies.model import TIERS, Fabric, Role
from topologies.plan import IPV4, IPV6, NodePlan, Plan, PlannedSession

OWN, FABRIC, SERVICES, NOTHING = "OWN", "FABRIC", "SERVICES", "NOTHING"
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
    """Peers that are treated alike. `accepts` and `announces` name filters; with `own_paths_in` or `own_paths_out`, the
    AS path must be one of the router's `own_paths` as well."""

    name: str
    families: tuple[str, ...]
    passive: bool
    bfd: bool
    extended_nexthop: bool
    accepts: str
    announces: str
    own_paths_in: bool = False
    own_paths_out: bool = False


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
    own_paths: tuple[str, ...] = ()  # AS paths of what comes from itself or from its hosts that announce services

    @property
    def bfd(self) -> bool:
        """Whether any session is watched by BFD."""
        return any(group.bfd for group in self.groups)


def router(fabric: Fabric, plan: Plan, node: NodePlan) -> Router | None:
    """What the routing daemon of a node must be told; None where the node does not speak BGP."""
    if node.asn is None or node.router_id is None:
        return None
    families = families_of(fabric)
    announcers = [s.peer for s in node.sessions if plan.nodes[s.peer].announces_services]
    peers = tuple(peer_of(node, session, with_services=session.peer in announcers) for session in node.sessions)
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
        own_paths=own_paths(plan, node, announcers) if node.role is Role.LEAF and node.services else (),
    )


def own_paths(plan: Plan, node: NodePlan, announcers: Iterable[str]) -> tuple[str, ...]:
    """The empty AS path, which is that of a router's own routes, and those of its hosts."""
    return ("", *dict.fromkeys(str(plan.nodes[name].asn) for name in announcers))


def families_of(fabric: Fabric) -> tuple[str, ...]:
    """The address families that the fabric routes."""
    return tuple(family for family, used in ((IPV4, fabric.underlay.ipv4), (IPV6, fabric.underlay.ipv6)) if used)


def of_family(prefixes: Iterable[str], family: str) -> tuple[str, ...]:
    """Those of the prefixes that belong to one address family."""
    return tuple(prefix for prefix in prefixes if (":" in prefix) == (family == IPV6))


def first_address(prefixes: Iterable[str], family: str) -> str:
    """The first address of a family without its length, "" when there is none."""
    return next((str(ip_interface(prefix).ip) for prefix in of_family(prefixes, family)), "")


def peer_of(node: NodePlan, session: PlannedSession, *, with_services: bool) -> Peer:
    """A planned session as the neighbour that the configuration names; `with_services`, a host that announces them."""
    group = service_group(node, session) if with_services or node.announces_services else group_of(node, session)
    return Peer(
        neighbor=session.neighbor,
        name=session.peer,
        asn=session.peer_asn,
        group=group,
        accepts=f"FROM-{session.peer}" if session.peer_role is Role.HOST and not with_services else group.accepts,
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


def service_group(node: NodePlan, session: PlannedSession) -> Group:
    """The peers alike to this one, which a host tells service addresses in one address family."""
    host = node.announces_services
    return Group(
        name=f"{PLURAL[session.peer_role]}{session.families[0].removeprefix('ipv')}",
        families=session.families,
        passive=session.passive,
        bfd=session.bfd,
        extended_nexthop=session.extended_nexthop,
        accepts=NOTHING if host else SERVICES,
        announces=SERVICES if host else NOTHING,
        own_paths_in=not host,
    )


def group_of(node: NodePlan, session: PlannedSession) -> Group:
    """The peers alike to this one."""
    tells_own = upwards(node.role, session.peer_role) and node.role in (Role.HOST, Role.LEAF)
    return Group(
        name=PLURAL[session.peer_role],
        families=session.families,
        passive=session.passive,
        bfd=session.bfd,
        extended_nexthop=session.extended_nexthop,
        accepts=FABRIC,
        announces=OWN if tells_own else FABRIC,
        own_paths_out=tells_own and bool(node.services),
    )


def upwards(role: Role, peer: Role) -> bool:
    """Whether the peer is in a higher tier."""
    return TIERS.index(peer) > TIERS.index(role)


def filters_of(fabric: Fabric, plan: Plan, node: NodePlan, families: tuple[str, ...]) -> Iterable[Filter]:
    """Every filter that the node's groups and peers name, per family."""
    beside = {s.peer: plan.nodes[s.peer] for s in node.sessions if s.peer_role is Role.HOST}
    hosts = {name: host for name, host in beside.items() if not host.announces_services}
    own = (*node.announces, *(prefix for host in hosts.values() for prefix in host.announces))
    for family in families:
        services = singles(node.services, family)
        if not node.announces_services:
            yield Filter(FABRIC, family, (*fabric_permits(fabric, family), *services))
            if node.role in (Role.HOST, Role.LEAF):
                yield Filter(OWN, family, (*exactly(own, family), *services))
        if node.announces_services or len(hosts) < len(beside):
            yield Filter(SERVICES, family, services)
            yield Filter(NOTHING, family, ())
        for name, host in hosts.items():
            yield Filter(f"FROM-{name}", family, exactly(host.announces, family))


def exactly(prefixes: Iterable[str], family: str) -> tuple[Permit, ...]:
    """These prefixes and no others; a default where there are none would permit all, so an empty list stays empty."""
    return tuple(Permit(prefix) for prefix in of_family(prefixes, family))


def singles(pools: Iterable[str], family: str) -> tuple[Permit, ...]:
    """Single addresses of these pools."""
    networks = [ip_network(pool) for pool in of_family(pools, family)]
    return tuple(
        Permit(str(pool), shortest=pool.max_prefixlen, longest=pool.max_prefixlen)
        if pool.num_addresses > 1
        else Permit(str(pool))  # FRR takes no range that the prefix has not
        for pool in networks
    )


def fabric_permits(fabric: Fabric, family: str) -> tuple[Permit, ...]:
    """The pools of a family: single loopbacks, and host subnets of any size."""
    pools = fabric.underlay.pools
    loopbacks, hosts = (pools.loopbacks4, pools.hosts4) if family == IPV4 else (pools.loopbacks6, pools.hosts6)
    whole = ip_network(loopbacks).max_prefixlen
    return (
        Permit(str(loopbacks), shortest=whole, longest=whole),
        Permit(str(hosts), longest=whole),
    )
