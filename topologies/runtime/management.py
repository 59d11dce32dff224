"""The management network of a running lab, as its own switch has it: the bridge that every node's eth0 is cabled to.

The bridge is in the lab's own space on netns, and in the machine's network on containerlab. A port is known by both
ends naming each other, so that what is lowered is never somebody else's.
"""

import socket

from msgspec import Struct

from topologies.errors import Fault
from topologies.lab import MANAGEMENT
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import KernelLink, Netlink
from topologies.runtime.syscalls import inside_netns

SSH = 22
PATIENCE = 0.3  # seconds that a node's kernel may take to answer on a bridge of the same machine


class Port(Struct, frozen=True):
    """Where a node is cabled to: the namespace of the bridge by its path, and the port's number there."""

    node: str
    switch: str
    index: int
    address: str  # the node's, "" where it has none by itself

    def set(self, *, up: bool) -> None:
        """Raise or lower the port; the node's end has its carrier by it."""
        with Netlink.open(self.switch) as kernel:
            kernel.set_link(self.index, up)

    def answers(self) -> bool:
        """Whether the node's kernel answers a TCP connection that is begun at the bridge, be it by a refusal."""
        with inside_netns(self.switch):
            caller = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET, socket.SOCK_STREAM)
        with caller:
            caller.settimeout(PATIENCE)
            try:
                caller.connect((self.address, SSH))
            except ConnectionRefusedError:
                return True
            except OSError:
                return False
        return True


def eth0(record: LabRecord, node: str) -> KernelLink:
    """A node's end of its management cable; raises Fault where it has none."""
    with open_door(record, node).netlink() as kernel:
        for link in kernel.links():
            if link.name == MANAGEMENT:
                return link
    raise Fault(f"{node} has no {MANAGEMENT}")


def port(record: LabRecord, node: str) -> Port:
    """The port of the bridge that a node is cabled to; raises Fault where there is none."""
    own = eth0(record, node)
    found = next(each for each in record.nodes if each.name == node)
    address = (found.mgmt_ipv4 or found.mgmt_ipv6).partition("/")[0]
    switch = f"/proc/{record.init.pid if record.init else 'self'}/ns/net"
    with Netlink.open(switch) as kernel:
        for link in kernel.links():
            if link.index == own.peer and link.peer == own.index and link.master:
                return Port(node, switch, link.index, address)
    raise Fault(f"{node}:{MANAGEMENT} leads to no port of a management network")
