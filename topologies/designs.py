"""The regular designs: sizes in, nodes and cables out. Pure.

Interfaces are eth1 and up (eth0 is the management network), given out in the order in which cables are laid: on every
switch its uplinks first, then what hangs below it. Cables are laid leaf by leaf and pod by pod, so that appending a
leaf or a pod changes no interface that was there: each spine gives it its next one.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from topologies.model import Endpoint, Link, Node, Role


class Cables(Struct, frozen=True):
    """What every cable is like: between switches, and from leaf to host. MTU in bytes, rates in 10^6 bit/s."""

    mtu: int
    rate_mbps: int | None
    host_mtu: int
    host_rate_mbps: int | None


class Wiring(Struct, frozen=True):
    """The nodes of a design, the highest tier first, and its cables in the order in which they were laid."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


class _Patching(Struct):
    """A wiring in the making: hands out interfaces."""

    cables: Cables
    links: list[Link] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)

    def connect(self, lower: Node, upper: Node) -> None:
        """Lay a cable between the next free interface of either node."""
        a, b = self.next_of(lower), self.next_of(upper)
        if lower.role is Role.HOST:
            self.links.append(Link(a, b, self.cables.host_mtu, self.cables.host_rate_mbps))
        else:
            self.links.append(Link(a, b, self.cables.mtu, self.cables.rate_mbps))

    def next_of(self, node: Node) -> Endpoint:
        self.used[node.name] = self.used.get(node.name, 0) + 1
        return Endpoint(node.name, f"eth{self.used[node.name]}")


def leaf_spine(*, spines: int, leaves: int, hosts_per_leaf: int, nics: int, cables: Cables) -> Wiring:
    """Every leaf to every spine. See `hosts_of` for hosts with several NICs."""
    top = _spines(0, spines)
    bottom = _leaves(0, leaves)
    patching = _Patching(cables)
    for leaf in bottom:
        for spine in top:
            patching.connect(leaf, spine)
    hosts = _attach(patching, bottom, hosts_per_leaf, nics)
    return Wiring((*top, *bottom, *hosts), tuple(patching.links))


def three_tier(
    *,
    pods: int,
    spines_per_pod: int,
    leaves_per_pod: int,
    superspines_per_plane: int,
    hosts_per_leaf: int,
    nics: int,
    cables: Cables,
) -> Wiring:
    """Pods of leaf-spine under super-spines in planes: spine k of each pod goes to every super-spine of plane k."""
    tops = tuple(
        Node(f"superspine{index}", Role.SUPERSPINE, 0, index, plane=1 + (index - 1) // superspines_per_plane)
        for index in range(1, spines_per_pod * superspines_per_plane + 1)
    )
    patching = _Patching(cables)
    spines: list[Node] = []
    leaves: list[Node] = []
    hosts: list[Node] = []
    for pod in range(1, pods + 1):
        middle = _spines(pod, spines_per_pod, planes=True)
        bottom = _leaves(pod, leaves_per_pod)
        for spine in middle:
            for top in tops:
                if top.plane == spine.plane:
                    patching.connect(spine, top)
        for leaf in bottom:
            for spine in middle:
                patching.connect(leaf, spine)
        spines += middle
        leaves += bottom
        hosts += _attach(patching, bottom, hosts_per_leaf, nics)
    return Wiring((*tops, *spines, *leaves, *hosts), tuple(patching.links))


def rail(*, pods: int, rails: int, hosts_per_pod: int, spines: int, cables: Cables) -> Wiring:
    """Rail-optimised: NIC k of every host of a pod goes to that pod's leaf of rail k, every leaf to every spine."""
    top = _spines(0, spines)
    patching = _Patching(cables)
    leaves: list[Node] = []
    hosts: list[Node] = []
    for pod in range(1, pods + 1):
        bottom = tuple(Node(f"pod{pod}-rail{k}", Role.LEAF, pod, k, rail=k) for k in range(1, rails + 1))
        for leaf in bottom:
            for spine in top:
                patching.connect(leaf, spine)
        for index in range(1, hosts_per_pod + 1):
            host = Node(f"pod{pod}-host{index}", Role.HOST, pod, index)
            for leaf in bottom:
                patching.connect(host, leaf)
            hosts.append(host)
        leaves += bottom
    return Wiring((*top, *leaves, *hosts), tuple(patching.links))


def hosts_of(leaves: tuple[Node, ...], hosts_per_leaf: int, nics: int) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Each host with the leaves of its NICs, in NIC order.

    Leaves stand in groups of `nics`: pairs with two NICs. A host is named after its home leaf, to which its first NIC
    goes; its further NICs go to the next leaves of the group, round and round, so that all leaves carry alike.
    """
    for position, home in enumerate(leaves):
        first = position - position % nics
        group = tuple(leaves[first + (position + nic) % nics] for nic in range(nics))
        for number in range(1, hosts_per_leaf + 1):
            index = position * hosts_per_leaf + number
            yield Node(f"{home.name}-host{number}", Role.HOST, home.pod, index), group


def _attach(patching: _Patching, leaves: tuple[Node, ...], hosts_per_leaf: int, nics: int) -> tuple[Node, ...]:
    """Connect the hosts, NIC by NIC within a group: a leaf's own hosts come before those of its neighbours."""
    attached = tuple(hosts_of(leaves, hosts_per_leaf, nics))
    per_group = max(1, nics * hosts_per_leaf)
    for first in range(0, len(attached), per_group):
        for nic in range(nics):
            for host, group in attached[first : first + per_group]:
                patching.connect(host, group[nic])
    return tuple(host for host, _ in attached)


def _spines(pod: int, count: int, *, planes: bool = False) -> tuple[Node, ...]:
    return tuple(
        Node(f"{_prefix(pod)}spine{index}", Role.SPINE, pod, index, plane=index if planes else 0)
        for index in range(1, count + 1)
    )


def _leaves(pod: int, count: int) -> tuple[Node, ...]:
    return tuple(Node(f"{_prefix(pod)}leaf{index}", Role.LEAF, pod, index) for index in range(1, count + 1))


def _prefix(pod: int) -> str:
    return f"pod{pod}-" if pod else ""
