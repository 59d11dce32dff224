"""Ask every node of a lab what it shows: the kernel by netlink and /proc/sys, FRR by its vty sockets.

Kernels are read while the daemons write their JSON, which takes the most time. A paused node's kernel still tells all
that it knows; its daemons would not, and are not asked.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import replace

from telemetry.cables import see_cables
from telemetry.daemons import Routing, asking
from telemetry.model import NodeFacts
from topologies import deploy
from topologies.errors import Fault
from topologies.lab import BRIDGE, HOST, LabNode
from topologies.model import Endpoint
from topologies.runtime.door import PROGRAM_END, Door, enter, open_door
from topologies.runtime.model import LabRecord, Life
from topologies.runtime.netlink import MAIN_TABLE, KernelRoute, Netlink
from topologies.runtime.syscalls import inside_netns

AT_ONCE = 8  # kernels read side by side
SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.fib_multipath_hash_policy",
    "net.ipv6.fib_multipath_hash_policy",
    "net.ipv4.fib_multipath_hash_seed",
)


def collect(record: LabRecord, nodes: Collection[str] | None = None) -> dict[str, NodeFacts]:
    """The facts of these nodes (None: of all), in the lab's order; what cannot be asked is in their `lacks`.

    Where cables lead is seen only between the nodes asked. Raises Mistake for a node that the lab does not have, Fault
    where its runtime cannot tell how the nodes stand.
    """
    enter(record)
    wanted = [node for node in record.lab.nodes if nodes is None or node.name in nodes]
    lives = deploy.runtime_named(record.runtime).look(record)
    paused = {node.name for node in wanted if node.kind != BRIDGE and lives[node.name] is Life.PAUSED}
    doors, dead = open_doors(record, [node.name for node in wanted])
    others = {node.name for node in wanted if node.kind == BRIDGE or node.on_machine}
    cables = see_cables({n: door for n, door in doors.items() if n not in others}, record.lab.management())
    asked = [node for node in wanted if node.kind not in (BRIDGE, HOST) and node.name in doors.keys() - paused]
    with asking(asked, doors) as routing, ThreadPoolExecutor(AT_ONCE) as pool:
        kernels = pool.map(lambda node: _kernel(node, doors.get(node.name), cables, dead), wanted)
        return {seen.name: _told(seen, routing(seen.name), paused=seen.name in paused) for seen in kernels}


def open_doors(record: LabRecord, nodes: Collection[str]) -> tuple[dict[str, Door], dict[str, str]]:
    """The doors of the nodes that run, and for each other one why it has none."""
    doors, dead = {}, {}
    for node in nodes:
        try:
            doors[node] = open_door(record, node)
        except Fault as error:
            dead[node] = str(error)
    return doors, dead


def _kernel(
    node: LabNode, door: Door | None, cables: Mapping[str, Mapping[str, Endpoint]], dead: Mapping[str, str]
) -> NodeFacts:
    """What a node's kernel tells."""
    if node.kind == BRIDGE:
        return _ports(node, door)
    if node.kind == HOST:
        return NodeFacts(node.name)
    if door is None:
        return NodeFacts(node.name, lacks=(("node", dead[node.name]),))
    if node.on_machine:  # whose addresses, routes and neighbours are not the lab's
        return NodeFacts(node.name)
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
            cables=cables[node.name],
            ended=_ended(door),
        )


def _told(seen: NodeFacts, routing: Routing, *, paused: bool) -> NodeFacts:
    """The facts of a node with what its daemons told."""
    lacks = (*seen.lacks, *routing.lacks)
    return replace(seen, paused=paused, sessions=routing.sessions, bfd=routing.bfd, out=routing.out, lacks=lacks)


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
