"""The data-plane mesh, thought out: who sends to whom, how many flows, how large, and what a loss means. Pure.

A probe is one UDP datagram from one node's address to another's. Both sockets are ours, so no echo is needed: A to B
and B to A are two pairs. Each pair gets several flows, which differ in source port, so that ECMP spreads them; and one
probe as large as the path takes, with fragmentation forbidden.

How many flows: let a fault eat what takes one of the `width` equal ways to one destination. A flow misses it with
probability 1 - 1/width, and each of the `sources` far leaves sends its flows independently. So
faults x (1 - 1/width) ** (sources x flows) bounds the chance that any such fault goes unseen; it is kept below MISS.
"""

import math
from collections.abc import Collection, Iterable
from functools import cache, cached_property
from ipaddress import ip_address, ip_interface, ip_network

from msgspec import Struct

from topologies.model import Endpoint, Role
from topologies.plan import IPV4, IPV6, NodePlan, Plan

MISS = 1e-6  # chance that some fault of one way to one destination goes unseen
MOST_FLOWS = 64  # per pair
HEADERS = {IPV4: 20 + 8, IPV6: 40 + 8}  # bytes of IP and UDP
LARGEST = 65507  # bytes that a UDP datagram can carry
DEFAULTS = {IPV4: ("default", "0.0.0.0/0"), IPV6: ("default", "::/0")}


class Target(Struct, frozen=True):
    """One address that takes part."""

    node: str
    address: str

    @property
    def family(self) -> str:
        """ipv4 or ipv6."""
        return IPV6 if ":" in self.address else IPV4


class Mesh(Struct, frozen=True, dict=True):
    """All probes of a run. Probe number = pair x (flows + 1) + flow; the last of each pair is the full-size one."""

    targets: tuple[Target, ...]
    pairs: tuple[tuple[int, int], ...]  # indexes of source and destination
    sizes: tuple[int, ...]  # bytes of payload of each pair's full-size probe
    flows: int

    @property
    def per_pair(self) -> int:
        """Probes per pair."""
        return self.flows + 1

    @cached_property
    def probes(self) -> int:
        """How many probes there are."""
        return len(self.pairs) * self.per_pair


class Loss(Struct, frozen=True):
    """What one pair lost, retries included: which flows, and whether the full-size probe."""

    pair: int
    flows: tuple[int, ...]
    full_size: bool


class MeshSummary(Struct, frozen=True):
    """What a mesh did. `retried`: probes that arrived only when sent again (a first packet waits for its neighbour)."""

    targets: int
    pairs: int
    probes: int
    flows: int
    retried: int
    lost: int
    lost_pairs: int
    seconds: float


def lay_out(plan: Plan, without: Collection[str] = ()) -> Mesh:
    """The mesh of a plan, less the targets of dead nodes and missing addresses in `without`.

    Pairs come in rotation (each source to its next neighbour, then to the one after), so that no receiver is flooded.
    """
    targets = tuple(
        Target(node.name, address)
        for node in plan.nodes.values()
        for address in node.probe_addresses
        if node.name not in without and address not in without
    )
    reach = Reach(plan)
    alike = {family: [each for each in enumerate(targets) if each[1].family == family] for family in (IPV4, IPV6)}
    ways = [{number for number, target in alike[source.family] if reach(source.node, target)} for source in targets]
    pairs = tuple(
        (source, target)
        for step in range(1, len(targets))
        for source in range(len(targets))
        if (target := (source + step) % len(targets)) in ways[source] and source in ways[target]
    )
    sizes = tuple(_full_size(reach.mtu(targets[a].node, targets[b]), targets[b].family) for a, b in pairs)
    width, sources = widest(plan), far_sources(plan)
    return Mesh(targets, pairs, sizes, flows_per_pair(width, sources, faults=len(targets) * width))


def flows_per_pair(width: int, sources: int, *, faults: int) -> int:
    """The fewest flows per pair that keep the chance of an unseen fault below MISS (see the top of this file)."""
    if width <= 1 or not faults:
        return 1
    needed = math.log(MISS / faults) / (max(sources, 1) * math.log(1 - 1 / width))
    return min(max(math.ceil(needed), 1), MOST_FLOWS)


def widest(plan: Plan) -> int:
    """The most equal ways that a path through all tiers may choose from: the product of each tier's widest route."""
    tiers: dict[Role, int] = {}
    for node in plan.nodes.values():
        width = max((len(route.interfaces) for route in node.routes), default=1)
        tiers[node.role] = max(tiers.get(node.role, 1), width)
    return math.prod(tiers.values())


def far_sources(plan: Plan) -> int:
    """From how many other leaves (of other pods where there are several) each leaf is probed, at the least."""
    leaves = [node for node in plan.nodes.values() if node.role is Role.LEAF]
    several = len({leaf.pod for leaf in leaves}) > 1
    return min(
        (sum(other is not leaf and not (several and other.pod == leaf.pod) for other in leaves) for leaf in leaves),
        default=1,
    )


class Reach:
    """Who has a way to whom by the plan, and how large a packet that way takes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._routes = {node.name: _ways(node) for node in plan.nodes.values()}
        self._covers: dict[str, tuple[str, ...]] = {}
        self._announced = [ip_network(prefix) for node in plan.nodes.values() for prefix in node.announces]
        mtus = {interface.mtu for node in plan.nodes.values() for interface in node.interfaces}
        self._same_mtu = mtus.pop() if len(mtus) == 1 else 0
        self._mtus: dict[tuple[str, str], int] = {}

    def __call__(self, node: str, target: Target) -> bool:
        """Whether a node has a way to a target; over a default route, whether every gateway has."""
        if node == target.node:
            return False
        prefix = self._match(node, target)
        if prefix not in DEFAULTS[target.family]:
            return prefix != ""
        peers = [peer.node for peer in self._routes[node][prefix]]
        return bool(peers) and all(peer == target.node or self(peer, target) for peer in peers)

    def mtu(self, node: str, target: Target) -> int:
        """The largest IP packet, in bytes, that all ways from a node to a target take."""
        if self._same_mtu or node == target.node:
            return self._same_mtu or LARGEST
        key = (node, target.address)
        if key not in self._mtus:
            self._mtus[key] = LARGEST
            links = {each.name: each for each in self._plan.nodes[node].interfaces}
            ends = self._routes[node].get(self._match(node, target), ())
            mine = {each.peer: each.mtu for each in links.values()}
            self._mtus[key] = min((min(mine[end], self.mtu(end.node, target)) for end in ends), default=LARGEST)
        return self._mtus[key]

    def _match(self, node: str, target: Target) -> str:
        """The longest prefix by which a node routes to a target, "" when there is none."""
        routes = self._routes[node]
        found = next((prefix for prefix in self._covering(target.address) if prefix in routes), "")
        return found or next((prefix for prefix in DEFAULTS[target.family] if prefix in routes), "")

    def _covering(self, address: str) -> tuple[str, ...]:
        """The planned prefixes that hold an address, the longest first."""
        if address not in self._covers:
            own = ip_address(address)
            holding = {net for net in self._announced if net.version == own.version and own in net}
            holding |= {
                ip_interface(f"{own}/{length}").network for length in (own.max_prefixlen, own.max_prefixlen - 1)
            }
            self._covers[address] = tuple(str(net) for net in sorted(holding, key=lambda net: -net.prefixlen))
        return self._covers[address]


def _ways(node: NodePlan) -> dict[str, tuple[Endpoint, ...]]:
    """Every prefix that a node has a way to, with the far ends that lie on it."""
    peers = {each.name: each.peer for each in node.interfaces}

    @cache  # for most routes of a node share their interfaces
    def ends(interfaces: frozenset[str]) -> tuple[Endpoint, ...]:
        return tuple(peers[name] for name in interfaces)

    ways = {route.prefix: ends(route.interfaces) for route in node.routes}
    for each in node.interfaces:
        ways |= {str(ip_interface(cidr).network): (each.peer,) for cidr in each.addresses}
    for static in node.static_routes:
        family = DEFAULTS[IPV6] if any(":" in gateway for gateway, _ in static.via) else DEFAULTS[IPV4]
        prefix = family[1] if static.prefix == "default" else static.prefix
        ways[prefix] = tuple(peers[name] for _, name in static.via if name in peers)
    return ways


def _full_size(mtu: int, family: str) -> int:
    return min(mtu - HEADERS[family], LARGEST)


def losses(mesh: Mesh, arrived: bytes | bytearray) -> tuple[Loss, ...]:
    """What each pair lost; `arrived` holds one byte per probe, 0 where it never came."""
    found = []
    at = arrived.find(0)
    while at != -1:
        pair = at // mesh.per_pair
        start = pair * mesh.per_pair
        missing = tuple(flow for flow in range(mesh.flows) if not arrived[start + flow])
        found.append(Loss(pair, missing, not arrived[start + mesh.flows]))
        at = arrived.find(0, start + mesh.per_pair)
    return tuple(found)


def suspects(lost: Iterable[tuple[str, ...]], arrived: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The places that every lost path crosses and no arrived one does; places common to all when there is no such."""
    paths = [set(path) for path in lost]
    if not paths:
        return ()
    common = set.intersection(*paths)
    fine = set().union(*arrived)
    return tuple(sorted(common - fine or common))
