"""Published ports: sockets that listen on the machine, opened before the lab begins, each for one port of one node.

They are made by whoever starts the lab, with that user's rights, and handed to the lab's relay; the record has nothing
to remember, for they are closed when the lab's processes end.
"""

import os
import socket
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from topologies.errors import Mistake
from topologies.lab import Lab, LabNode, Port
from topologies.runtime.netns.mgmt import MgmtAddresses

TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
BACKLOG = 128


class Published(Struct, frozen=True):
    """A socket of the machine, and where what comes in there goes: an address and port inside the lab."""

    node: str
    port: Port
    socket: socket.socket
    target: tuple[str, int]


def publish(lab: Lab, mgmt: MgmtAddresses) -> list[Published]:
    """Open all published ports of a lab, or none. Raises Mistake for one that is taken or may not be had."""
    opened: list[Published] = []
    try:
        for node in lab.nodes:
            for port in node.ports:
                target = mgmt.of(node.name)[0].partition("/")[0]
                opened.append(Published(node.name, port, _listen(node, port), (target, port.node_port)))
    except Mistake:
        close(opened)
        raise
    return opened


def close(published: Iterable[Published]) -> None:
    """Let go of this process's own sockets."""
    for each in published:
        each.socket.close()


def with_ports(lab: Lab, published: Iterable[Published]) -> Lab:
    """A lab with the ports that the machine chose where the file left the choice to it."""
    found: dict[str, tuple[Port, ...]] = {}
    for each in published:
        port = replace(each.port, host_port=each.socket.getsockname()[1])
        found[each.node] = (*found.get(each.node, ()), port)
    return replace(lab, nodes=tuple(replace(node, ports=found.get(node.name, ())) for node in lab.nodes))


def _listen(node: LabNode, port: Port) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in port.host_ip else socket.AF_INET, TYPES[port.protocol])
    try:
        if port.protocol == "tcp":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((port.host_ip, port.host_port))
        if port.protocol == "tcp":
            made.listen(BACKLOG)
    except OSError as error:
        made.close()
        where = f"{port.host_ip}:{port.host_port}/{port.protocol}"
        why = os.strerror(error.errno or 0)
        raise Mistake(f"node {node.name}: port {where} of the machine, for its {port.node_port}: {why}") from error
    return made
