"""What cannot be true of a lab as a whole: things used twice, addresses outside of their network, waits in a circle."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface, ip_network
from itertools import pairwise

from topologies.errors import Mistake
from topologies.files.clab.links import check_interface
from topologies.files.clab.schema import STAGES
from topologies.files.complaint import nearest
from topologies.files.yaml import Document
from topologies.lab import End, HostLink, Lab, LabLink, LabNode, Macvlan, MgmtLink, Veth

MACHINE = "the machine"  # stands in the place of a node for interfaces of the machine itself


def check(lab: Lab, document: Document) -> None:
    """Raises Mistake for the first thing that cannot be."""
    for rule in (management, machine_names, interfaces, macs, link_addresses, references, waits):
        rule(lab, document)


def management(lab: Lab, document: Document) -> None:
    """Management networks are networks, and each node's address is its own and inside of them."""
    seen: dict[str, str] = {}
    for key, subnet in (("ipv4", lab.mgmt.ipv4_subnet), ("ipv6", lab.mgmt.ipv6_subnet)):
        network = None
        if subnet not in {"", "auto"}:
            network = parsed_network(subnet, document.at("mgmt", f"{key}-subnet"))
        for node in lab.nodes:
            text = getattr(node, f"mgmt_{key}")
            if not text:
                continue
            place = document.at("topology", "nodes", node.name, f"mgmt-{key}")
            address = parsed_address(text, place)
            if network is not None and address not in network:
                raise Mistake(f"{place}: {text} of {node.name!r} is outside of the management network {network}")
            if other := seen.get(str(address)):
                raise Mistake(f"{place}: management address {text} is given to {other!r} and to {node.name!r}")
            seen[str(address)] = node.name


def parsed_network(text: str, place: str) -> IPv4Network | IPv6Network:
    """A network. Raises Mistake."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise Mistake(f"{place}: {text!r} is no network; allowed: ADDRESS/LENGTH or auto") from None


def parsed_address(text: str, place: str) -> IPv4Address | IPv6Address:
    """An address without length. Raises Mistake."""
    try:
        return ip_address(text)
    except ValueError:
        raise Mistake(f"{place}: {text!r} is no address") from None


def machine_names(lab: Lab, document: Document) -> None:
    """Interfaces of the machine itself and bridges, which are interfaces too, have names that Linux takes."""
    for node in lab.nodes:
        if node.kind == "bridge":
            check_interface(node.name.partition("|")[0], document.at_key("topology", "nodes", node.name))
    for index, link in enumerate(lab.links):
        if isinstance(link, HostLink | MgmtLink | Macvlan):
            check_interface(link.host_interface, document.at("topology", "links", index))


def interfaces(lab: Lab, document: Document) -> None:
    """An interface is used once; eth0 belongs to the management network where a node has one."""
    nodes = {node.name: node for node in lab.nodes}
    seen: dict[tuple[str, str], int] = {}
    for index, link in enumerate(lab.links):
        place = document.at("topology", "links", index)
        for end in ends(link):
            node = nodes[end.node]
            if end.interface == "eth0" and node.kind in {"linux", "frr"} and node.network_mode != "none":
                raise Mistake(
                    f"{place}: eth0 of {end.node!r} is its interface in the management network; "
                    "use another name, or network-mode: none"
                )
        for where, interface in occupied(link, nodes):
            if (other := seen.get((where, interface))) is not None:
                before = document.at("topology", "links", other).rpartition(document.place + ":")[2]
                raise Mistake(f"{place}: interface {interface!r} of {where!r} is used twice, first at line {before}")
            seen[where, interface] = index


def occupied(link: LabLink, nodes: Mapping[str, LabNode]) -> Iterator[tuple[str, str]]:
    """The interfaces that a link makes, each with the namespace that it is in."""
    for end in ends(link):
        yield namespace(nodes[end.node], nodes), end.interface
    if isinstance(link, HostLink | MgmtLink):
        yield MACHINE, link.host_interface


def namespace(node: LabNode, nodes: Mapping[str, LabNode]) -> str:
    """Whose network namespace a node is in: its own, another node's, or that of the machine."""
    other = node.network_mode.removeprefix("container:")
    if other != node.network_mode and other in nodes and other != node.name:
        return other
    return MACHINE if node.kind in {"bridge", "ovs-bridge", "host"} or node.network_mode == "host" else node.name


def ends(link: LabLink) -> tuple[End, ...]:
    """The ends of a link that are at nodes."""
    return (link.a, link.b) if isinstance(link, Veth) else (link.end,)


def macs(lab: Lab, document: Document) -> None:
    """A MAC address is given to one interface only."""
    seen: dict[str, End] = {}
    for index, link in enumerate(lab.links):
        for end in ends(link):
            if end.mac and (other := seen.get(end.mac)):
                place = document.at("topology", "links", index)
                raise Mistake(f"{place}: MAC address {end.mac} is given to {other} and to {end}")
            seen[end.mac] = end


def link_addresses(lab: Lab, document: Document) -> None:
    """An address is given to one interface only."""
    seen: dict[str, End] = {}
    for index, link in enumerate(lab.links):
        place = document.at("topology", "links", index)
        for end in ends(link):
            for text in end.addresses:
                address = ip_interface(text).ip
                if address.is_link_local:
                    continue
                if other := seen.get(str(address)):
                    raise Mistake(f"{place}: address {address} is given to {other} and to {end}")
                seen[str(address)] = end


def references(lab: Lab, document: Document) -> None:
    """Nodes that other nodes name are in the file."""
    names = [node.name for node in lab.nodes]
    for node in lab.nodes:
        for wait in node.waits:
            if wait.node not in names:
                place = document.at("topology", "nodes", node.name, "stages", wait.stage)
                raise Mistake(
                    f"{place}: {node.name!r} waits for {wait.node!r}, which is no node of the file"
                    f"{nearest(wait.node, names)}"
                )


def waits(lab: Lab, document: Document) -> None:
    """Waits lead nowhere in a circle; the message names one."""
    graph: TopologicalSorter[tuple[str, str]] = TopologicalSorter()
    for node in lab.nodes:
        for before, after in pairwise(STAGES):
            graph.add((node.name, after), (node.name, before))
        for wait in node.waits:
            graph.add((node.name, wait.stage), (wait.node, wait.until))
        shared = node.network_mode.removeprefix("container:")
        if shared != node.network_mode and shared in {other.name for other in lab.nodes}:
            graph.add((node.name, "create"), (shared, "create"))
    try:
        graph.prepare()
    except CycleError as error:
        circle = " -> ".join(f"{name} {stage}" for name, stage in reversed(error.args[1]))
        place = document.at("topology", "nodes", error.args[1][0][0])
        raise Mistake(f"{place}: these stages wait for each other in a circle: {circle}") from None
