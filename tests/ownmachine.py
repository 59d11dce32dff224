"""A machine of a test's own: a network namespace in which the command line runs, so that the real one stays untouched.

par1 10.9.2.1/24 ---- par0
"""

import json
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from program import Closlab

from topologies.runtime.door import Door, open_door
from topologies.runtime.store import Store
from topologies.runtime.syscalls import inside_netns
from topologies.waiting import until

FILE = "open.clab.yml"


class OwnMachine:
    """A network namespace with a cable in it, and closlab run there, with one lab's file: `text`, whose `name: LAB`
    becomes one of this test's own."""

    def __init__(self, folder: Path, text: str) -> None:
        number = secrets.token_hex(3)
        self.name, self.lab = f"machine{number}", f"open{number}"
        self.text = text.replace("name: LAB", f"name: {self.lab}")
        self.closlab = Closlab(folder, ("ip", "netns", "exec", self.name))
        self.closlab.env.pop("CLOSLAB_ALLOW_HOST", None)
        self.write()

    def write(self) -> None:
        """Write the lab's file."""
        self.closlab.file(FILE, self.text)

    def ip(self, line: str) -> str:
        """What `ip` says of this machine."""
        argv = ["ip", "-n", self.name, *line.split()]
        return subprocess.run(argv, text=True, capture_output=True, check=True).stdout

    def links(self) -> Any:
        """All its interfaces, with all that `ip` shows of them."""
        return json.loads(self.ip("-j -d link"))

    def names(self) -> set[str]:
        """The names of its interfaces."""
        return {link["ifname"] for link in self.links()}

    def changed(self, before: Any) -> str:
        """What is otherwise than it was; the kernel takes a little to forget a macvlan whose node is gone."""
        now = self.links()
        return "" if now == before else f"{now} instead of {before}"

    def socket(self, family: int, type: int) -> socket.socket:
        """A socket of this machine."""
        with inside_netns(f"/run/netns/{self.name}"):
            return socket.socket(family, type)

    def door(self, node: str) -> Door:
        """The door of a node of the lab."""
        return open_door(Store(self.closlab.state).read(self.lab), node)

    def up(self, *more: str) -> "subprocess.CompletedProcess[str]":
        """Bring the lab up, opened."""
        return self.closlab("up", FILE, "--allow-host", *more)


@contextmanager
def own_machine(folder: Path, text: str) -> Iterator[OwnMachine]:
    """A machine for the length of a block; whatever lab is left there goes down first."""
    machine = OwnMachine(folder, text)
    subprocess.run(["ip", "netns", "add", machine.name], check=True)
    try:
        machine.ip("link add par0 type veth peer name par1")
        machine.ip("address add 10.9.2.1/24 dev par1")
        for interface in ("lo", "par0", "par1"):
            machine.ip(f"link set {interface} up")
        until("its cable is up", lambda: "" if machine.ip("link").count("state UP") == 2 else "not yet", within=5)
        try:
            yield machine
        finally:
            machine.closlab("down", "--all")
    finally:
        subprocess.run(["ip", "netns", "delete", machine.name], check=True)
