"""What a switch must show when it is a member of its fabric: sessions and routes, out of its plan. Pure.

A node that cannot become a member now, because it is quarantined, is not waited for: what depends on it is left out.
Whole routes are asked for only where all others are there, for one absent switch may narrow any of them.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from automation.ztp.trouble import Trouble
from telemetry.lacking import lacking_routes
from telemetry.model import ESTABLISHED
from topologies.plan import NodePlan, PlannedRoute
from topologies.runtime.netlink_decode import KernelRoute


@dataclass(frozen=True, slots=True)
class Expected:
    """The sessions of a node, as (neighbour in its configuration, node at the far end), and its routes."""

    sessions: tuple[tuple[str, str], ...]
    routes: tuple[PlannedRoute, ...]


def write(node: NodePlan) -> str:
    """The text of what is expected of a node, for a bundle."""
    sessions = [[each.neighbor, each.peer] for each in node.sessions]
    routes = [[each.prefix, sorted(each.interfaces), each.origin] for each in node.routes]
    return json.dumps({"sessions": sessions, "routes": routes})


def read(text: str) -> Expected:
    """What is expected, out of a bundle; Trouble where it cannot be read."""
    try:
        data = json.loads(text)
        sessions = tuple((str(neighbour), str(peer)) for neighbour, peer in data["sessions"])
        routes = tuple(PlannedRoute(prefix, frozenset(over), origin) for prefix, over, origin in data["routes"])
        return Expected(sessions, routes)
    except (ValueError, TypeError, KeyError) as error:
        raise Trouble(f"what the bundle expects cannot be read: {error!r}") from error


def states(answer: str) -> dict[str, str]:
    """The state of each session, out of bgpd's `show bgp summary json`; Trouble where it cannot be read."""
    try:
        families = json.loads(answer).values()
        peers = [peer for family in families if isinstance(family, dict) for peer in family.get("peers", {}).items()]
        return {name: str(peer["state"]) for name, peer in peers}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Trouble(f"bgpd's answer cannot be read: {error!r}") from error


def lacking_sessions(expected: Expected, found: Mapping[str, str], absent: Collection[str]) -> list[str]:
    """The sessions that are not Established, but for those to absent nodes."""
    return [
        f"the session to {peer} ({neighbour}) is in {found.get(neighbour) or 'no state'}"
        for neighbour, peer in expected.sessions
        if peer not in absent and found.get(neighbour) != ESTABLISHED
    ]


def lacking(
    expected: Expected, routes: Iterable[KernelRoute], names: Mapping[int, str], absent: Collection[str]
) -> list[str]:
    """The routes that the kernel does not have at their full width; none is asked for while a node is absent."""
    return [] if absent else lacking_routes(expected.routes, routes, names)
