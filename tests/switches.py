r"""A fabric whose switches provisioned themselves, as tests on either runtime act on it.

spine1    spine2
  |  \    /  |            and ztp-server, which all have on eth0
leaf1      leaf2
  |          |
host       host
"""

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import replace
from program import Closlab

from automation.ztp.factory import AGENT, BOOT, EMPTY, IDENTITY
from automation.ztp.states import State
from topologies import deploy
from topologies.lab import Lab, Veth
from topologies.runtime import identity
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import Action, LabRecord
from topologies.runtime.store import Store
from topologies.waiting import until

FABRIC = "name: {name}\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\n"
SWITCHES = ("spine1", "spine2", "leaf1", "leaf2")
MEMORY = "/var/lib/ztp/memory.json"
Altered: TypeAlias = Callable[[Lab], Lab]
WITHIN = 120  # seconds until a switch is where it should be, backoff included


@dataclass
class Live:
    """The fabric, provisioned."""

    closlab: Closlab
    store: Store
    name: str

    @property
    def record(self) -> LabRecord:
        return self.store.read(self.name)

    def door(self, node: str) -> Door:
        return open_door(self.record, node)

    def act(self, node: str, action: Action) -> None:
        deploy.act(self.name, node, action, at=self.store)

    def memory(self, node: str) -> dict[str, str]:
        """What is on a switch's disk; that of a new one while there is nothing."""
        try:
            found: dict[str, str] = json.loads(self.door(node).read(MEMORY))
        except FileNotFoundError:
            return {"state": State.DISCOVERING, "why": ""}
        return found

    def reset(self, node: str) -> None:
        """Have a switch be as it left the factory, and off."""
        door = self.door(node)
        for program in (BOOT, AGENT):
            self.end(node, program)
        door.run(["rm", "-rf", "/var/lib/ztp"])
        door.run(["ip", "address", "flush", "dev", "lo", "scope", "global"])
        for name in ("zebra", "bgpd"):
            door.write(f"/etc/frr/{name}.conf", EMPTY.encode())
        self.act(node, Action.KILL)

    def as_new(self, node: str, serial: str) -> None:
        """Have another switch stand in a node's place, off: one with another serial number."""
        door = self.door(node)
        made = json.loads(door.read(IDENTITY))
        door.write(IDENTITY, json.dumps({**made, "serial": serial}).encode())
        settings = door.read("/etc/lldpd.conf").decode().replace(made["serial"], serial)
        door.write("/etc/lldpd.conf", settings.encode())
        self.reset(node)

    def swap(self, node: str) -> None:
        """Have the cables of eth1 and eth2 change places at a node.

        They are up again once zebra has seen it: FRR 8.4 reads names and addresses in two threads, and could take the
        new address of one for that of the other, which no real cable makes it do.
        """
        door = self.door(node)
        self._set_links(node, "eth1 down", "eth2 down", "eth1 name spare", "eth2 name eth1", "spare name eth2")
        index = {each["ifname"]: each["ifindex"] for each in json.loads(door.run(["ip", "-j", "link"]).stdout)}

        def unseen() -> str:
            told = {name: door.vty("zebra", f"show interface {name}") for name in ("eth1", "eth2")}
            return ", ".join(name for name, text in told.items() if f" index {index[name]} " not in text)

        until("zebra has seen the new names", unseen, within=WITHIN)
        self._set_links(node, "eth1 up", "eth2 up")

    def _set_links(self, node: str, *steps: str) -> None:
        self.door(node).run(["ip", "-batch", "-"], input="\n".join(f"link set {step}" for step in steps))

    def configured(self, node: str) -> bool:
        """Whether a switch runs anything of its place."""
        return "router bgp" in self.door(node).vty("bgpd", "show running-config")

    def reaches(self, node: str, state: State, longest: float = 0.05) -> str:
        """Wait until a switch is in a state; returns why it is."""

        found: dict[str, str] = {}

        def missing() -> str:
            found.update(self.memory(node))
            return "" if found["state"] == state else f"{found['state']}: {found['why']}"

        until(f"{node} is {state}", missing, within=WITHIN, every=0.002, longest=longest)
        return found["why"]

    def end(self, node: str, program: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a program of a node, named by a word of its command."""
        for process in self.door(node).processes():
            if program in process.argv:
                identity.stop(process.pid, number, within=5)

    def is_whole(self) -> None:
        """Wait until all switches are ready, and see that everything is as planned."""
        for node in SWITCHES:
            self.reaches(node, State.READY)
        self.is_as_planned()

    def is_as_planned(self) -> None:
        done = self.closlab("check", "--within", "30")
        assert done.returncode == 0, done.stdout + done.stderr


def across(lab: Lab) -> Lab:
    """The lab with the cables of both leaves to spine1 crossed at spine1."""
    first, second = (link for link in lab.links if isinstance(link, Veth) and link.b.node == "spine1")
    swapped = {first: replace(first, b=second.b), second: replace(second, b=first.b)}
    return replace(lab, links=tuple(swapped.get(link, link) if isinstance(link, Veth) else link for link in lab.links))
