"""Fabric in, plan out: numbers, addresses, sessions and routes put together for every node."""

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct

from topologies.balancing.model import Mode
from topologies.errors import Mistake
from topologies.model import TIERS, Endpoint, Fabric, Link, Node, Numbering, Role, Underlay
from topologies.plan import NodePlan, Plan, PlannedInterface, PlannedRoute
from topologies.planning.addresses import Addresses, addresses
from topologies.planning.hosts import source_rules, static_routes
from topologies.planning.identity import ONE_SEED, asn_of, hash_seed_of, mac_of
from topologies.planning.pools import announces_services, complaints, speaks_bgp
from topologies.planning.routes import Speaker, ways_to
from topologies.planning.sessions import Peer, service_sessions, sessions

# The kernel begins to drop neighbour entries above gc_thresh2 (512) and refuses new ones at gc_thresh3 (1,024); both
# count the entries of all namespaces of a machine together, per address family. Permanent ones are not counted.
NEIGHBOURS_AT_EASE = 512


def plan(fabric: Fabric) -> Plan:
    """Everything that must be true when the fabric has converged.

    Raises Mistake where pools are too small or overlap, `ecmp` is too narrow, or what BGP does cannot be foretold.
    """
    for complaint in complaints(fabric):
        raise Mistake(f"fabric {fabric.name!r}: underlay.pools.{complaint.pool}: {complaint.text}")
    draft = _Draft(fabric, addresses(fabric), _macs(fabric))
    routes = _routes(draft)
    nodes = {node.name: _node(draft, node, tuple(routes[node.name])) for node in fabric.nodes}
    return Plan(fabric.name, fabric.underlay.ecmp, nodes, _crowded(fabric))


class _Draft(Struct, frozen=True, dict=True):
    """What is known of a fabric before its nodes are planned one by one."""

    fabric: Fabric
    addresses: Addresses
    macs: Mapping[Endpoint, str]

    @cached_property
    def cables(self) -> Mapping[str, tuple[tuple[Endpoint, Endpoint, Link], ...]]:
        """Each node's cables: own end, far end, link."""
        found: dict[str, list[tuple[Endpoint, Endpoint, Link]]] = {node.name: [] for node in self.fabric.nodes}
        for link in self.fabric.links:
            found[link.a.node].append((link.a, link.b, link))
            found[link.b.node].append((link.b, link.a, link))
        return {name: tuple(cables) for name, cables in found.items()}

    @cached_property
    def asns(self) -> Mapping[str, int]:
        """The ASN of every node that speaks BGP."""
        base = self.fabric.underlay.asn_base
        return {node.name: asn_of(node, base) for node in self.fabric.nodes if speaks_bgp(self.fabric, node)}

    @cached_property
    def announcers(self) -> Mapping[str, int]:
        """The ASN of every host that announces service addresses; it takes no routes, so it is none of the others."""
        base = self.fabric.underlay.asn_base
        return {node.name: asn_of(node, base) for node in self.fabric.nodes if announces_services(self.fabric, node)}

    def announces(self, node: Node) -> tuple[str, ...]:
        """What a node originates: its loopbacks, and a leaf the subnets of its static hosts."""
        if node.name not in self.asns:
            return ()
        static = any(far.node not in self.asns for _, far, _ in self.cables[node.name])
        return self.addresses.loopbacks[node.name] + (self.addresses.blocks[node.name] if static else ())


def _node(draft: _Draft, node: Node, routes: tuple[PlannedRoute, ...]) -> NodePlan:
    interfaces = tuple(_interface(draft, *cable) for cable in draft.cables[node.name])
    underlay, routing = draft.fabric.underlay, node.name in draft.asns
    loopbacks = draft.addresses.loopbacks.get(node.name, ())
    probed = loopbacks or tuple(address for interface in interfaces for address in interface.addresses)
    return NodePlan(
        name=node.name,
        role=node.role,
        pod=node.pod,
        asn=draft.asns.get(node.name, draft.announcers.get(node.name)),
        router_id=draft.addresses.router_ids.get(node.name),
        loopbacks=loopbacks,
        announces=draft.announces(node),
        interfaces=interfaces,
        sessions=(
            *(sessions(underlay, _peers(draft, node, interfaces, draft.asns)) if routing else ()),
            *service_sessions(_service_peers(draft, node, interfaces)),
        ),
        routes=routes,
        static_routes=() if routing else static_routes(interfaces),
        source_rules=() if routing else source_rules(interfaces),
        hash_seed=ONE_SEED if underlay.balance.mode is Mode.POLARISED else hash_seed_of(node.name),
        probe_addresses=tuple(address.partition("/")[0] for address in probed),
        services=service_pools(underlay) if routing or node.name in draft.announcers else (),
    )


def _interface(draft: _Draft, own: Endpoint, far: Endpoint, link: Link) -> PlannedInterface:
    ends = draft.addresses.ends
    return PlannedInterface(
        own.interface, draft.macs[own], link.mtu, ends[own], far, draft.macs[far], ends[far], link.rate_mbps
    )


def service_pools(underlay: Underlay) -> tuple[str, ...]:
    """Where service addresses come from, in the families in use; none where hosts announce none."""
    pools = ((underlay.ipv4, underlay.pools.services4), (underlay.ipv6, underlay.pools.services6))
    return tuple(str(pool) for used, pool in pools if used and underlay.services)


def _peers(
    draft: _Draft, node: Node, interfaces: tuple[PlannedInterface, ...], asns: Mapping[str, int]
) -> tuple[Peer, ...]:
    """The far ends among those that have these ASNs."""
    return tuple(
        Peer(interface, asns[interface.peer.node], far.role, _tier(node.role) > _tier(far.role))
        for interface in interfaces
        if (far := draft.fabric.by_name[interface.peer.node]).name in asns
    )


def _service_peers(draft: _Draft, node: Node, interfaces: tuple[PlannedInterface, ...]) -> tuple[Peer, ...]:
    """A leaf's hosts that announce service addresses, and the leaves of such a host."""
    return _peers(draft, node, interfaces, draft.asns if node.name in draft.announcers else draft.announcers)


def _routes(draft: _Draft) -> Mapping[str, list[PlannedRoute]]:
    """Each node's routes, by origin in the fabric's order."""
    speakers = {name: _speaker(draft, draft.fabric.by_name[name]) for name in draft.asns}
    found: dict[str, list[PlannedRoute]] = {node.name: [] for node in draft.fabric.nodes}
    shared: dict[frozenset[str], frozenset[str]] = {}
    for origin in speakers:
        prefixes = draft.announces(draft.fabric.by_name[origin])
        for name, ways in ways_to(origin, speakers, ecmp=draft.fabric.underlay.ecmp).items():
            interfaces = shared.setdefault(ways, ways)
            found[name] += [PlannedRoute(prefix, interfaces, origin) for prefix in prefixes]
    return found


def _speaker(draft: _Draft, node: Node) -> Speaker:
    peers = [(draft.fabric.by_name[far.node], far) for _, far, _ in draft.cables[node.name] if far.node in draft.asns]
    return Speaker(
        node.name,
        node.role,
        draft.asns[node.name],
        above=tuple((far.node, far.interface) for peer, far in peers if _tier(peer.role) > _tier(node.role)),
        below=tuple((far.node, far.interface) for peer, far in peers if _tier(peer.role) < _tier(node.role)),
        vouches=frozenset([node.name, *(peer.name for peer, _ in peers if peer.role is Role.HOST)]),
    )


def _tier(role: Role) -> int:
    return TIERS.index(role)


def _macs(fabric: Fabric) -> Mapping[Endpoint, str]:
    """A MAC for every end. Two alike are as good as impossible, but would be very hard to find in a running lab."""
    macs: dict[Endpoint, str] = {}
    owners: dict[str, Endpoint] = {}
    for end in (end for link in fabric.links for end in link.ends):
        macs[end] = mac_of(end)
        if (other := owners.setdefault(macs[end], end)) != end:
            raise Mistake(f"{other} and {end} would have the same MAC, {macs[end]}; their nodes need other names")
    return macs


def _crowded(fabric: Fabric) -> bool:
    """Whether the lab would fill the kernel's neighbour table: per end an entry for the far end's IPv4 address, and in
    the IPv6 table one for its link-local address and one for its global address."""
    ends = 2 * len(fabric.links)
    globals6 = ends if fabric.underlay.ipv6 and fabric.underlay.numbering is Numbering.NUMBERED else 0
    return ends + globals6 > NEIGHBOURS_AT_EASE
