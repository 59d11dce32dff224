"""What a runtime deploys: a lab of nodes and links, whatever file it came from.

A fabric file arrives here through its plan and the renderers; a containerlab file arrives here as it stands. Both
runtimes take the same value. Paths inside a node are absolute; addresses are in CIDR form.
"""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

from topologies.balancing.model import Balance
from topologies.impairments.model import Impairment
from topologies.model import Role
from topologies.workloads.model import Task

DEFAULT_MTU = 9500  # containerlab's default for veth links, in bytes
MANAGEMENT = "eth0"  # a node's interface in the management network: it leads out of the fabric
BRIDGE = "bridge"  # the kind of a node that has ports, and no programs or files of its own
HOST = "host"  # the kind of a node that is the machine itself


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """What a lab's record on disk is made of: nothing is taken from there that is not known here."""


class End(Kept, frozen=True):
    """One end of a link. An empty `mac` lets the runtime choose; `impaired` is what leaves the end of a cable."""

    node: str
    interface: str
    mac: str = ""
    addresses: tuple[str, ...] = ()
    impaired: Impairment | None = None

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}"


class Veth(Kept, frozen=True, kw_only=True, tag_field="type", tag="veth"):
    """A cable between two nodes (a node of kind `bridge` has ports instead of interfaces)."""

    a: End
    b: End
    mtu: int = DEFAULT_MTU
    rate_mbps: int | None = None
    labels: tuple[tuple[str, str], ...] = ()


class HostLink(Kept, frozen=True, kw_only=True, tag_field="type", tag="host"):
    """A cable from a node to an interface of the machine itself. Refused unless the user allows breaking the seal."""

    end: End
    host_interface: str
    host_mac: str = ""  # of the machine's end, as a node of kind host may say; "" lets the runtime choose
    mtu: int = DEFAULT_MTU


class MgmtLink(Kept, frozen=True, kw_only=True, tag_field="type", tag="mgmt-net"):
    """A cable from a node to the lab's management bridge."""

    end: End
    host_interface: str
    mtu: int = DEFAULT_MTU


class Macvlan(Kept, frozen=True, kw_only=True, tag_field="type", tag="macvlan"):
    """A macvlan on an interface of the machine itself."""

    end: End
    host_interface: str
    mode: str = "bridge"
    mtu: int = DEFAULT_MTU


class Dummy(Kept, frozen=True, kw_only=True, tag_field="type", tag="dummy"):
    """An interface that leads nowhere."""

    end: End
    mtu: int = DEFAULT_MTU


class Vxlan(Kept, frozen=True, kw_only=True, tag_field="type", tag="vxlan"):
    """A VXLAN interface of a node (RFC 7348); `stitch` joins it to an existing cable."""

    end: End
    remote: str
    vni: int
    dst_port: int
    src_port: int = 0
    stitch: bool = False
    mtu: int = DEFAULT_MTU


LabLink: TypeAlias = Veth | HostLink | MgmtLink | Macvlan | Dummy | Vxlan


def kind_of(link: LabLink) -> str:
    """The type of a link as containerlab's files and our JSON name it, such as veth."""
    return str(link.__struct_config__.tag)


class Bind(Kept, frozen=True):
    """A file or folder of the machine shown inside a node."""

    source: str
    target: str
    read_only: bool = False


class Port(Kept, frozen=True):
    """A port of a node published on the machine, on 127.0.0.1 unless the file names another address."""

    node_port: int
    host_port: int
    host_ip: str = "127.0.0.1"
    protocol: str = "tcp"


class File(Kept, frozen=True):
    """A file that closlab writes into a node before anything starts there."""

    path: str
    text: str
    mode: int = 0o640


class Daemon(Kept, frozen=True):
    """A program that runs in a node. It counts as started when the unix socket `ready` accepts connections."""

    name: str
    argv: tuple[str, ...]
    ready: str = ""
    config: str = ""  # the file it reads, named when the daemon refuses a line of it
    optional: bool = False  # left out where the node has no such program, as of an older version
    shared_with: str = ""  # another daemon that takes some lines of the same file, where it is there


class Route(Kept, frozen=True):
    """A static route; `via` holds (gateway, interface) pairs, several for ECMP. `table` 254 is main."""

    prefix: str
    via: tuple[tuple[str, str], ...]
    table: int = 254


class Rule(Kept, frozen=True):
    """Packets from `source` look up `table` first."""

    source: str
    table: int


class Neighbour(Kept, frozen=True):
    """A permanent neighbour entry."""

    interface: str
    address: str
    mac: str


class StageExec(Kept, frozen=True):
    """A command tied to a stage of a node. `phase`: on-enter or on-exit; `target`: container or host."""

    command: str
    stage: str
    phase: str = "on-enter"
    target: str = "container"


class WaitFor(Kept, frozen=True):
    """`stage` of the node that has this may begin only when `node` has finished `until`."""

    stage: str
    node: str
    until: str


class Healthcheck(Kept, frozen=True):
    """How a node is asked whether it is well; all times in seconds."""

    test: tuple[str, ...]
    interval: float = 30
    timeout: float = 30
    retries: int = 3
    start_period: float = 0


class LabNode(Kept, frozen=True, kw_only=True):
    """One node of a lab. The fields down to `user` mirror containerlab's; the rest is what closlab itself renders."""

    name: str
    kind: str = "linux"  # linux | frr | bridge | host
    image: str = ""
    group: str = ""
    role: Role | None = None
    hostname: str = ""
    cmd: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    exec: tuple[str, ...] = ()
    binds: tuple[Bind, ...] = ()
    ports: tuple[Port, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    network_mode: str = ""  # "" (management network), none, host, container:NODE
    mgmt_ipv4: str = ""
    mgmt_ipv6: str = ""
    startup_config: str = ""  # a path
    startup_delay: float = 0  # seconds
    waits: tuple[WaitFor, ...] = ()
    stage_execs: tuple[StageExec, ...] = ()
    healthcheck: Healthcheck | None = None
    dns_servers: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    user: str = ""
    files: tuple[File, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()  # (interface, CIDR) beyond those of its link ends, loopbacks above all
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    daemons: tuple[Daemon, ...] = ()
    tasks: tuple[Task, ...] = ()  # programs of workloads, started once the network has converged
    balance: Balance = Balance()

    @property
    def has_processes(self) -> bool:
        """Whether it has processes and files of its own: a bridge has ports only, a host is the machine itself."""
        return self.kind not in (BRIDGE, HOST)

    @property
    def on_machine(self) -> bool:
        """Whether its network is the machine's own."""
        return self.kind == HOST or self.network_mode == "host"


class Mgmt(Kept, frozen=True):
    """The lab's own management network; nodes get eth0 in it. It never leads out."""

    network: str = "clab"
    bridge: str = ""
    ipv4_subnet: str = "172.20.20.0/24"
    ipv6_subnet: str = "3fff:172:20:20::/64"
    ipv4_gw: str = ""
    ipv6_gw: str = ""
    mtu: int = 1500
    skip_when_unused: bool = False

    @property
    def addressed(self) -> bool:
        """Whether nodes have addresses in it from the beginning; else they come by one themselves, as by DHCP."""
        return bool(self.ipv4_subnet or self.ipv6_subnet)


class Lab(Kept, frozen=True):
    """All that a runtime needs to bring a lab up. `file` is the path that it was read from, "" when there is none."""

    name: str
    nodes: tuple[LabNode, ...]
    links: tuple[LabLink, ...]
    prefix: str = "clab"
    mgmt: Mgmt = field(default_factory=Mgmt)
    file: str = ""
    warnings: tuple[str, ...] = ()

    def management(self) -> dict[str, str]:
        """Each node's interface in the management network, "" where it has none: eth0 is then free for a cable."""
        modes = {node.name: node.network_mode for node in self.nodes}
        return {name: "" if _network(mode, modes) in ("none", "host") else MANAGEMENT for name, mode in modes.items()}

    def long_name(self, node: str) -> str:
        """The node's name outside the lab, as containerlab makes it: clab-LAB-NODE by default."""
        if not self.prefix:
            return node
        return f"{self.name}-{node}" if self.prefix == "__lab-name" else f"{self.prefix}-{self.name}-{node}"


def _network(mode: str, modes: Mapping[str, str]) -> str:
    """The network-mode that one comes to: a node's network may be another's, which may be that of a third."""
    owner = mode.removeprefix("container:")
    return mode if owner == mode else _network(modes.get(owner, ""), modes)
