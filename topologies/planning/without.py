"""What must be true of a fabric while some of its routers are out of service: the plan without them. Pure.

Two ways of being out: a router that is drained has its sessions shut, and its peers none to it; one that is draining
has them still, and marks its routes with the graceful-shutdown community (RFC 8326), so they are taken for want of
others only.
"""

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from topologies.model import TIERS, Role
from topologies.plan import NodePlan, Plan, PlannedRoute
from topologies.planning.routes import Speaker, ways_to

Ends = Collection[tuple[str, str]]  # (node, interface)


def without(plan: Plan, drained: Collection[str], draining: Collection[str] = ()) -> Plan:
    """The plan while these routers are out of service; sessions with drained ones are not in it."""
    routes = _routes(plan, drained, draining)
    nodes = {name: _node(node, drained, routes.get(name, ())) for name, node in plan.nodes.items()}
    return replace(plan, nodes=nodes)


def speakers(plan: Plan, drained: Collection[str] = (), dead: Ends = ()) -> Mapping[str, Speaker]:
    """The BGP speakers of a plan with their sessions, less the drained ones and the sessions over `dead` ends."""
    return {
        name: _speaker(plan, node, drained, dead)
        for name, node in plan.nodes.items()
        if node.takes_routes and name not in drained
    }


def _node(node: NodePlan, drained: Collection[str], routes: Collection[PlannedRoute]) -> NodePlan:
    sessions = tuple(each for each in node.sessions if node.name not in drained and each.peer not in drained)
    return replace(node, sessions=sessions, routes=tuple(routes))


def _routes(plan: Plan, drained: Collection[str], draining: Collection[str]) -> Mapping[str, list[PlannedRoute]]:
    every = speakers(plan, drained)
    unmarked = speakers(plan, {*drained, *draining}) if draining else every
    found: dict[str, list[PlannedRoute]] = {name: [] for name in every}
    for origin in every:
        ways = dict(ways_to(origin, every, ecmp=plan.ecmp))
        if origin in unmarked and unmarked is not every:  # wherever there is an unmarked way, no other is taken
            ways |= ways_to(origin, unmarked, ecmp=plan.ecmp)
        for name, interfaces in ways.items():
            found[name] += [PlannedRoute(prefix, interfaces, origin) for prefix in plan.nodes[origin].announces]
    return found


def _speaker(plan: Plan, node: NodePlan, drained: Collection[str], dead: Ends) -> Speaker:
    far = {each.name: each.peer for each in node.interfaces}
    peers = [
        (session.peer_role, far[session.interface])
        for session in node.routing_sessions
        if session.peer not in drained
        and (node.name, session.interface) not in dead
        and (session.peer, far[session.interface].interface) not in dead
    ]
    own = TIERS.index(node.role)
    return Speaker(
        node.name,
        node.role,
        node.asn or 0,
        above=tuple((end.node, end.interface) for role, end in peers if TIERS.index(role) > own),
        below=tuple((end.node, end.interface) for role, end in peers if TIERS.index(role) < own),
        vouches=frozenset([node.name, *(end.node for role, end in peers if role is Role.HOST)]),
    )
