"""The fabric as it carries traffic now: sessions that are up over cables that are up. Pure."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from telemetry.model import NodeFacts
from topologies.plan import NodePlan, Plan, PlannedInterface

NodeEnd = tuple[str, str]  # (node, interface)


class Live(Struct, frozen=True):
    """What of a plan cannot be used: ends of cables, and routers that are out of service on purpose."""

    dead: frozenset[NodeEnd] = frozenset()
    out: frozenset[str] = frozenset()


def live(plan: Plan, facts: Mapping[str, NodeFacts]) -> Live:
    """What the facts leave of a plan. A node without facts, or one that lacks something, carries nothing."""
    dead = {end for node in plan.nodes.values() for end in _dead(node, facts.get(node.name))}
    return Live(frozenset(dead), frozenset(name for name, seen in facts.items() if seen.out is not None))


def usable(plan: Plan, state: Live, node: str, interface: PlannedInterface) -> bool:
    """Whether a cable carries traffic between two nodes that are both in service."""
    ends = {(node, interface.name), (interface.peer.node, interface.peer.interface)}
    return not ends & state.dead and not {node, interface.peer.node} & state.out


def _dead(node: NodePlan, seen: NodeFacts | None) -> Iterator[NodeEnd]:
    speaks = {each.interface: each.neighbor for each in node.routing_sessions}
    for interface in node.interfaces:
        if seen is None or _silent(node, seen) or seen.paused or not _carries(interface.name, speaks, seen):
            yield (node.name, interface.name)


def _silent(node: NodePlan, seen: NodeFacts) -> bool:
    """Whether a node lacks what its traffic depends on: itself, or a daemon by which it learns its ways."""
    return any(what == "node" or not node.announces_services for what, _ in seen.lacks)


def _carries(interface: str, speaks: Mapping[str, str], seen: NodeFacts) -> bool:
    """Whether an interface is up, and the session over it Established, where there is to be one."""
    link = seen.links.get(interface)
    if link is None or not (link.up and link.carrier):
        return False
    session = seen.sessions.get(speaks[interface]) if interface in speaks else None
    return interface not in speaks or (session is not None and session.established)
