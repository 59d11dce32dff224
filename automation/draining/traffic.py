"""Which peers still send to a router that is to be out of the way. Pure."""

from collections.abc import Iterable, Mapping

from telemetry.lacking import HopNames, live_routes
from topologies.plan import NodePlan
from topologies.runtime.netlink_decode import KernelRoute


def still_sent(peer: NodePlan, node: str, routes: Iterable[KernelRoute], names: Mapping[int, str]) -> tuple[str, ...]:
    """The prefixes that a peer sends to a router though it has other ways; `peer` is planned without that router."""
    towards = {each.name for each in peer.interfaces if each.peer.node == node}
    found, hop_names = live_routes(routes), HopNames(names)
    return tuple(
        route.prefix
        for route in peer.routes
        if not route.interfaces & towards and route.prefix in found and hop_names(found[route.prefix].hops) & towards
    )
