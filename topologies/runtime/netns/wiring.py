"""Which interfaces a lab has, where they live, and every netlink request that makes them: a pure function of the lab.

A *space* is one network namespace: a node's, the lab's own (""), where the management bridge and nodes of kind
bridge live, or that of the machine, in which a lab that was opened to it has ends of cables. Interface numbers are
chosen here and unique in the lab, so that no look at the kernel is needed between requests, and so that the number a
cable shows as its peer's names one interface only. On the machine the kernel chooses them.

A tunnel (VXLAN) is made in its node's space and sends over that node's own network, as a router's does. On
containerlab it sends over the machine's network; here that would lead packets out of the sealed lab.

A macvlan is made in its node's space on an interface of the machine. It is not made promiscuous, as containerlab has
it: that would make the machine's interface so.
"""

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from topologies.lab import BRIDGE, DEFAULT_MTU, Dummy, End, HostLink, Lab, LabNode, Macvlan, MgmtLink, Veth, Vxlan
from topologies.macs import mac_of
from topologies.runtime import netlink_encode as encode
from topologies.runtime.netlink_encode import Request, VethEnd, VxlanPath
from topologies.runtime.netns.mgmt import MgmtAddresses

HOME = ""  # the lab's own space
MACHINE = ".machine"  # that of the machine; no node has such a name
LO = 1
FIRST_INDEX = 2
NO_LINK_LOCAL = 1  # addr_gen_mode of ports that belong to a bridge


class Plug(Struct, frozen=True):
    """One end of a cable: its space, name and number there (0: not known yet); `bridge` is the number of the bridge it
    is a port of."""

    space: str
    name: str
    index: int
    mac: str
    addresses: tuple[str, ...] = ()
    bridge: int = 0


class Cable(Struct, frozen=True):
    """A veth pair."""

    a: Plug
    b: Plug
    mtu: int
    rate_mbps: int | None
    what: str


class Bridge(Struct, frozen=True):
    """A bridge in some space."""

    space: str
    name: str
    index: int
    mtu: int
    addresses: tuple[str, ...] = ()


class Tunnel(Struct, frozen=True):
    """A VXLAN interface and where it leads."""

    plug: Plug
    link: Vxlan


class Branch(Struct, frozen=True):
    """A macvlan and the interface of the machine that it is on."""

    plug: Plug
    link: Macvlan

    @property
    def what(self) -> str:
        """Its name in errors."""
        return f"{self.link.end} -- macvlan:{self.link.host_interface}"


class Wiring(Struct, frozen=True, dict=True):
    """All of a lab's interfaces. `spaces` are those of nodes: neither the lab's own nor the machine's."""

    spaces: tuple[str, ...]
    bridges: tuple[Bridge, ...]
    cables: tuple[Cable, ...]
    tunnels: tuple[Tunnel, ...] = ()
    branches: tuple[Branch, ...] = ()

    def index(self, space: str, name: str) -> int:
        """The number of an interface; KeyError where the lab has none of that name."""
        return self.indexes(space)[name]

    def indexes(self, space: str) -> dict[str, int]:
        """The number of every interface of a space."""
        found = {} if space == MACHINE else {"lo": LO}
        found |= {bridge.name: bridge.index for bridge in self.bridges if bridge.space == space}
        return found | {plug.name: plug.index for plug in self.plugs(space)}

    def plugs(self, space: str) -> list[Plug]:
        """The ends of cables in a space, then the tunnels, which need cables to send over, and the macvlans."""
        return self._plugs.get(space, [])

    @cached_property
    def _plugs(self) -> dict[str, list[Plug]]:
        ends = [plug for cable in self.cables for plug in (cable.a, cable.b)]
        found: dict[str, list[Plug]] = {}
        for plug in (*ends, *(each.plug for each in self.tunnels), *(each.plug for each in self.branches)):
            found.setdefault(plug.space, []).append(plug)
        return found


def space_of(node: LabNode) -> str:
    """The space that a node lives in."""
    if node.kind == BRIDGE:
        return HOME
    if node.on_machine:
        return MACHINE
    shared = node.network_mode.removeprefix("container:")
    return shared if shared != node.network_mode else node.name


def wire(lab: Lab, mgmt: MgmtAddresses) -> Wiring:
    """Lay out all interfaces of a lab, in its own order."""
    numbers = iter(range(FIRST_INDEX, 1 << 30))
    bridges = [Bridge(HOME, lab.mgmt.bridge or "mgmt", next(numbers), lab.mgmt.mtu, mgmt.bridge)] if mgmt.used else []
    bridges += [Bridge(HOME, n.name[:15], next(numbers), DEFAULT_MTU) for n in lab.nodes if n.kind == BRIDGE]
    masters = {bridge.name: bridge.index for bridge in bridges}
    nodes = {node.name: node for node in lab.nodes}
    cables = []
    tunnels = []
    branches = []
    for at, (node, addresses) in enumerate(mgmt.nodes):
        inner = Plug(node, "eth0", next(numbers), mac_of(lab.name, node, "eth0"), addresses)
        outer = Plug(HOME, f"mgmt{at}", next(numbers), mac_of(lab.name, "", f"mgmt{at}"), (), bridges[0].index)
        cables.append(Cable(inner, outer, lab.mgmt.mtu, None, f"{node}:eth0"))

    def plug(end: End) -> Plug:
        node = nodes[end.node]
        mac = end.mac or mac_of(lab.name, end.node, end.interface)
        master = masters[node.name[:15]] if node.kind == BRIDGE else 0
        number = 0 if node.on_machine else next(numbers)
        return Plug(space_of(node), end.interface, number, mac, end.addresses, master)

    for link in lab.links:
        if isinstance(link, Veth):
            cables.append(Cable(plug(link.a), plug(link.b), link.mtu, link.rate_mbps, f"{link.a} -- {link.b}"))
        elif isinstance(link, Dummy):
            inside = plug(link.end)
            stub = Plug(
                inside.space, stub_name(link.end.interface), next(numbers), mac_of(lab.name, "stub", str(link.end))
            )
            cables.append(Cable(inside, stub, link.mtu, None, str(link.end)))
        elif isinstance(link, MgmtLink):
            inside = plug(link.end)
            mac = mac_of(lab.name, "", link.host_interface)
            outside = Plug(HOME, link.host_interface, next(numbers), mac, (), bridges[0].index)
            cables.append(Cable(inside, outside, link.mtu, None, f"{link.end} -- mgmt-net"))
        elif isinstance(link, HostLink):
            mac = link.host_mac or mac_of(lab.name, MACHINE, link.host_interface)
            outside = Plug(MACHINE, link.host_interface, 0, mac)
            cables.append(Cable(plug(link.end), outside, link.mtu, None, f"{link.end} -- host:{link.host_interface}"))
        elif isinstance(link, Vxlan):
            tunnels.append(Tunnel(plug(link.end), link))
        elif isinstance(link, Macvlan):
            branches.append(Branch(plug(link.end), link))
    spaces = dict.fromkeys(space_of(node) for node in lab.nodes)
    inner_spaces = tuple(space for space in spaces if space not in (HOME, MACHINE))
    return Wiring(inner_spaces, tuple(bridges), tuple(cables), tuple(tunnels), tuple(branches))


def numbered(wiring: Wiring, machine: Mapping[str, int]) -> Wiring:
    """The wiring with the numbers that its ends on the machine were given there, by their names."""

    def known(plug: Plug) -> Plug:
        return replace(plug, index=machine[plug.name]) if plug.space == MACHINE else plug

    return replace(wiring, cables=tuple(replace(each, a=known(each.a), b=known(each.b)) for each in wiring.cables))


def stub_name(interface: str) -> str:
    """The other end of an interface that leads nowhere; it stays in the node too, so that the kernel needs no dummy."""
    return f"-{interface}"[:15]


def creations(wiring: Wiring, fds: Mapping[str, int]) -> list[Request]:
    """Requests that make all bridges and cables, sent from the lab's own space. `fds` names every space."""
    made = [
        encode.new_link(bridge.name, "bridge", f"bridge {bridge.name}", index=bridge.index, mtu=bridge.mtu)
        for bridge in wiring.bridges
    ]
    for cable in wiring.cables:
        a, b = (VethEnd(plug.name, fds[plug.space], plug.index, plug.mac) for plug in (cable.a, cable.b))
        made.append(encode.new_veth(a, b, cable.mtu, cable.what))
    return made


def tunnels(wiring: Wiring, space: str) -> list[Request]:
    """Requests that make a space's tunnels, sent from that space, whose network they then send over."""
    return [
        encode.new_vxlan(
            each.plug.name,
            VxlanPath(each.link.vni, each.link.remote, each.link.dst_port, each.link.src_port),
            f"{each.link.end}: vxlan {each.link.vni} to {each.link.remote}",
            index=each.plug.index,
            mtu=each.link.mtu,
            mac=each.plug.mac,
        )
        for each in wiring.tunnels
        if each.plug.space == space
    ]


def branches(wiring: Wiring, fds: Mapping[str, int], machine: Mapping[str, int]) -> list[Request]:
    """Requests that make all macvlans, sent from the machine's space, the numbers of whose interfaces `machine` has."""
    made = []
    for each in wiring.branches:
        end = VethEnd(each.plug.name, fds[each.plug.space], each.plug.index, each.plug.mac)
        made.append(encode.new_macvlan(end, machine[each.link.host_interface], each.link.mode, each.what))
    return made


def raisings(wiring: Wiring, space: str) -> list[Request]:
    """Requests that put a space's ports under their bridges and raise all of the lab's that it has."""
    bridges = [bridge for bridge in wiring.bridges if bridge.space == space]
    where = space or "lab"
    found = [] if space == MACHINE else [encode.set_link(LO, f"{where}: lo up", up=True)]
    found += [encode.set_link(bridge.index, f"{where}: {bridge.name} up", up=True) for bridge in bridges]
    for plug in wiring.plugs(space):
        found.append(encode.set_link(plug.index, f"{where}: {plug.name} up", up=True, master=plug.bridge or None))
    return found


def lowerings(wiring: Wiring, space: str) -> list[Request]:
    """Requests that take the carrier from everything a space is cabled to."""
    return [encode.set_link(plug.index, f"{space}: {plug.name} down", up=False) for plug in wiring.plugs(space)]


def settings(lab: Lab, wiring: Wiring, space: str, *, again: bool = False) -> list[Request]:
    """Requests for all addresses, permanent neighbours, routes and rules of a space whose links are up.

    `again`: the space had them before, and its rules, which a lowered link does not take, are still there.
    """
    index = wiring.indexes(space)
    ends = [(plug.index, plug.name, a) for plug in wiring.plugs(space) for a in plug.addresses]
    ends += [
        (bridge.index, bridge.name, a) for bridge in wiring.bridges if bridge.space == space for a in bridge.addresses
    ]
    found = [encode.new_address(number, a, f"{space or 'lab'}: {name} address {a}") for number, name, a in ends]
    for node in (node for node in lab.nodes if node.has_processes and space_of(node) == space):
        found += _settings(node, index)
        found += (
            []
            if again
            else [encode.new_rule(r.source, r.table, f"{node.name}: rule from {r.source}") for r in node.rules]
        )
    return found


def rates(wiring: Wiring, space: str) -> list[Request]:
    """Requests that limit the rate of what leaves a space over its cables."""
    plugs = [(plug, cable) for cable in wiring.cables if cable.rate_mbps for plug in (cable.a, cable.b)]
    return [
        encode.new_rate(
            plug.index, cable.rate_mbps or 0, cable.mtu, f"{plug.space}: {plug.name} rate {cable.rate_mbps}"
        )
        for plug, cable in plugs
        if plug.space == space
    ]


def _settings(node: LabNode, index: Mapping[str, int]) -> list[Request]:
    name = node.name
    found = [encode.new_address(index[i], a, f"{name}: {i} address {a}") for i, a in node.addresses]
    found += [
        encode.new_neighbour(index[n.interface], n.address, n.mac, f"{name}: neighbour {n.address}")
        for n in node.neighbours
    ]
    for route in node.routes:
        hops = [(gateway, index[interface]) for gateway, interface in route.via]
        found.append(encode.new_route(route.prefix, hops, f"{name}: route {route.prefix}", table=route.table))
    return found
