"""Which way a flow takes: each kernel on the way is asked for its choice, and each cable for where it leads.

The kernel answers with the same hash that it uses for packets (addresses, ports, its own seed), so the path is the one
that the flow's packets take, not one that they could take.
"""

from collections.abc import Mapping

from msgspec import Struct

from telemetry.model import NodeFacts
from topologies.errors import Fault
from topologies.model import Endpoint
from topologies.runtime.netlink import Netlink

MOST_HOPS = 16


class Flow(Struct, frozen=True):
    """One UDP flow."""

    source: str
    target: str
    ports: tuple[int, int]


class Path(Struct, frozen=True):
    """The interfaces by which a flow leaves each node. `end`: why it stops short of its target, else ""."""

    hops: tuple[Endpoint, ...]
    nodes: tuple[str, ...]  # all on the way, source and last one included
    end: str = ""


class Tracer:
    """Follows flows through a running lab. `kernels` are open netlink sockets, one per node."""

    def __init__(self, kernels: Mapping[str, Netlink], facts: Mapping[str, NodeFacts]) -> None:
        self._kernels = kernels
        self._cables = {node: seen.cables for node, seen in facts.items()}
        self._names = {node: seen.names for node, seen in facts.items()}
        self._indexes = {node: {name: link.index for name, link in seen.links.items()} for node, seen in facts.items()}

    def trace(self, node: str, flow: Flow, last: str) -> Path:
        """The path of a flow that `node` sends to an address of node `last`."""
        hops: list[Endpoint] = []
        nodes = [node]
        came_in = 0
        while node != last and len(hops) < MOST_HOPS:
            if node not in self._kernels:
                return Path(tuple(hops), tuple(nodes), f"{node} does not run")
            try:
                route = self._kernels[node].route_of(flow.target, flow.source, flow.ports, came_in)
            except Fault as error:
                return Path(tuple(hops), tuple(nodes), f"{node} has no way on ({error})")
            if route.type != "unicast" or not route.hops:
                return Path(tuple(hops), tuple(nodes), f"{node} has no way on ({route.type})")
            out = Endpoint(node, self._names[node].get(route.hops[0].ifindex, "?"))
            hops.append(out)
            far = self._cables[node].get(out.interface)
            if far is None:
                return Path(tuple(hops), tuple(nodes), f"{out} leads nowhere that answers")
            node, came_in = far.node, self._indexes[far.node][far.interface]
            nodes.append(node)
        return Path(tuple(hops), tuple(nodes), "" if node == last else "it goes in circles")
