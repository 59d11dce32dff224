"""What must be true, and what differs, while some routers are out of service. Pure."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from telemetry.compare import differences
from telemetry.model import Difference, NodeFacts, Out, Service, What
from topologies.plan import Plan, PlannedSession
from topologies.planning.without import without


def out_of_service(facts: Mapping[str, NodeFacts]) -> dict[str, Out]:
    """The routers that are out of service on purpose, by name."""
    return {name: seen.out for name, seen in facts.items() if seen.out is not None}


def expected(plan: Plan, out: Mapping[str, Out]) -> Plan:
    """What must be true while these are out of service."""
    named = {service: [name for name, each in out.items() if each.service is service] for service in Service}
    return without(plan, named[Service.DRAINED], named[Service.DRAINING]) if out else plan


def deviations(plan: Plan, facts: Mapping[str, NodeFacts], out: Mapping[str, Out]) -> tuple[Difference, ...]:
    """What differs beside that: from the plan without the routers that are out of service."""
    rest = expected(plan, out)
    return differences(rest, {name: _trimmed(seen, plan, rest) for name, seen in facts.items()})


def absences(out: Mapping[str, Out]) -> Iterator[Difference]:
    """One difference for each router that is out of service."""
    for name, each in out.items():
        yield Difference(name, "node", What.DRAINED, "in service", str(each))


def _trimmed(seen: NodeFacts, plan: Plan, rest: Plan) -> NodeFacts:
    """The facts of a node without the sessions that are down because one end is drained."""
    kept = set(rest.nodes[seen.name].sessions)
    gone = [each for each in plan.nodes[seen.name].sessions if each not in kept]
    down = {each.neighbor for each in gone if not _up(seen, each)}
    return replace(seen, sessions={name: each for name, each in seen.sessions.items() if name not in down})


def _up(seen: NodeFacts, session: PlannedSession) -> bool:
    found = seen.sessions.get(session.neighbor)
    return found is not None and found.established
