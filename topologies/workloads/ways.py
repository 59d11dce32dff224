"""The ways to a service address that several hosts announce, as BGP must choose them. Pure.

Every switch of a fabric has an AS number of its own in each path, so the shortest path has the fewest cables. Of a
switch's cables those count whose far end is one step nearer to any announcing host.
"""

from collections import deque
from collections.abc import Collection

from topologies.plan import Plan


def ways(plan: Plan, hosts: Collection[str], avoided: Collection[str] = ()) -> dict[str, frozenset[str]]:
    """Of each switch, the interfaces over which an address must lead that these hosts announce; it is not there on
    switches that no way leads from. No way leads by those that are `avoided`."""
    distance = dict.fromkeys(hosts, 0)
    waiting = deque(hosts)
    while waiting:
        name = waiting.popleft()
        for interface in plan.nodes[name].interfaces:
            far = interface.peer.node
            if far not in distance and far not in avoided and plan.nodes[far].takes_routes:
                distance[far] = distance[name] + 1
                waiting.append(far)
    return {
        name: frozenset(
            each.name for each in plan.nodes[name].interfaces if distance.get(each.peer.node, steps) == steps - 1
        )
        for name, steps in distance.items()
        if name not in hosts
    }
