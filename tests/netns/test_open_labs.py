"""Labs that reach into the machine, which here is a network namespace of the test's own.

machine      up0 10.9.1.1      up1          par1 10.9.2.1 ---- par0
              |                 |                               | macvlan
lab          n1 eth1 10.9.1.2   br ---- n3 eth1                 n1 eth2 10.9.2.2
             x  in the machine's own network, joined to n3 eth2 by up2
"""

import json
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from program import Closlab
from wanted import reaches

from topologies.runtime.door import Door, open_door
from topologies.runtime.store import Store
from topologies.runtime.syscalls import inside_netns
from topologies.waiting import until

KILLS = int(os.environ.get("CLOSLAB_KILLS", "5"))
SEED = int(os.environ.get("CLOSLAB_SEED", "1"))
LONGEST = 1.2  # seconds that `up` of this lab takes, about
FILE = """\
name: {}
topology:
  defaults: {{kind: linux}}
  nodes:
    n1: {{exec: [ip address add 10.9.1.2/24 dev eth1, ip address add 10.9.2.2/24 dev eth2]}}
    n3: {{}}
    x: {{network-mode: host}}
    br: {{kind: bridge}}
    m: {{kind: host, exec: [ip address add 10.9.1.1/24 dev up0, sh -c 'echo no such thing >&2; exit 3']}}
  links:
    - {{type: host, host-interface: up0, mtu: 1400, endpoint: {{node: n1, interface: eth1, mac: "02:00:00:00:00:77"}}}}
    - {{type: macvlan, host-interface: par0, mode: vepa, endpoint: {{node: n1, interface: eth2}}}}
    - type: veth
      endpoints: [{{node: br, interface: p1}}, {{node: m, interface: up1, mac: "02:00:00:00:00:78"}}]
    - endpoints: ["br:p3", "n3:eth1"]
    - endpoints: ["n3:eth2", "x:up2"]
"""


class Machine:
    """A network namespace with a cable in it, and closlab run there, with the file of a lab."""

    def __init__(self, number: int, folder: Path) -> None:
        self.name = f"machine{number}x{os.getpid()}"
        self.lab = f"open{number}x{os.getpid()}"
        self.closlab = Closlab(folder, ("ip", "netns", "exec", self.name))
        self.closlab.env.pop("CLOSLAB_ALLOW_HOST", None)
        self.write()

    def write(self) -> None:
        """Write the lab's file."""
        self.closlab.file("open.clab.yml", FILE.format(self.lab))

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
        return self.closlab("up", "open.clab.yml", "--allow-host", *more)


def made(number: int, folder: Path) -> Iterator[Machine]:
    """A machine for as long as it is used; whatever lab is left there goes down first."""
    machine = Machine(number, folder)
    subprocess.run(["ip", "netns", "add", machine.name], check=True)
    try:
        machine.ip("link add par0 type veth peer name par1")
        machine.ip("address add 10.9.2.1/24 dev par1")
        for interface in ("lo", "par0", "par1"):
            machine.ip(f"link set {interface} up")
        try:
            yield machine
        finally:
            machine.closlab("down", "--all")
    finally:
        subprocess.run(["ip", "netns", "delete", machine.name], check=True)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine without a lab."""
    yield from made(1, tmp_path)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with the lab."""
    for machine in made(2, tmp_path_factory.mktemp("opened")):
        done = machine.up()
        assert done.returncode == 0, done.stderr
        yield machine


@pytest.mark.parametrize("runtime", ["netns", "containerlab"])
def test_a_lab_that_reaches_into_the_machine_is_refused(machine: Machine, runtime: str) -> None:
    """By what it reaches, with the cure, on both runtimes, before anything is made."""
    before = machine.links()

    done = machine.closlab("up", "open.clab.yml", "--runtime", runtime)

    assert done.returncode == 2
    assert "link n1:eth1 -- host:up0; link n1:eth2 -- macvlan:par0; link br:p1 -- host:up1" in done.stderr
    assert "node x (network-mode host); " in done.stderr
    assert "node m (kind host); " in done.stderr
    assert "--allow-host" in done.stderr
    assert machine.closlab.traces(machine.lab) == ""
    assert machine.links() == before


@pytest.mark.parametrize("words", [("up", "open.clab.yml"), ("clab", "deploy", "-t", "open.clab.yml")])
def test_the_environment_opens_a_lab_too(machine: Machine, words: tuple[str, ...]) -> None:
    """For `up` and for the front in containerlab's shape, which refuses it otherwise; `down` leaves all as it was."""
    before = machine.links()

    sealed = machine.closlab(*words)
    done = machine.closlab(*words, CLOSLAB_ALLOW_HOST="1")
    during = machine.names() - {link["ifname"] for link in before}
    down = machine.closlab("down", machine.lab)

    assert (sealed.returncode, done.returncode, down.returncode) == (2, 0, 0), done.stderr
    assert during == {"up0", "up1", "up2"}
    assert machine.names() == {link["ifname"] for link in before}
    until("the machine is as before", lambda: machine.changed(before), within=5)
    assert machine.closlab.traces(machine.lab) == ""


def test_a_host_link_carries_packets_both_ways(opened: Machine) -> None:
    """Between the machine and the node that has it; a node without one reaches nothing."""
    node = opened.door("n1")

    assert reaches(node, opened, "10.9.1.1")
    assert reaches(opened, node, "10.9.1.2")
    assert not reaches(opened.door("n3"), opened, "10.9.1.1")


def test_a_host_link_is_as_the_file_says(opened: Machine) -> None:
    """Name, MTU and MAC address, at both ends."""
    machine = {link["ifname"]: link for link in opened.links()}
    with opened.door("n1").netlink() as kernel:
        node = {link.name: link for link in kernel.links()}

    assert (node["eth1"].mac, node["eth1"].mtu, machine["up0"]["mtu"]) == ("02:00:00:00:00:77", 1400, 1400)
    assert machine["up1"]["address"] == "02:00:00:00:00:78"
    assert [machine[name]["operstate"] for name in ("up0", "up1", "up2")] == ["UP"] * 3


def test_a_macvlan_carries_packets(opened: Machine) -> None:
    """In the mode that the file names, with its parent's MTU, and with nothing of it on the machine."""
    link = json.loads(opened.door("n1").run(["ip", "-j", "-d", "link", "show", "eth2"]).stdout)[0]

    assert reaches(opened.door("n1"), opened, "10.9.2.1")
    assert (link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["mode"]) == ("macvlan", "vepa")
    assert link["mtu"] == 1500
    assert "macvlan" not in opened.ip("-d link")


def test_a_node_in_the_machines_network_is_a_node_else(opened: Machine) -> None:
    """It sees the machine's interfaces, under its own host name, with its own files, and may change no setting."""
    node = opened.door("x")

    links = json.loads(node.run(["ip", "-j", "link"]).stdout)
    setting = node.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"], check=False)

    assert [link["ifname"] for link in links] == [link["ifname"] for link in opened.links()]
    assert node.run(["hostname"]).stdout == "x\n"
    assert setting.code != 0
    assert "Read-only file system" in setting.stderr


def test_power_of_a_node_leaves_the_machines_links_up(opened: Machine) -> None:
    """A node in the machine's network comes back there; another takes its carrier along and gives it back."""

    def carriers(*names: str) -> list[bool]:
        return ["LOWER_UP" in link["flags"] for link in opened.links() if link["ifname"] in names]

    closlab = opened.closlab
    assert closlab("node", "kill", "x").returncode == 0
    assert carriers("par0", "par1", "up2") == [True] * 3
    assert closlab("node", "start", "x").returncode == 0
    assert opened.door("x").run(["hostname"]).stdout == "x\n"
    assert closlab("node", "kill", "n1").returncode == 0
    assert carriers("up0") == [False]
    assert closlab("node", "start", "n1").returncode == 0
    assert carriers("up0") == [True]
    assert reaches(opened.door("n1"), opened, "10.9.2.1")


def test_a_node_of_kind_host_is_the_machine(opened: Machine) -> None:
    """What is run in it runs there, as its exec lines did; it has no power of its own, and is always up."""
    names = opened.closlab("exec", "m", "ls", "/sys/class/net").stdout.split()
    killed = opened.closlab("node", "kill", "m")
    shown = opened.closlab.answer("show")

    assert {"par0", "up0", "up1"} <= set(names)
    assert "10.9.1.1/24" in opened.ip("address show up0")
    assert (killed.returncode, "no power of its own" in killed.stderr) == (2, True)
    assert {node["state"] for node in shown["nodes"]} == {"running"}
    assert next(text for text in shown["warnings"] if "no such thing" in text).startswith("node m: exit code 3")


def test_an_open_lab_says_so(opened: Machine) -> None:
    """In ls and show, and in their JSON."""
    assert "running, open" in opened.closlab("ls").stdout
    assert "open to the machine: node x (network-mode host); node m (kind host); link " in opened.closlab("show").stdout
    assert "link n1:eth2 -- macvlan:par0" in opened.closlab.answer("show")["lab"]["open"]


def test_an_interface_that_was_there_before_is_nobodys_to_remove(machine: Machine) -> None:
    """A name that is taken stops `up`, and stays as it is."""
    machine.ip("link add up0 type veth peer name up0far")
    before = machine.links()

    done = machine.up()

    assert done.returncode == 2
    assert "interface 'up0' of the machine is there already" in done.stderr
    assert machine.closlab.traces(machine.lab) == ""
    assert machine.links() == before


def test_a_macvlan_needs_its_interface(machine: Machine) -> None:
    """One that the machine lacks stops `up`; one that is down gives no carrier until it is raised."""
    machine.ip("link set par0 name other")
    missing = machine.up()
    machine.ip("link set other name par0")
    machine.ip("link set par0 down")
    low = machine.up()

    def carrier() -> bool:
        with machine.door("n1").netlink() as kernel:
            return next(link.carrier for link in kernel.links() if link.name == "eth2")

    assert missing.returncode == 2
    assert "n1:eth2 -- macvlan:par0: no interface 'par0'; there are lo, other, par1" in missing.stderr
    assert low.returncode == 0, low.stderr
    assert not carrier()
    machine.ip("link set par0 up")
    until("carrier of the macvlan", lambda: "" if carrier() else "not yet", within=5)


def test_down_takes_the_interfaces_that_a_stranger_would_keep(machine: Machine) -> None:
    """Somebody who stays in a node's network holds its end of a link; the machine's goes all the same."""
    before = machine.names()
    assert machine.up().returncode == 0
    stranger = os.open(machine.door("n1").netns, os.O_RDONLY)

    try:
        down = machine.closlab("down", machine.lab)
        after = machine.names()
    finally:
        os.close(stranger)

    assert down.returncode == 0, down.stderr
    assert after == before


def test_a_killed_up_leaves_nothing_on_the_machine_that_down_does_not_remove(machine: Machine) -> None:
    """SIGKILL at random moments: `down` goes by the record alone, the file is gone."""
    moments, before = random.Random(SEED), machine.links()
    for number in range(KILLS):
        machine.write()
        process = machine.closlab.start("up", "open.clab.yml", "--allow-host")
        moment = moments.uniform(0, LONGEST)
        time.sleep(moment)  # the moment is what is tested
        process.kill()
        process.communicate(timeout=30)
        (machine.closlab.folder / "open.clab.yml").unlink()

        down = machine.closlab("down", machine.lab)

        assert down.returncode == 0, f"kill {number} after {moment:.3f} s: {down.stderr}"
        assert machine.names() == {link["ifname"] for link in before}, f"kill {number} after {moment:.3f} s"
        until(f"nothing on the machine after kill {number}", lambda: machine.changed(before), within=5)
        until(f"nothing left of kill {number}", lambda: machine.closlab.traces(machine.lab), within=5)
