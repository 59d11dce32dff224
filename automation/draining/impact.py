"""What a drain would do to the others, on the fabric as it stands: who is cut off, and who keeps too few uplinks. Pure.

Only what the drain itself takes away counts: a leaf that is cut off already is no reason against it.
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from automation.draining.live import Live, usable
from topologies.model import TIERS, Role
from topologies.plan import NodePlan, Plan, PlannedInterface
from topologies.planning.routes import Speaker, ways_to
from topologies.planning.without import speakers

KEPT = 2  # a node keeps one of so many planned uplinks, unless told otherwise, and always one
ENDS = (Role.HOST, Role.LEAF)  # whom the fabric is for: spines need not reach each other


class Harm(StrEnum):
    """The reasons against a drain."""

    HOST_CUT_OFF = "host-cut-off"
    TOO_FEW_UPLINKS = "too-few-uplinks"
    UNREACHABLE = "unreachable"


class Objection(Struct, frozen=True, order=True):
    """One reason against a drain: whom it harms, and how."""

    harm: Harm
    node: str
    why: str

    def __str__(self) -> str:
        return f"{self.node} {self.why}"


def objections(plan: Plan, state: Live, node: str, minimum: int | None = None) -> tuple[Objection, ...]:
    """Why a router must not be drained now; none where nobody is harmed.

    `minimum` is how many uplinks each node below must keep; None: half of those planned, and at least one.
    """
    return (
        *_hosts(plan, state, node),
        *_uplinks(plan, state, node, minimum),
        *_unreachable(plan, state, node),
    )


def minimum_of(planned: int, minimum: int | None) -> int:
    """How many of its planned uplinks a node must keep."""
    return max(1, planned // KEPT) if minimum is None else minimum


def uplinks(plan: Plan, state: Live, node: NodePlan) -> tuple[PlannedInterface, ...]:
    """The uplinks of a node that carry traffic."""
    return tuple(each for each in _upward(plan, node) if usable(plan, state, node.name, each))


def _upward(plan: Plan, node: NodePlan) -> tuple[PlannedInterface, ...]:
    own = TIERS.index(node.role)
    return tuple(each for each in node.interfaces if TIERS.index(plan.nodes[each.peer.node].role) > own)


def _hosts(plan: Plan, state: Live, node: str) -> Iterator[Objection]:
    """Hosts that take no routes, whose addresses lie behind this router and nowhere else."""
    for host in plan.nodes.values():
        if host.role is not Role.HOST or host.takes_routes:
            continue
        lost = [each.name for each in uplinks(plan, state, host) if each.peer.node == node]
        if lost:
            why = f"has its addresses on {', '.join(lost)} behind {node} alone"
            yield Objection(Harm.HOST_CUT_OFF, host.name, why)


def _uplinks(plan: Plan, state: Live, node: str, minimum: int | None) -> Iterator[Objection]:
    """The routers right below, each with what it would have left."""
    for below in plan.nodes.values():
        now = uplinks(plan, state, below) if below.takes_routes else ()
        left = [each for each in now if each.peer.node != node]
        planned = len(_upward(plan, below))
        least = minimum_of(planned, minimum)
        if len(left) < len(now) and len(left) < least:
            why = f"would have {len(left)} of its {planned} uplinks left, and is to keep {least}"
            yield Objection(Harm.TOO_FEW_UPLINKS, below.name, why)


def _unreachable(plan: Plan, state: Live, node: str) -> Iterator[Objection]:
    """Leaves and hosts that have a way to each other through this router only."""
    now = speakers(plan, state.out, state.dead)
    then = speakers(plan, {*state.out, node}, state.dead)
    lost: dict[str, list[str]] = {}
    for origin in then:
        if plan.nodes[origin].role in ENDS:
            for name in sorted(_served(plan, origin, now) - _served(plan, origin, then) - {node}):
                lost.setdefault(name, []).append(origin)
    for name, origins in lost.items():
        yield Objection(Harm.UNREACHABLE, name, f"would have no way to {_listed(origins)} any more")


def _served(plan: Plan, origin: str, every: Mapping[str, Speaker]) -> set[str]:
    """The leaves and hosts that have a way to an origin."""
    return {name for name in ways_to(origin, every, ecmp=plan.ecmp) if plan.nodes[name].role in ENDS}


def _listed(names: Collection[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(list(names)[:most]) + more
