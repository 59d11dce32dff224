"""AS numbers that two routers have and should not, in a lab without a plan. Pure.

A router drops routes in whose path it finds its own ASN (RFC 4271 section 9.1.2), so two routers of one ASN do without
each other's networks unless iBGP joins them, or one of them is told to let such routes in. That is no mistake where
a whole tier does so: spines share their ASN on purpose (RFC 7938 section 5.2.1), and do without each other's
loopbacks. So two routers of one ASN that lack each other's prefixes are a mistake where, for one of them,

- a router with the same neighbours has another ASN: in this tier each has its own; or
- its role in the file is that of a leaf or a host; or
- it announces a network in which no other router has an address, as that of its hosts.
"""

from collections.abc import Collection, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from itertools import combinations
from typing import TypeAlias

from msgspec import Struct

from telemetry.lacking import live_routes
from telemetry.model import Difference, NodeFacts, What
from topologies.lab import Lab, Veth
from topologies.model import Role

OUTER = (Role.LEAF, Role.HOST)

Network: TypeAlias = IPv4Network | IPv6Network


class Router(Struct, frozen=True):
    """One speaker of BGP: its neighbours by node where they are known, and the prefixes that it brings in itself."""

    name: str
    asn: int
    peers: frozenset[str]
    inner_peers: frozenset[str]  # those by iBGP
    own: tuple[Network, ...]
    reached: tuple[Network, ...]  # what its kernel has routes to
    is_outer: bool


def speakers(facts: Mapping[str, NodeFacts]) -> dict[str, int]:
    """The ASNs of the nodes that have BGP sessions."""
    return {name: next(iter(seen.sessions.values())).local_asn for name, seen in facts.items() if seen.sessions}


def sharing(facts: Mapping[str, NodeFacts]) -> tuple[str, ...]:
    """The nodes that have an ASN of another node."""
    asns = speakers(facts)
    return tuple(name for name, asn in asns.items() if list(asns.values()).count(asn) > 1)


def asn_differences(
    lab: Lab, facts: Mapping[str, NodeFacts], own: Mapping[str, Collection[str]]
) -> Iterator[Difference]:
    """Routers of one ASN that must not share it; `own` has the prefixes that those in `sharing` bring into BGP."""
    routers = _routers(lab, facts, own)
    told = set()
    for a, b in combinations((router for router in routers if router.name in own), 2):
        lacks = {near.name: _lacking(near, far) for near, far in ((a, b), (b, a))}
        if a.asn != b.asn or b.name in told or not any(lacks.values()) or b.name in _joined(a, routers):
            continue
        if any(_has_its_own(each, routers) or _serves(each, facts) for each in (a, b)):
            told.add(b.name)
            words = " and ".join(
                f"{name} has no route to {prefixes[0]}" for name, prefixes in lacks.items() if prefixes
            )
            found = f"that of {a.name} too: {words}"
            yield Difference(b.name, f"AS {b.asn}", What.ASN_TWICE, "an AS number of its own", found)


def _routers(lab: Lab, facts: Mapping[str, NodeFacts], own: Mapping[str, Collection[str]]) -> tuple[Router, ...]:
    outer = {node.name for node in lab.nodes if node.role in OUTER}
    owners = _owners(lab, facts)
    found = []
    for name, asn in speakers(facts).items():
        sessions = facts[name].sessions.items()
        peers = {each: owners.get((name, each)) or owners.get(("", each), each) for each, _ in sessions}
        inner = frozenset(peers[each] for each, session in sessions if session.peer_asn == session.local_asn)
        routes = live_routes(facts[name].routes).values() if name in own else ()
        reached = tuple(ip_network(route.prefix) for route in routes if route.type == "unicast")
        networks = tuple(ip_network(prefix) for prefix in own.get(name, ()))
        found.append(Router(name, asn, frozenset(peers.values()), inner, networks, reached, name in outer))
    return tuple(found)


def _owners(lab: Lab, facts: Mapping[str, NodeFacts]) -> dict[tuple[str, str], str]:
    """The nodes behind the names of sessions: addresses, and interfaces of a node where unnumbered."""
    cables = [link for link in lab.links if isinstance(link, Veth)]
    ends = [ends for link in cables for ends in ((link.a, link.b), (link.b, link.a))]
    addresses = [(name, cidr) for name, seen in facts.items() for _, cidr in seen.addresses]
    by_address = {("", cidr.partition("/")[0]): name for name, cidr in addresses}
    return by_address | {(near.node, near.interface): far.node for near, far in ends}


def _lacking(near: Router, far: Router) -> list[Network]:
    """What a router brings into BGP and another has no way to, not even by a wider route."""
    return [prefix for prefix in far.own if prefix not in near.own and not _covered(prefix, near.reached)]


def _covered(prefix: Network, by: Collection[Network]) -> bool:
    return any(prefix.version == wider.version and prefix.subnet_of(wider) for wider in by)  # type: ignore[arg-type]


def _joined(router: Router, routers: Collection[Router]) -> set[str]:
    """The routers that iBGP sessions join to one, over others too: route reflectors pass its routes on."""
    found, edge = {router.name}, {router.name}
    while edge:
        edge = {peer for each in routers if each.name in edge for peer in each.inner_peers} - found
        found |= edge
    return found


def _has_its_own(router: Router, routers: Collection[Router]) -> bool:
    """Whether routers in such a place have ASNs of their own."""
    return router.is_outer or any(each.asn != router.asn for each in routers if each.peers == router.peers)


def _serves(router: Router, facts: Mapping[str, NodeFacts]) -> bool:
    """Whether a router announces a network that no other is in."""
    others = [
        ip_interface(cidr).network.network_address
        for name, seen in facts.items()
        if name != router.name and seen.sessions
        for _, cidr in seen.addresses
    ]
    wide = [prefix for prefix in router.own if prefix.prefixlen < prefix.max_prefixlen]
    return any(not any(address in prefix for address in others) for prefix in wide)
