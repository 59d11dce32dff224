"""Log lines and route changes as events. Pure."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import TypeAlias

from labs.chaos.model import Event, Kind
from telemetry.compare_routes import planned_prefixes
from telemetry.compare_services import KERNEL
from telemetry.model import BfdPeer
from topologies.plan import NodePlan
from topologies.runtime.netlink_decode import KernelRoute, RouteChange
from topologies.runtime.netlink_encode import MAIN_TABLE

RA = 9  # the protocol number of routes that router advertisements bring
BfdKey: TypeAlias = tuple[str, str]
"""A BFD session's peer address and interface."""
SOONEST, QUESTIONS = 0.02, 200.0  # seconds between two questions to one bfdd, and questions a second in all
ADJACENCY = re.compile(r"%ADJCHANGE: neighbor (\S+?)(?:\([^)]*\))? in vrf \S+ (Up|Down)\b")


class Named:
    """A node's neighbours by the names that FRR has for them: an address, or an interface."""

    def __init__(self, node: NodePlan) -> None:
        self._peers = {session.neighbor: session.peer for session in node.sessions}
        self._by_interface = {session.interface: session.peer for session in node.sessions}

    def __call__(self, neighbor: str, interface: str = "") -> str:
        """The neighbour's node, or the name that was given where the plan has none."""
        return self._peers.get(neighbor) or self._by_interface.get(interface or neighbor) or neighbor


def speaks_bfd(node: NodePlan) -> bool:
    """Whether a node has BFD sessions by its plan."""
    return any(session.bfd for session in node.sessions)


def ask_every(nodes: int) -> float:
    """Seconds between two questions to each of so many bfdds: as often as QUESTIONS in all allows."""
    return max(SOONEST, nodes / QUESTIONS)


def session_events(lines: Iterable[str], at: float, node: str, named: Named) -> list[Event]:
    """BGP sessions that came up or went down by these lines of bgpd's log."""
    found = []
    for line in lines:
        if match := ADJACENCY.search(line):
            kind = Kind.BGP_UP if match[2] == "Up" else Kind.BGP_DOWN
            found.append(Event(at, node, kind, named(match[1])))
    return found


def bfd_events(
    before: Mapping[BfdKey, str], now: Mapping[BfdKey, str], at: float, node: str, named: Named
) -> list[Event]:
    """BFD sessions whose state is another than it was at the last look."""
    found = []
    for key, status in now.items():
        if key in before and (status == "up") != (before[key] == "up"):
            kind = Kind.BFD_UP if status == "up" else Kind.BFD_DOWN
            found.append(Event(at, node, kind, named(*key)))
    return found


def states(peers: Iterable[BfdPeer]) -> dict[BfdKey, str]:
    """Each BFD session's state by peer and interface."""
    return {(each.peer, each.interface): each.status for each in peers}


class Allowed:
    """Which routes a node may have by its plan."""

    def __init__(self, node: NodePlan) -> None:
        self._planned = planned_prefixes(node)
        self._services = [ip_network(pool) for pool in node.services]

    def __call__(self, route: KernelRoute) -> bool:
        """Whether a route is planned, leads nowhere, or is a service's."""
        if route.prefix in self._planned or route.type != "unicast":
            return True
        address = ip_network(route.prefix).network_address
        return any(address in pool for pool in self._services)


def route_events(change: RouteChange, at: float, node: str, allowed: Allowed) -> list[Event]:
    """A change of the main table, twice where it is also a leak; none of other tables, and of what the kernel does by
    itself."""
    route = change.route
    if route.table != MAIN_TABLE or route.protocol in (KERNEL, RA):
        return []
    if change.gone:
        return [Event(at, node, Kind.ROUTE_REMOVED, route.prefix)]
    came = Event(at, node, Kind.ROUTE_REPLACED if change.replaces else Kind.ROUTE_ADDED, route.prefix)
    return [came] if allowed(route) else [came, Event(at, node, Kind.LEAKED, route.prefix)]
