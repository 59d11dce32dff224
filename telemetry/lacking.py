"""What of a plan is not there yet, on one node. Pure; converge waits by it and check compares by it."""

from collections.abc import Iterable, Mapping

from telemetry.model import ESTABLISHED
from topologies.plan import NodePlan, PlannedRoute
from topologies.runtime.netlink_decode import Hop, KernelRoute
from topologies.runtime.netlink_encode import MAIN_TABLE


def live_routes(routes: Iterable[KernelRoute], table: int = MAIN_TABLE) -> dict[str, KernelRoute]:
    """The route that the kernel uses for each prefix of a table: the one with the lowest metric."""
    used: dict[str, KernelRoute] = {}
    for route in routes:
        if route.table == table and (route.prefix not in used or route.metric < used[route.prefix].metric):
            used[route.prefix] = route
    return used


class HopNames:
    """The interfaces that hops lead over, by name. Many routes share the same hops, so each set is made once."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._known: dict[tuple[Hop, ...], frozenset[str]] = {}

    def __call__(self, hops: tuple[Hop, ...]) -> frozenset[str]:
        """The interfaces of all hops that are not dead."""
        if hops not in self._known:
            alive = (hop for hop in hops if not hop.dead and not hop.linkdown)
            self._known[hops] = frozenset(self._names.get(hop.ifindex, f"#{hop.ifindex}") for hop in alive)
        return self._known[hops]


def lacking_routes(
    planned: Iterable[PlannedRoute], routes: Iterable[KernelRoute], names: Mapping[int, str]
) -> list[str]:
    """The planned prefixes that are not in the main table over all their interfaces, each with what is there."""
    live, hop_names = live_routes(routes), HopNames(names)
    lacks = []
    for route in planned:
        found = live.get(route.prefix)
        width = len(route.interfaces)
        if found is None or found.type != "unicast":
            lacks.append(f"no route to {route.prefix}")
        elif not hop_names(found.hops) >= route.interfaces:
            lacks.append(f"{route.prefix} over {len(hop_names(found.hops))} of {width}")
    return lacks


def unproven_sessions(node: NodePlan) -> bool:
    """Whether a node may have all its planned routes while one of its sessions is not as planned.

    A route over an interface came by the session there, in an UPDATE, which only an Established session carries.
    """
    used: frozenset[str] = frozenset().union(*(route.interfaces for route in node.routes))
    return any(session.bfd or session.interface not in used for session in node.sessions)


def lacking_sessions(node: NodePlan, states: Mapping[str, str]) -> list[str]:
    """The planned sessions that are not Established, each with its state."""
    wanted = {session.neighbor: session.peer for session in node.sessions}
    return [
        f"{peer} ({neighbor}) is in {states.get(neighbor) or 'no session'}"
        for neighbor, peer in wanted.items()
        if states.get(neighbor) != ESTABLISHED
    ]


def listed(lacks: list[str], most: int = 3) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(lacks) - most} more" if len(lacks) > most else ""
    return ", ".join(lacks[:most]) + more
