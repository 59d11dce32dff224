"""What a check finds of workloads: programs that are not ready, and service addresses that are led to otherwise.

spine1   spine2
  |  \\   /  |
leaf1  leaf2  leaf3        host1 of leaf1 and of leaf2 announce the address
"""

from msgspec.structs import replace

from telemetry.model import NodeFacts, What
from telemetry.workloads import led_elsewhere, unready
from topologies.files.fabric import parse_fabric
from topologies.plan import Plan
from topologies.planning import plan
from topologies.runtime.netlink_decode import Counters, Hop, KernelLink, KernelRoute
from topologies.workloads.model import Task
from topologies.workloads.running import Seen, State
from topologies.workloads.ways import ways

TEXT = "name: x\ndesign: leaf-spine\nspines: 2\nleaves: 3\nhosts_per_leaf: 1\nunderlay: {services: true}\n"
HOSTS = ("leaf1-host1", "leaf2-host1")
ADDRESS = "10.32.0.1"
WANTED = {ADDRESS: HOSTS}


def planned() -> Plan:
    """The fabric above."""
    return plan(parse_fabric(TEXT, "x.yml"))


def links(node: str, fabric: Plan) -> dict[str, KernelLink]:
    """A node's interfaces, numbered as they are named."""
    return {
        each.name: KernelLink(number, each.name, each.mac, each.mtu, True, True, 9, 0, "veth", Counters())
        for number, each in enumerate(fabric.nodes[node].interfaces, 1)
    }


def leading(node: str, fabric: Plan, *interfaces: str) -> NodeFacts:
    """The facts of a switch that sends to the address over these interfaces."""
    there = links(node, fabric)
    hops = tuple(Hop("", there[name].index) for name in interfaces)
    routes = (KernelRoute(f"{ADDRESS}/32", 186, hops, 254, "unicast", 20, ""),) if hops else ()
    return NodeFacts(node, links=there, routes=routes)


def as_wanted(fabric: Plan) -> dict[str, NodeFacts]:
    """Every switch as it must be."""
    return {name: leading(name, fabric, *sorted(found)) for name, found in ways(fabric, HOSTS).items()}


def test_nothing_differs_where_all_lead_over_all_ways() -> None:
    """To every host that announces the address."""
    fabric = planned()

    assert list(led_elsewhere(fabric, WANTED, as_wanted(fabric))) == []


def test_a_way_too_few_another_one_and_none_are_told() -> None:
    """With the ways that must be."""
    fabric = planned()
    facts = as_wanted(fabric)
    facts["leaf3"] = leading("leaf3", fabric, "eth1")
    facts["spine1"] = leading("spine1", fabric, "eth1", "eth3")
    facts["spine2"] = leading("spine2", fabric)

    found = [(each.node, each.expected, each.found) for each in led_elsewhere(fabric, WANTED, facts)]

    assert found == [
        ("leaf3", "eth1 eth2", "eth1"),
        ("spine1", "eth1 eth2", "eth1 eth3"),
        ("spine2", "eth1 eth2", "no route"),
    ]


def test_as_many_ways_as_switches_use_at_most_are_enough() -> None:
    """Whichever of them."""
    fabric = replace(planned(), ecmp=1)
    facts = {name: leading(name, fabric, sorted(found)[-1]) for name, found in ways(fabric, HOSTS).items()}

    assert list(led_elsewhere(fabric, WANTED, facts)) == []


def test_a_switch_that_does_not_run_is_not_asked_for_its_ways() -> None:
    """That it does not is told elsewhere."""
    fabric = planned()
    dead = NodeFacts("spine1", lacks=(("node", "it does not run"),))

    assert list(led_elsewhere(fabric, WANTED, {**as_wanted(fabric), "spine1": dead})) == []


def test_no_way_must_lead_by_a_switch_that_is_out_of_service() -> None:
    """Nor must it have any."""
    fabric = planned()
    facts = {**as_wanted(fabric), "spine1": leading("spine1", fabric), "leaf3": leading("leaf3", fabric, "eth2")}

    assert list(led_elsewhere(fabric, WANTED, facts, ["spine1"])) == []
    assert [each.node for each in led_elsewhere(fabric, WANTED, facts)] == ["leaf3", "spine1"]


def test_programs_that_are_not_ready_are_told_from_those_that_ended() -> None:
    """With what lacks."""
    task = Task(name="web", workload="web", number=1, argv=("web",))
    seen = [("h", Seen(task, state, "why")) for state in State]

    found = [(each.what, each.found) for each in unready(seen)]

    assert found == [
        (What.WORKLOAD_ENDED, "why"),
        (What.WORKLOAD_UNREADY, "why"),
        (What.WORKLOAD_ENDED, "why"),
    ]
