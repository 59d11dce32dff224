"""Where a lab reaches out of its seal into the machine itself, which is refused unless the user allows it. Pure."""

from collections.abc import Iterator

from topologies.errors import Mistake
from topologies.lab import BRIDGE, HOST, HostLink, Lab, LabLink, LabNode, Macvlan, Vxlan

NATIVE = "netns"  # the runtime whose bridges and tunnels are the lab's own; containerlab's are the machine's
MACHINES_BRIDGES = (BRIDGE, "ovs-bridge")
ALLOW = "--allow-host, or CLOSLAB_ALLOW_HOST=1, opens it"


def openings(lab: Lab, runtime: str) -> tuple[str, ...]:
    """What of a lab leads into the machine's own network, or acts there; () for a sealed lab."""
    found = [f"node {node.name} ({what})" for node in lab.nodes for what in _of_node(node, runtime)]
    return (*found, *(what for link in lab.links for what in _of_link(link, runtime)))


def refuse_openings(lab: Lab, runtime: str) -> None:
    """Raises Mistake where a lab reaches into the machine."""
    if found := openings(lab, runtime):
        place = lab.file or f"lab {lab.name}"
        raise Mistake(f"{place}: labs are sealed, and this one reaches into the machine: {'; '.join(found)}; {ALLOW}")


def _of_node(node: LabNode, runtime: str) -> Iterator[str]:
    if node.kind == HOST:
        yield "kind host"
    if node.network_mode == "host":
        yield "network-mode host"
    if node.kind in MACHINES_BRIDGES and not node.network_mode and runtime != NATIVE:
        yield f"kind {node.kind}, which is one of the machine's there"
    if any(each.target == "host" for each in node.stage_execs):
        yield "a stage runs commands on the machine"


def _of_link(link: LabLink, runtime: str) -> Iterator[str]:
    match link:
        case HostLink():
            yield f"link {link.end} -- host:{link.host_interface}"
        case Macvlan():
            yield f"link {link.end} -- macvlan:{link.host_interface}"
        case Vxlan() if link.stitch or runtime != NATIVE:
            yield f"link {link.end} -- vxlan to {link.remote}, over the machine's network"
