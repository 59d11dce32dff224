"""Flows are followed from kernel to kernel and from cable to cable; a path that ends early says where and why."""

from telemetry.model import NodeFacts
from telemetry.paths import MOST_HOPS, Flow, Path, Tracer
from topologies.errors import Fault
from topologies.model import Endpoint
from topologies.runtime.netlink_decode import Counters, Hop, KernelLink, KernelRoute

FLOW = Flow("10.0.1.1", "10.0.1.2", (50000, 50001))
CABLES = {
    "leaf1": {"eth1": Endpoint("spine1", "eth1"), "eth2": Endpoint("spine2", "eth1")},
    "spine1": {"eth1": Endpoint("leaf1", "eth1"), "eth2": Endpoint("leaf2", "eth1")},
    "spine2": {"eth1": Endpoint("leaf1", "eth2"), "eth2": Endpoint("leaf2", "eth2")},
    "leaf2": {"eth1": Endpoint("spine1", "eth2"), "eth2": Endpoint("spine2", "eth2")},
}


class Kernel:
    """A kernel that has made its choice: an interface, a type of route, or a refusal."""

    def __init__(self, choice: str) -> None:
        self.choice = choice
        self.asked: list[int] = []

    def route_of(self, address: str, source: str, ports: tuple[int, int], ifindex: int = 0) -> KernelRoute:
        """The route of any flow."""
        self.asked.append(ifindex)
        if self.choice == "refuses":
            raise Fault("Network is unreachable")
        if self.choice == "blackhole":
            return KernelRoute(f"{address}/32", 0, (), 254, "blackhole", 0, "")
        return KernelRoute(f"{address}/32", 186, (Hop("", int(self.choice[-1])),), 254, "unicast", 0, "")


def facts(node: str) -> NodeFacts:
    """A node with two interfaces, whose indexes are the numbers in their names."""
    links = {
        name: KernelLink(int(name[-1]), name, "", 9500, True, True, 9, 0, "veth", Counters())
        for name in ("eth1", "eth2")
    }
    return NodeFacts(node, links=links, cables=CABLES[node])


def traced(**choices: str) -> tuple[Path, dict[str, Kernel]]:
    """The path from leaf1 to leaf2 where each kernel chooses as told."""
    kernels = {node: Kernel(choice) for node, choice in choices.items()}
    tracer = Tracer(kernels, {node: facts(node) for node in CABLES})  # type: ignore[arg-type]  # fakes of Netlink
    return tracer.trace("leaf1", FLOW, "leaf2"), kernels


def test_a_path_goes_where_each_kernel_says_and_each_cable_leads() -> None:
    """Every node on the way is asked with the interface by which the flow came in."""
    path, kernels = traced(leaf1="eth2", spine2="eth2")

    assert path.nodes == ("leaf1", "spine2", "leaf2")
    assert path.hops == (Endpoint("leaf1", "eth2"), Endpoint("spine2", "eth2"))
    assert path.end == ""
    assert (kernels["leaf1"].asked, kernels["spine2"].asked) == ([0], [1])


def test_a_node_that_has_no_way_on_is_named_with_the_reason() -> None:
    """A refusal of the kernel and a route into nothing both end the path at their node."""
    refused, _ = traced(leaf1="eth1", spine1="refuses")
    swallowed, _ = traced(leaf1="eth1", spine1="blackhole")

    assert refused.end == "spine1 has no way on (Network is unreachable)"
    assert swallowed.end == "spine1 has no way on (blackhole)"
    assert refused.nodes == ("leaf1", "spine1")


def test_an_interface_that_leads_nowhere_ends_the_path() -> None:
    """A cable that nobody was heard through is a place where packets vanish."""
    path, _ = traced(leaf1="eth3")

    assert path.end == "leaf1:? leads nowhere that answers"


def test_a_dead_node_ends_the_path() -> None:
    """What does not run forwards nothing."""
    path, _ = traced(leaf1="eth1")

    assert path.end == "spine1 does not run"


def test_a_loop_is_a_loop() -> None:
    """Two nodes that send a flow to each other are not followed for ever."""
    path, _ = traced(leaf1="eth1", spine1="eth1")

    assert path.end == "it goes in circles"
    assert len(path.hops) == MOST_HOPS
