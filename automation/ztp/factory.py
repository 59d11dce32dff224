"""A lab as it leaves the factory: its switches know who they are and whom to trust, and nothing of their place. Pure.

The cables, the hosts and the kernel's ways are those of the planned lab. A switch has its serial number for a name,
links that are up without addresses, routing daemons with nothing to do, lldpd, and the agent. One more node answers:
Kea and the bootstrap server, on the management network, where nobody has an address but that node.
"""

import json
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from automation.ztp.contents import SEED, switches
from automation.ztp.kea import CONFIG, SOCKET, Management, kea
from automation.ztp.trust import Trust
from topologies.errors import Mistake
from topologies.lab import Bind, Daemon, End, File, Lab, LabLink, LabNode, Veth
from topologies.model import Role

SERVER = "ztp-server"
VERSION = "1"  # of what switches ship with
AGENT, BOOT, LEASE = "/usr/lib/ztp/agent.pyz", "/usr/lib/ztp/boot.sh", "/usr/lib/ztp/lease.sh"
IDENTITY = "/etc/ztp/identity.json"
SERVER_PROGRAM, SERVED = "/usr/lib/ztp/server.pyz", "/etc/ztp-server"
EMPTY = "frr defaults datacenter\n"  # cannot be changed while FRR runs, so it is the maker's choice
INIT = f"""#!/bin/sh
# What an init system does for the agent: start it again until it has ended well.
until python3 {AGENT}; do
    sleep 1
done
"""
KEA_START = " && ".join(
    (
        "mkdir -p /run/kea /var/lib/kea",
        "chmod 750 /run/kea",  # Kea 2.6 opens its socket in no other folder
        "rm -f /run/kea/*.pid",  # of before a loss of power: the number may be another process's by now
        f"kea-dhcp4 -t {CONFIG}",
        f"exec kea-dhcp4 -c {CONFIG}",
    )
)
LLDPD, LLDP_FILE = "/usr/sbin/lldpd", "/etc/lldpd.conf"
LLDP = """configure lldp portidsubtype ifname
configure lldp tx-interval {every}
configure system chassisid {chassis}
configure system interface pattern eth*,!eth0
"""


class Made(Struct, frozen=True):
    """What the maker of a lab's switches puts into them, and the folder of the machine with the programs."""

    serials: Mapping[str, str]
    trust: Trust
    management: Management
    folder: str
    scripts: Mapping[str, str]  # lease.sh by its path
    settled: bool = False  # a switch may not write its kernel's settings: all are there when it boots


def factory(lab: Lab, made: Made) -> Lab:
    """The lab before anything was provisioned, with the node that answers. Raises Mistake where a node has its name."""
    if any(node.name == SERVER for node in lab.nodes):
        raise Mistake(f"node {SERVER}: the node that provisions the others is called so; give it another name")
    new = {node.name for node in switches(lab)}
    nodes = tuple(_switch(node, made) if node.name in new else _host(node) for node in lab.nodes)
    links = tuple(_bare(link, new) for link in lab.links)
    mgmt = replace(lab.mgmt, ipv4_subnet="", ipv6_subnet="")
    return replace(lab, nodes=(server(made), *nodes), links=links, mgmt=mgmt)


def fresh(node: LabNode, serial: str) -> LabNode:
    """Another switch of the same kind, as it leaves the factory, for the place of one out of a lab's record."""
    configs = {daemon.config for daemon in node.daemons if daemon.config}
    return renumbered(
        replace(node, files=tuple(replace(f, text=EMPTY) if f.path in configs else f for f in node.files)), serial
    )


def renumbered(node: LabNode, serial: str) -> LabNode:
    """The same switch with another serial number."""
    texts = {
        IDENTITY: _identity(node, serial),
        LLDP_FILE: LLDP.format(chassis=serial, every=1),
    }
    return replace(node, hostname=serial, files=tuple(replace(f, text=texts.get(f.path, f.text)) for f in node.files))


def model_of(node: LabNode) -> str:
    """The kind of switch that a node is, as its maker calls it."""
    return f"closlab-{node.role or 'switch'}"


def server(made: Made) -> LabNode:
    """The node with Kea and the bootstrap server."""
    address = f"{made.management.server}/{made.management.network.prefixlen}"
    serve = ("python3", SERVER_PROGRAM, SERVED, str(made.management.port))
    return LabNode(
        name=SERVER,
        hostname=SERVER,
        env=(("KEA_PIDFILE_DIR", "/run/kea"), ("KEA_LOCKFILE_DIR", "/run/kea")),
        addresses=(("eth0", address),),
        files=(File(CONFIG, kea(made.management), 0o644),),
        binds=(
            Bind(f"{made.folder}/server.pyz", SERVER_PROGRAM, read_only=True),
            Bind(f"{made.folder}/served", SERVED, read_only=True),
        ),
        daemons=(
            Daemon("kea-dhcp4", ("sh", "-c", KEA_START), ready=SOCKET),
            Daemon("bootstrap", serve),
        ),
    )


def _switch(node: LabNode, made: Made) -> LabNode:
    serial = made.serials[node.name]
    configs = {daemon.config for daemon in node.daemons if daemon.config}
    own = (
        File(IDENTITY, _identity(node, serial), 0o644),
        File("/etc/ztp/authority.pem", made.trust.authority, 0o644),
        File("/etc/ztp/signer.pem", made.trust.signer, 0o644),
        File(LLDP_FILE, LLDP.format(chassis=serial, every=1), 0o644),
        File(BOOT, INIT, 0o755),
        *(File(path, text, 0o755) for path, text in made.scripts.items()),
    )
    return replace(
        node,
        hostname=serial,
        sysctls=tuple((name, value) for name, value in node.sysctls if made.settled or SEED not in name),
        files=(*(replace(f, text=EMPTY) if f.path in configs else f for f in node.files), *own),
        addresses=(),
        neighbours=(),
        binds=(*node.binds, Bind(f"{made.folder}/agent.pyz", AGENT, read_only=True)),
        daemons=(*node.daemons, _lldpd(), Daemon("ztp", ("sh", BOOT))),
    )


def _identity(node: LabNode, serial: str) -> str:
    return json.dumps({"serial": serial, "model": model_of(node), "version": VERSION})


def _host(node: LabNode) -> LabNode:
    """A host says by LLDP who it is, so that its leaf sees whether its cable is right."""
    if node.role is not Role.HOST:
        return node
    file = File(LLDP_FILE, LLDP.format(chassis=node.name, every=10), 0o644)
    return replace(node, files=(*node.files, file), daemons=(*node.daemons, _lldpd()))


def _lldpd() -> Daemon:
    return Daemon("lldpd", (LLDPD, "-d"))


def _bare(link: LabLink, new: set[str]) -> LabLink:
    if not isinstance(link, Veth):
        return link
    return replace(link, a=_end(link.a, new), b=_end(link.b, new))


def _end(end: End, new: set[str]) -> End:
    return replace(end, addresses=()) if end.node in new else end
