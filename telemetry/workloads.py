"""Workloads against what was wanted of them: every program ready, and every address that they announce led to by BGP
from all switches, over all ways that count."""

from collections.abc import Collection, Iterator, Mapping

from telemetry.model import Difference, What
from topologies.plan import Plan
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import KernelRoute
from topologies.workloads.running import Seen, State
from topologies.workloads.starting import placed, standing
from topologies.workloads.ways import ways

UNREADY = (What.WORKLOAD_ENDED, What.WORKLOAD_UNREADY)
ENDED = (State.ENDED, State.ABSENT)


def workload_differences(record: LabRecord, plan: Plan) -> tuple[Difference, ...]:
    """What is wrong with the workloads of a running lab, and with the ways to their service addresses."""
    seen = list(standing(record))
    return (*unready(seen), *led_elsewhere(record, plan, announced(record)))


def unready(seen: Collection[tuple[str, Seen]]) -> Iterator[Difference]:
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


def led_elsewhere(record: LabRecord, plan: Plan, wanted: Mapping[str, Collection[str]]) -> Iterator[Difference]:
    """Switches from which an address is led to by other interfaces than must be."""
    expected = {address: ways(plan, hosts) for address, hosts in wanted.items()}
    for name in sorted({name for found in expected.values() for name in found}):
        with open_door(record, name).netlink() as kernel:
            names = {link.index: link.name for link in kernel.links()}
            routes = {route.prefix.partition("/")[0]: _leads(route, names) for route in kernel.routes()}
        for address, found in expected.items():
            leads = routes.get(address, frozenset())
            if name in found and not (leads <= found[name] and len(leads) == min(len(found[name]), plan.ecmp)):
                yield Difference(name, address, What.SERVICE_WAYS, _listed(found[name]), _listed(leads) or "no route")


def _listed(interfaces: Collection[str]) -> str:
    return " ".join(sorted(interfaces))


def _leads(route: KernelRoute, names: Mapping[int, str]) -> frozenset[str]:
    """The interfaces that a route leads over."""
    return frozenset(names.get(hop.ifindex, "") for hop in route.hops)
