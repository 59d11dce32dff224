"""What the netns runtime cannot honour, refused by name before anything is made."""

import os
from collections.abc import Set
from ipaddress import ip_address

from topologies.errors import Mistake
from topologies.lab import BRIDGE, HOST, Dummy, Lab, LabNode, Macvlan, MgmtLink, Vxlan
from topologies.runtime.netns.mgmt import managed
from topologies.runtime.netns.profiles import profile_of

KINDS = ("bridge", "frr", "host", "linux")
LAST_SOURCE_PORT = 65534  # the kernel takes a range, whose end is left out


def refuse(lab: Lab) -> None:
    """Raise Mistake for the first thing in a lab that cannot be left out without changing what it means."""
    owners = {node.name for node in lab.nodes if node.has_processes and node.network_mode in ("", "none")}
    bridges = {node.name for node in lab.nodes if node.kind == BRIDGE}
    outside = {node.name for node in lab.nodes if node.on_machine}
    for node in lab.nodes:
        if lack := _lack(node, owners):
            raise Mistake(f"node {node.name}: {lack}")
        if node.has_processes:
            profile_of(node)
    for link in lab.links:
        if isinstance(link, Macvlan | Dummy | Vxlan) and link.end.node in outside:
            raise Mistake(f"link {link.end}: {link.end.node} is in the machine's own network, where only cables end")
        if isinstance(link, Vxlan) and (lack := _unsendable(link, bridges)):
            raise Mistake(f"vxlan {link.end}: {lack}")
    if any(isinstance(link, MgmtLink) for link in lab.links) and lab.mgmt.skip_when_unused:
        raise Mistake("a link to mgmt-net, but mgmt has skip-when-unused")


def left_out(lab: Lab) -> tuple[str, ...]:
    """What is left out because a lab means the same without it, in words."""
    configs = [node.name for node in lab.nodes if node.startup_config and node.kind != "frr"]
    return (f"kind linux reads no startup-config, as with containerlab ({', '.join(configs)})",) if configs else ()


def _lack(node: LabNode, owners: Set[str]) -> str:
    if node.kind not in KINDS:
        return f"kind {node.kind!r}; the netns runtime has {', '.join(KINDS)}"
    if node.kind == BRIDGE and node.network_mode:
        return "a bridge inside of another node; the netns runtime has bridges of the lab's own"
    shared = node.network_mode.removeprefix("container:")
    if node.network_mode not in ("", "none", "host") and shared == node.network_mode:
        return f"network-mode {node.network_mode!r}; the netns runtime has none, host and container:NODE"
    if shared != node.network_mode and shared not in owners:
        return f"network-mode {node.network_mode!r}; nodes with a network of their own are {', '.join(sorted(owners))}"
    return _unsealed(node) or _unmade(node) or _unpublished(node)


def _unsendable(link: Vxlan, bridges: Set[str]) -> str:
    """Why a tunnel cannot be made in its node, "" where it can."""
    if link.stitch:
        return "vxlan-stitch joins a tunnel of the machine itself, and a lab is sealed; the netns runtime has vxlan"
    if link.end.node in bridges:
        return "a tunnel sends over its node's own network, and a bridge has none"
    try:
        remote = ip_address(link.remote)
    except ValueError:
        return f"remote {link.remote!r} is no IP address"
    if remote.is_multicast:
        return f"remote {link.remote} is a group; the netns runtime has tunnels to one address"
    if link.src_port > LAST_SOURCE_PORT:
        return f"src-port {link.src_port}; the kernel takes up to {LAST_SOURCE_PORT}"
    return ""


def _unsealed(node: LabNode) -> str:
    """What a node asks of the machine itself that it does not get."""
    if any(each.target == "host" for each in node.stage_execs):
        return "a stage runs a command on the machine itself; the netns runtime has `exec` of a node of kind host"
    if node.user not in ("", "root", "0") and os.geteuid() != 0:
        return f"user {node.user!r}; a lab without root has no other user"
    return ""


def _unmade(node: LabNode) -> str:
    """What a node would make of the machine itself or of its network, which are as they are."""
    if node.on_machine and (node.sysctls or node.addresses or node.routes or node.rules or node.neighbours):
        return "it is in the machine's own network, whose settings, addresses and routes are not a lab's to make"
    if node.kind == HOST and node.stage_execs:
        return "a node of kind host has no stages; its `exec` runs when all nodes are up"
    return ""


def _unpublished(node: LabNode) -> str:
    """Why a node's ports cannot be published, "" where they can."""
    if node.ports and not managed(node):
        return "ports are published over the management network, and it is not in it"
    if any(port.protocol == "sctp" for port in node.ports):
        return "a published port of protocol sctp; the netns runtime has tcp, udp"
    return ""
