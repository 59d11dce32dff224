"""Wait until a fabric is what its plan says: every route in every kernel at full width, every session Established.

The routes are waited for first, because they cannot be whole while a session is missing: one netlink socket a node,
and only the first node that is not complete is asked again (so about one dump a node in all). Then each daemon whose
sessions are not proven by its routes is asked for them.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from telemetry.frr import parse_bfd, parse_states
from telemetry.lacking import lacking_routes, lacking_sessions, listed, unproven_sessions
from topologies.errors import Fault
from topologies.plan import NodePlan, Plan
from topologies.runtime.door import Door, enter, open_door
from topologies.runtime.model import LabRecord, Say
from topologies.runtime.netlink import Netlink
from topologies.waiting import until

EVERY = 0.02  # seconds between two looks at a node that is not complete
MOST_NODES = 5  # nodes named in a failure

Step = tuple[str, Callable[[], list[str]]]


def converge(record: LabRecord, plan: Plan, *, within: float, say: Say) -> float:
    """Wait until all that is planned is there; returns the seconds that it took.

    Raises Fault after `within` seconds, naming the nodes that lack something and what it is.
    """
    begun = time.monotonic()
    enter(record)
    doors = {name: open_door(record, name) for name in plan.nodes}
    with ExitStack() as stack:
        routes = [
            (name, _routes(stack.enter_context(doors[name].netlink()), node))
            for name, node in plan.nodes.items()
            if node.routes
        ]
        _wait("routes", routes, begun + within, say)
    # GoBGP takes a while to be asked, and what it would say of its sessions, the leaves at their other ends say.
    asked = {name: n for name, n in plan.nodes.items() if unproven_sessions(n) and not n.announces_services}
    sessions = [(name, _sessions(doors[name], node)) for name, node in asked.items()]
    _wait("sessions", sessions, begun + within, say)
    return time.monotonic() - begun


def _wait(phase: str, steps: list[Step], deadline: float, say: Say) -> None:
    """Go from node to node, each as soon as it lacks nothing."""
    done = 0

    def missing() -> str:
        nonlocal done
        while done < len(steps):
            name, lacks = steps[done]
            if found := lacks():
                return f"{name} lacks {listed(found)}"
            done += 1
            say(f"converge: {phase}", done, len(steps))
        return ""

    within = max(deadline - time.monotonic(), EVERY)
    try:
        until(f"planned {phase}", missing, within=within, every=EVERY, longest=EVERY)
    except Fault as error:
        raise Fault(f"not converged: {phase} are missing on {_verdict(steps[done:])}") from error


def _verdict(steps: Iterable[Step]) -> str:
    """Every node that lacks something, and what."""
    found = [f"{name} ({listed(lacks)})" for name, ask in steps if (lacks := ask())]
    return listed(found, MOST_NODES) or "none any more: it converged just after the deadline"


def _routes(kernel: Netlink, node: NodePlan) -> Callable[[], list[str]]:
    names: dict[int, str] = {}

    def lacks() -> list[str]:
        if not names:
            names.update({link.index: link.name for link in kernel.links()})
        return lacking_routes(node.routes, kernel.routes(), names)

    return lacks


def _sessions(door: Door, node: NodePlan) -> Callable[[], list[str]]:
    watched = {session.address or session.neighbor for session in node.sessions if session.bfd}

    def lacks() -> list[str]:
        found = lacking_sessions(node, parse_states(door.vty("bgpd", "show bgp summary json")))
        if watched and not found:
            peers = parse_bfd(door.vty("bfdd", "show bfd peers json"))
            up = {name for peer in peers if peer.status == "up" for name in (peer.peer, peer.interface)}
            found = [f"BFD to {name} is not up" for name in sorted(watched - up)]
        return found

    return lacks
