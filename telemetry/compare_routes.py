"""The kernel's routes against the planned ones: missing, over other next hops, leaked, or into nothing. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from telemetry.compare_services import BGP, KERNEL, is_service_route
from telemetry.lacking import HopNames, live_routes
from telemetry.model import Difference, NodeFacts, What
from topologies.lab import MANAGEMENT
from topologies.plan import NodePlan, StaticRoute
from topologies.runtime.netlink_decode import KernelRoute
from topologies.runtime.netlink_encode import MAIN_TABLE

STATIC = 4
PROTOCOLS = {KERNEL: "kernel", 3: "boot", STATIC: "static", 9: "ra", 16: "dhcp", BGP: "bgp", 11: "zebra", 196: "static"}
LINK_LOCAL, MULTICAST = "fe80::/64", "ff00::/8"
NOWHERE = ("blackhole", "unreachable", "prohibit")


def route_differences(node: NodePlan, seen: NodeFacts) -> Iterator[Difference]:
    """All differences of a node's routes."""
    hop_names = HopNames(seen.names)
    live = live_routes(seen.routes)
    wanted = {route.prefix: route.interfaces for route in node.routes}
    for prefix, interfaces in wanted.items():
        found = live.get(prefix)
        if found is None:
            yield Difference(node.name, f"route {prefix}", What.ROUTE_MISSING, _over(interfaces), "no route")
        elif found.type == "unicast" and hop_names(found.hops) != interfaces:
            expected, over = _over(interfaces), _over(hop_names(found.hops))
            yield Difference(node.name, f"route {prefix}", What.ROUTE_HOPS, expected, over)
    for prefix, route in live.items():
        if route.type in NOWHERE:
            expected = _over(wanted[prefix]) if prefix in wanted else "none"
            yield Difference(node.name, f"route {prefix}", What.ROUTE_BLACKHOLE, expected, route.type)
    yield from _static(node, seen, hop_names)
    yield from _unplanned(node, live, hop_names)


def _static(node: NodePlan, seen: NodeFacts, hop_names: HopNames) -> Iterator[Difference]:
    for route in node.static_routes:
        found = live_routes(seen.routes, route.table).get(_prefix(route))
        interfaces = frozenset(interface for _, interface in route.via)
        subject = f"route {route.prefix}" + (f" (table {route.table})" if route.table != MAIN_TABLE else "")
        if found is None:
            yield Difference(node.name, subject, What.ROUTE_MISSING, _over(interfaces), "no route")
        elif found.type == "unicast" and hop_names(found.hops) != interfaces:
            yield Difference(node.name, subject, What.ROUTE_HOPS, _over(interfaces), _over(hop_names(found.hops)))


def _unplanned(node: NodePlan, live: dict[str, KernelRoute], hop_names: HopNames) -> Iterator[Difference]:
    """Routes of the main table that nobody planned; connected ones follow from the planned addresses."""
    planned = planned_prefixes(node)
    for prefix, route in live.items():
        over = hop_names(route.hops)
        if prefix in planned or route.type in NOWHERE or _is_management(route, over):
            continue
        if is_service_route(node, prefix, route, over):
            continue
        protocol = PROTOCOLS.get(route.protocol, f"protocol {route.protocol}")
        found = f"{protocol} route {_over(over)}"
        yield Difference(node.name, f"route {prefix}", What.ROUTE_UNPLANNED, "none", found)


def planned_prefixes(node: NodePlan) -> set[str]:
    """The prefixes that a node's main table may have; those of services come and go beside them."""
    planned = {route.prefix for route in node.routes}
    planned |= {_prefix(route) for route in node.static_routes if route.table == MAIN_TABLE}
    return planned | set(_connected(node)) | {LINK_LOCAL, MULTICAST}


def _connected(node: NodePlan) -> Iterator[str]:
    for cidr in (*node.loopbacks, *(address for each in node.interfaces for address in each.addresses)):
        network = ip_network(cidr, strict=False)
        yield str(network)
        yield f"{cidr.partition('/')[0]}/{network.max_prefixlen}"


def _is_management(route: KernelRoute, over: frozenset[str]) -> bool:
    """The subnet of the lab's management network; a default route over it is not, for it would lead out."""
    network: IPv4Network | IPv6Network = ip_network(route.prefix)
    return route.protocol == KERNEL and network.prefixlen > 0 and over == {MANAGEMENT}


def _prefix(route: StaticRoute) -> str:
    return {"default": "0.0.0.0/0"}.get(route.prefix, route.prefix)


def _over(interfaces: frozenset[str]) -> str:
    return f"over {_listed(interfaces)} ({len(interfaces)})"


def _listed(interfaces: frozenset[str]) -> str:
    return ", ".join(sorted(interfaces, key=lambda name: (len(name), name))) or "no live next hop"
