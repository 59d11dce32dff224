"""Ask every node of a lab what it shows: the kernel by netlink and /proc/sys, FRR by its vty sockets.

Nodes are asked side by side, because most of the time goes by while their daemons write JSON.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from telemetry import frr
from telemetry.cables import see_cables
from telemetry.model import BfdPeer, NodeFacts, Session
from topologies.errors import Fault
from topologies.lab import BRIDGE, LabNode
from topologies.model import Endpoint
from topologies.runtime.door import PROGRAM_END, Door, enter, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import MAIN_TABLE, KernelRoute, Netlink
from topologies.runtime.syscalls import inside_netns

AT_ONCE = 8  # nodes asked side by side
SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.fib_multipath_hash_policy",
    "net.ipv6.fib_multipath_hash_policy",
    "net.ipv4.fib_multipath_hash_seed",
)


def collect(record: LabRecord, nodes: Collection[str] | None = None) -> dict[str, NodeFacts]:
    """The facts of these nodes (None: of all), in the lab's order; what cannot be asked is in their `lacks`.

    Where cables lead is seen only between the nodes asked. Raises Mistake for a node that the lab does not have.
    """
    enter(record)
    wanted = [node for node in record.lab.nodes if nodes is None or node.name in nodes]
    doors, dead = open_doors(record, [node.name for node in wanted])
    bridges = {node.name for node in wanted if node.kind == BRIDGE}
    cables = see_cables({n: door for n, door in doors.items() if n not in bridges}, record.lab.management())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda node: _facts(node, doors.get(node.name), cables, dead), wanted)
        return {facts.name: facts for facts in found}


def open_doors(record: LabRecord, nodes: Collection[str]) -> tuple[dict[str, Door], dict[str, str]]:
    """The doors of the nodes that run, and for each other one why it has none."""
    doors, dead = {}, {}
    for node in nodes:
        try:
            doors[node] = open_door(record, node)
        except Fault as error:
            dead[node] = str(error)
    return doors, dead


def _facts(
    node: LabNode, door: Door | None, cables: Mapping[str, Mapping[str, Endpoint]], dead: Mapping[str, str]
) -> NodeFacts:
    if node.kind == BRIDGE:
        return _ports(node, door)
    if door is None:
        return NodeFacts(node.name, lacks=(("node", dead[node.name]),))
    sessions, bfd, lacks = _routing(node, door)
    with door.netlink() as kernel:
        links = {link.name: link for link in kernel.links()}
        names = {link.index: name for name, link in links.items()}
        return NodeFacts(
            name=node.name,
            links=links,
            addresses=tuple((names.get(each.index, ""), each.cidr) for each in kernel.addresses()),
            routes=_routes(kernel, node),
            neighbours=tuple(kernel.neighbours()),
            sysctls=read_sysctls(door),
            sessions=sessions,
            bfd=bfd,
            cables=cables[node.name],
            lacks=lacks,
            ended=_ended(door),
        )


def _ended(door: Door) -> str:
    """The exit code of the node's own program; "" while it runs, where there is none, and of a container."""
    try:
        return door.read(PROGRAM_END).decode().strip()
    except FileNotFoundError:
        return ""


def _ports(node: LabNode, door: Door | None) -> NodeFacts:
    """A bridge's interfaces; one of the machine's own, as the containerlab runtime has it, shows none.

    Several share one network, whose addresses and routes are nobody's.
    """
    if door is None:
        return NodeFacts(node.name)
    with door.netlink() as kernel:
        return NodeFacts(node.name, links={link.name: link for link in kernel.links()})


def _routes(kernel: Netlink, node: LabNode) -> tuple[KernelRoute, ...]:
    """The main table, and the tables that closlab itself filled."""
    tables = {MAIN_TABLE, *(route.table for route in node.routes)}
    return tuple(route for table in sorted(tables) for route in kernel.routes(table=table))


def read_sysctls(door: Door) -> dict[str, str]:
    """Kernel settings of a node's network. The kernel shows those of the reader's namespace, so we step inside."""
    with inside_netns(door.netns):
        files = {key: Path("/proc/sys") / key.replace(".", "/") for key in SYSCTLS}
        return {key: file.read_text().strip() for key, file in files.items() if file.exists()}


def _routing(node: LabNode, door: Door) -> tuple[dict[str, Session], tuple[BfdPeer, ...], tuple[tuple[str, str], ...]]:
    """What the node's daemons show. A node that declares none is asked as well, but may stay silent."""
    declared = {daemon.name for daemon in node.daemons}
    sessions: dict[str, Session] = {}
    bfd: tuple[BfdPeer, ...] = ()
    lacks = []
    for daemon in ("bgpd", "bfdd", "zebra"):
        if declared and daemon not in declared:
            continue
        try:
            if daemon == "bgpd":
                sessions = frr.parse_neighbors(door.vty(daemon, "show bgp neighbors json"))
            elif daemon == "bfdd":
                bfd = frr.parse_bfd(door.vty(daemon, "show bfd peers json"))
            else:
                door.vty(daemon, "show version")
        except Fault as error:
            if declared:
                lacks.append((daemon, str(error)))
    return sessions, bfd, tuple(lacks)
