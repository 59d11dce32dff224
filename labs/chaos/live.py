"""A lab that faults are injected into: its record as it is by now, its plan, and the ways into its nodes."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from labs.chaos.places import far_end
from topologies import deploy, process
from topologies.errors import Fault
from topologies.model import Endpoint, Fabric
from topologies.plan import NodePlan, Plan
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import Action, LabRecord, Life
from topologies.runtime.netlink import KernelLink
from topologies.runtime.store import Store


class Injected(Struct, frozen=True):
    """A fault that was begun. `unseen` and `unhealed` say what still lacks until it has taken effect, or is over; ""
    where nothing does. `beat` is for what changes while it lasts."""

    where: str
    unseen: Callable[[], str]
    heal: Callable[[], None]
    unhealed: Callable[[], str]
    beat: Callable[[], None] = lambda: None


class Live:
    """A running lab with its plan. Its record changes where nodes are killed and started again."""

    def __init__(self, record: LabRecord, fabric: Fabric, plan: Plan, at: Store) -> None:
        self.record, self.fabric, self.plan, self._at = record, fabric, plan, at
        self._environments: dict[str, Mapping[str, str]] = {}

    def door(self, node: str) -> Door:
        """The door of a node; raises Fault where it does not run."""
        return open_door(self.record, node)

    def node(self, name: str) -> NodePlan:
        """What is planned of a node."""
        return self.plan.nodes[name]

    def act(self, node: str, action: Action) -> None:
        """Do one thing to one node, and keep the record of it."""
        self.record = deploy.act(self.record.name, node, action, at=self._at)

    def restart(self, node: str, daemon: str, *, env: Mapping[str, str] | None = None) -> None:
        """Restart a daemon of a node; what is once given to a node's environment, later restarts give it too."""
        self._environments[node] = env or self._environments.get(node, {})
        self.door(node).restart_daemon(daemon, env=self._environments[node])

    def life(self, node: str) -> Life:
        """How a node stands."""
        return deploy.runtime_named(self.record.runtime).look(self.record)[node]

    def far(self, end: Endpoint) -> Endpoint:
        """The other end of a cable."""
        return endpoint(far_end(str(end), self.fabric))

    def link(self, end: Endpoint) -> KernelLink:
        """An interface as its kernel has it; raises Fault where it is gone."""
        with self.door(end.node).netlink() as kernel:
            for link in kernel.links():
                if link.name == end.interface:
                    return link
        raise Fault(f"{end} is gone")

    def tool(self, node: str, argv: Sequence[str], told: str | None = None) -> str:
        """What one of the machine's own programs prints that works on a node's network; the node needs none."""
        netns = self.door(node).netns
        return process.run(["nsenter", f"--net={netns}", "--", *argv], input=told).stdout

    def bgp(self, node: str, *lines: str) -> None:
        """Change the configuration of a node's bgpd, from its `router bgp` on. Raises Fault for what it refuses."""
        self.configure(node, f"router bgp {self.node(node).asn}", *lines)

    def configure(self, node: str, *lines: str) -> None:
        """Change the configuration of a node's bgpd."""
        self.door(node).vty("bgpd", "\n".join(("configure terminal", *lines, "end")))

    def running(self, node: str) -> list[str]:
        """The lines of a node's bgpd's configuration."""
        return self.door(node).vty("bgpd", "show running-config").splitlines()


def endpoint(text: str) -> Endpoint:
    """NODE:INTERFACE as an end."""
    node, _, interface = text.partition(":")
    return Endpoint(node, interface)
