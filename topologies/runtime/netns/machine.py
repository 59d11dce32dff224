"""What a lab that was opened to the machine has there: ends of cables, and commands of nodes of kind host. Root only.

The interfaces are on record before they are made, and made with a MAC address that only this lab gives them; so what is
removed by name is known to be ours. A macvlan is in its node from the beginning, and goes with it.
"""

import os
import shlex

from topologies.errors import Fault, Mistake
from topologies.lab import HOST, Lab
from topologies.runtime import identity
from topologies.runtime import netlink_encode as encode
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import Netlink
from topologies.runtime.netns import wiring as wires
from topologies.runtime.netns.mgmt import mgmt_addresses
from topologies.seal import NATIVE, openings
from topologies.waiting import until

COMMAND_SECONDS = 120  # for one exec line, as containerlab has by default


def wanted(record: LabRecord) -> tuple[str, ...]:
    """The interfaces that a lab makes on the machine. Raises Mistake where one is there already, an interface for a
    macvlan is not, or the machine's network cannot be reached."""
    found = openings(record.lab, NATIVE)
    if not found:
        return ()
    if os.geteuid() != 0:
        why = "a lab without root is a user namespace, which has no part in the machine's network; only root opens it"
        raise Mistake(f"{found[0]}: {why}")
    wiring = wires.wire(record.lab, mgmt_addresses(record.lab))
    with Netlink.open() as kernel:
        there = sorted(link.name for link in kernel.links())
    for each in wiring.branches:
        if each.link.host_interface not in there:
            raise Mistake(f"{each.what}: no interface {each.link.host_interface!r}; there are {', '.join(there)}")
    names = tuple(plug.name for plug in wiring.plugs(wires.MACHINE))
    for name in names:
        if name in there:
            raise Mistake(f"interface {name!r} of the machine is there already, and none of this lab's; name another")
    return names


def network(lab: Lab) -> int | None:
    """The machine's network as an open file, for a lab that reaches into it; a sealed lab gets no hold of it."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC) if openings(lab, NATIVE) else None


def remove(record: LabRecord) -> None:
    """Remove the lab's interfaces from the machine; raises Fault where one stays.

    The kernel takes them away itself, some time after the lab's last process, unless a stranger holds a network of it.
    """
    if not record.host_links or record.boot_id != identity.boot_id():
        return
    wiring = wires.wire(record.lab, mgmt_addresses(record.lab))
    ours = {(plug.name, plug.mac) for plug in wiring.plugs(wires.MACHINE) if plug.name in record.host_links}

    def staying() -> str:
        failures = []
        with Netlink.open() as kernel:
            for link in kernel.links():
                if (link.name, link.mac) in ours:
                    try:
                        kernel.send([encode.del_link(link.index, f"interface {link.name} of the machine")])
                    except Fault as error:
                        failures.append(str(error))
        return "; ".join(failures)

    until(f"lab {record.name} has no interface on the machine", staying, within=10)


def commands(record: LabRecord) -> tuple[str, ...]:
    """Run the exec lines of nodes of kind host on the machine; returns what went wrong, which stops nothing."""
    warnings = []
    for node in record.lab.nodes:
        for line in node.exec if node.kind == HOST else ():
            try:
                open_door(record, node.name).run(shlex.split(line), timeout=COMMAND_SECONDS)
            except Fault as error:
                warnings.append(f"node {node.name}: {error}")
    return tuple(warnings)
