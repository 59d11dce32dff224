"""Workloads against what was wanted of them: every program ready, and every address that they announce led to by BGP
from all switches, over all ways that count."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from telemetry.model import Difference, NodeFacts, What
from topologies.plan import Plan
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.workloads.running import Seen, State
from topologies.workloads.starting import placed, standing
from topologies.workloads.ways import ways

UNREADY = (What.WORKLOAD_ENDED, What.WORKLOAD_UNREADY)
ENDED = (State.ENDED, State.ABSENT)


def workload_differences(
    record: LabRecord, plan: Plan, facts: Mapping[str, NodeFacts], out: Collection[str] = ()
) -> tuple[Difference, ...]:
    """What is wrong with the workloads of a running lab, and with the ways to their service addresses, while those
    routers are out of service."""
    return (*unready(standing(record)), *led_elsewhere(plan, announced(record), facts, out))


def unready(seen: Iterable[tuple[str, Seen]]) -> Iterator[Difference]:
    """Programs that ended, or are not ready. Pure."""
    for node, each in seen:
        if each.state is not State.READY:
            what = What.WORKLOAD_ENDED if each.state in ENDED else What.WORKLOAD_UNREADY
            yield Difference(node, each.task.name, what, "ready", each.why)


def announced(record: LabRecord) -> dict[str, tuple[str, ...]]:
    """The hosts that are to announce each service address. Pure."""
    found: dict[str, list[str]] = {}
    for node, task in placed(record):
        if task.announces:
            found.setdefault(task.announces, []).append(node)
    return {address: tuple(nodes) for address, nodes in found.items()}


def led_elsewhere(
    plan: Plan, wanted: Mapping[str, Collection[str]], facts: Mapping[str, NodeFacts], out: Collection[str] = ()
) -> Iterator[Difference]:
    """Switches that run and lead to an address, which these hosts are to announce, by other interfaces than must be.
    Pure."""
    for address, hosts in wanted.items():
        for name, interfaces in sorted(ways(plan, hosts, out).items()):
            if any(what == "node" for what, _ in facts[name].lacks):
                continue  # it does not run, which is a difference of its own
            leads = _leads(facts[name], address)
            if not (leads <= interfaces and len(leads) == min(len(interfaces), plan.ecmp)):
                yield Difference(name, address, What.SERVICE_WAYS, _listed(interfaces), _listed(leads) or "no route")


def missing_ways(record: LabRecord, plan: Plan) -> str:
    """The first switch that does not lead to an address of the lab's workloads as it must, "" for none: a look at the
    kernels' routes, and at nothing else."""
    wanted = announced(record)
    switches = {name for hosts in wanted.values() for name in ways(plan, hosts)}
    facts = {name: _routes(record, name) for name in switches}
    return next((str(each) for each in led_elsewhere(plan, wanted, facts)), "")


def _routes(record: LabRecord, node: str) -> NodeFacts:
    with open_door(record, node).netlink() as kernel:
        return NodeFacts(node, links={link.name: link for link in kernel.links()}, routes=tuple(kernel.routes()))


def _leads(seen: NodeFacts, address: str) -> frozenset[str]:
    """The interfaces over which a node sends to a single address."""
    names = seen.names
    hops = [hop for route in seen.routes if route.prefix.partition("/")[0] == address for hop in route.hops]
    return frozenset(names.get(hop.ifindex, "") for hop in hops)


def _listed(interfaces: Collection[str]) -> str:
    return " ".join(sorted(interfaces))
