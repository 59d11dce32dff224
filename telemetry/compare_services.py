"""Service addresses in the kernels: nobody plans where one is announced, but only hosts may announce any. Pure.

Each route to one is followed a step: over its interface must be a host that announces it and has it, or a switch that
has a route to it in its turn.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

from telemetry.lacking import HopNames, live_routes
from telemetry.model import Difference, NodeFacts, What
from topologies.plan import NodePlan, Plan
from topologies.runtime.netlink_decode import KernelRoute

BGP, KERNEL = 186, 2
LOOPBACK = "lo"


def is_service_route(node: NodePlan, prefix: str, route: KernelRoute, over: frozenset[str]) -> bool:
    """Whether a route is one that hosts make by announcing: BGP's on a switch, the address itself on such a host."""
    if not node.services:
        return False
    wanted: IPv4Network | IPv6Network = ip_network(prefix)
    pools = (ip_network(pool) for pool in node.services)
    if not any(wanted.version == pool.version and wanted.network_address in pool for pool in pools):
        return False
    if node.announces_services:
        return route.protocol == KERNEL and over == {LOOPBACK}
    return route.protocol == BGP and wanted.num_addresses == 1


def service_differences(plan: Plan, facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """Service addresses that come from elsewhere than a host, and those that a host announces and does not have."""
    found = {name: _routes(plan.nodes[name], seen) for name, seen in facts.items() if name in plan.nodes}
    for name, routes in found.items():
        peers = {each.name: each.peer.node for each in plan.nodes[name].interfaces}
        for prefix, interfaces in routes.items():
            for interface in sorted(interfaces & peers.keys()):
                peer = peers[interface]
                if plan.nodes[peer].announces_services:
                    yield from _absent(name, peer, prefix, facts)
                elif peer in found and prefix not in found[peer] and not facts[peer].lacks:
                    told = f"over {interface} from {peer}, which has it from no host"
                    yield Difference(name, f"route {prefix}", What.SERVICE_ORIGIN, "from a host", told)


def _routes(node: NodePlan, seen: NodeFacts) -> dict[str, frozenset[str]]:
    """A switch's routes to service addresses, with their interfaces."""
    if not node.services or node.announces_services:
        return {}
    names = HopNames(seen.names)
    live = ((prefix, route, names(route.hops)) for prefix, route in live_routes(seen.routes).items())
    return {prefix: over for prefix, route, over in live if is_service_route(node, prefix, route, over)}


def _absent(leaf: str, host: str, prefix: str, facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """The address, where a host announces it and has it on no interface."""
    if host not in facts or facts[host].lacks:
        return
    address = prefix.partition("/")[0]
    if not any(cidr.partition("/")[0] == address for _, cidr in facts[host].addresses):
        wanted = f"on {LOOPBACK}, for {leaf} routes it there"
        yield Difference(host, f"address {prefix}", What.ADDRESS_MISSING, wanted, "none")
