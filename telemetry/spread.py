"""Does ECMP spread? Flows are followed through the tiers; where many arrive and some equal way gets none, it does not.

That is how a polarised hash shows: the second tier repeats the choice of the first, and half its ways stay empty.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from telemetry.model import Difference, NodeFacts, What
from telemetry.paths import Flow, Tracer
from telemetry.probes import Target, widest
from topologies.model import Role
from topologies.plan import NodePlan, Plan

PER_WAY = 24  # flows per equal way that a switch is judged by: the chance that one way stays empty is e**-24
MOST_FLOWS = 4096
PORT = 4791  # as RoCEv2 has it: only the source port differs between flows
FIRST_PORT = 49152


def spread_differences(plan: Plan, facts: Mapping[str, NodeFacts], tracer: Tracer) -> Iterator[Difference]:
    """Switches that leave some of their equal ways empty, seen from one leaf of each pod; none where it is planned."""
    if plan.polarised:
        return
    flows = min(PER_WAY * widest(plan), MOST_FLOWS)
    seen: set[str] = set()
    for source, target in _far_pairs(plan, facts):
        for node, prefix_ways, taken in _crossed(plan, tracer, source, target, flows):
            difference = empty_ways(node, prefix_ways, taken)
            if difference is not None and node not in seen:
                seen.add(node)
                yield difference


def empty_ways(node: str, ways: frozenset[str], taken: Mapping[str, int]) -> Difference | None:
    """The difference where enough flows crossed a node and some of its equal ways got none."""
    arrived = sum(taken.values())
    if len(ways) < 2 or arrived < PER_WAY * len(ways) / 2:
        return None
    empty = sorted(ways - {name for name, count in taken.items() if count})
    if not empty:
        return None
    found = f"none of {arrived} flows over {', '.join(empty)}"
    return Difference(node, "ECMP", What.UNEVEN, f"flows over each of {', '.join(sorted(ways))}", found)


def _far_pairs(plan: Plan, facts: Mapping[str, NodeFacts]) -> Iterator[tuple[Target, Target]]:
    """The first living leaf of each pod, and the first of the next one (of the same pod where there is only one)."""
    pods: dict[int, list[NodePlan]] = {}
    for node in plan.nodes.values():
        if node.role is Role.LEAF and node.probe_addresses and node.name in facts and facts[node.name].links:
            pods.setdefault(node.pod, []).append(node)
    leaves = [leaf for group in pods.values() for leaf in group[: 1 if len(pods) > 1 else 2]]
    for number, leaf in enumerate(leaves):
        other = leaves[(number + 1) % len(leaves)]
        if other is not leaf:
            yield Target(leaf.name, leaf.probe_addresses[0]), Target(other.name, other.probe_addresses[0])


def _crossed(
    plan: Plan, tracer: Tracer, source: Target, target: Target, flows: int
) -> Iterator[tuple[str, frozenset[str], Counter[str]]]:
    """Each node on the ways from source to target, its planned ways on, and how many flows took which."""
    taken: dict[str, Counter[str]] = {}
    for number in range(flows):
        ports = (FIRST_PORT + number, PORT)
        path = tracer.trace(source.node, Flow(source.address, target.address, ports), target.node)
        for hop in path.hops:
            taken.setdefault(hop.node, Counter())[hop.interface] += 1
    for node, counts in taken.items():
        yield node, _ways(plan, node, target, counts), counts


def _ways(plan: Plan, node: str, target: Target, counts: Mapping[str, int]) -> frozenset[str]:
    """The planned equal ways of a node to the target's loopback."""
    bits = 128 if ":" in target.address else 32
    prefix = f"{target.address}/{bits}"
    return next((route.interfaces for route in plan.nodes[node].routes if route.prefix == prefix), frozenset(counts))
