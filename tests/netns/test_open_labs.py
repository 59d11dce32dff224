"""Labs that reach into the machine, which here is a network namespace of the test's own.

machine      up0 10.9.1.1      up1          par1 10.9.2.1 ---- par0
              |                 |                               | macvlan
lab          n1 eth1 10.9.1.2   br ---- n3 eth1                 n1 eth2 10.9.2.2
             x  in the machine's own network, joined to n3 eth2 by up2
"""

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ownmachine import FILE, OwnMachine, own_machine
from wanted import reaches

from topologies.waiting import until

pytestmark = pytest.mark.root_only("opens a lab to the machine")

KILLS = int(os.environ.get("CLOSLAB_KILLS", "5"))
SEED = int(os.environ.get("CLOSLAB_SEED", "1"))
LONGEST = 1.2  # seconds that `up` of this lab takes, about
TEXT = """\
name: LAB
topology:
  defaults: {kind: linux}
  nodes:
    n1: {exec: [ip address add 10.9.1.2/24 dev eth1, ip address add 10.9.2.2/24 dev eth2]}
    n3: {}
    x: {network-mode: host}
    br: {kind: bridge}
    m: {kind: host, exec: [ip address add 10.9.1.1/24 dev up0, sh -c 'echo no such thing >&2; exit 3']}
  links:
    - {type: host, host-interface: up0, mtu: 1400, endpoint: {node: n1, interface: eth1, mac: "02:00:00:00:00:77"}}
    - {type: macvlan, host-interface: par0, mode: vepa, endpoint: {node: n1, interface: eth2}}
    - type: veth
      endpoints: [{node: br, interface: p1}, {node: m, interface: up1, mac: "02:00:00:00:00:78"}]
    - endpoints: ["br:p3", "n3:eth1"]
    - endpoints: ["n3:eth2", "x:up2"]
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[OwnMachine]:
    """A machine without a lab."""
    with own_machine(tmp_path, TEXT) as made:
        yield made


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnMachine]:
    """A machine with the lab."""
    with own_machine(tmp_path_factory.mktemp("opened"), TEXT) as made:
        done = made.up()
        assert done.returncode == 0, done.stderr
        yield made


@pytest.mark.parametrize("runtime", ["netns", "containerlab"])
def test_a_lab_that_reaches_into_the_machine_is_refused(machine: OwnMachine, runtime: str) -> None:
    """By what it reaches, with the cure, on both runtimes, before anything is made."""
    before = machine.links()

    done = machine.closlab("up", FILE, "--runtime", runtime)

    assert done.returncode == 2
    assert "link n1:eth1 -- host:up0; link n1:eth2 -- macvlan:par0; link br:p1 -- host:up1" in done.stderr
    assert "node x (network-mode host); " in done.stderr
    assert "node m (kind host); " in done.stderr
    assert "--allow-host" in done.stderr
    assert machine.closlab.traces(machine.lab) == ""
    assert machine.links() == before


@pytest.mark.parametrize("words", [("up", FILE), ("clab", "deploy", "-t", FILE)])
def test_the_environment_opens_a_lab_too(machine: OwnMachine, words: tuple[str, ...]) -> None:
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


def test_a_host_link_carries_packets_both_ways(opened: OwnMachine) -> None:
    """Between the machine and the node that has it; a node without one reaches nothing."""
    node = opened.door("n1")

    assert reaches(node, opened, "10.9.1.1")
    assert reaches(opened, node, "10.9.1.2")
    assert not reaches(opened.door("n3"), opened, "10.9.1.1")


def test_a_host_link_is_as_the_file_says(opened: OwnMachine) -> None:
    """Name, MTU and MAC address, at both ends."""
    machine = {link["ifname"]: link for link in opened.links()}
    with opened.door("n1").netlink() as kernel:
        node = {link.name: link for link in kernel.links()}

    assert (node["eth1"].mac, node["eth1"].mtu, machine["up0"]["mtu"]) == ("02:00:00:00:00:77", 1400, 1400)
    assert machine["up1"]["address"] == "02:00:00:00:00:78"
    assert [machine[name]["operstate"] for name in ("up0", "up1", "up2")] == ["UP"] * 3


def test_a_macvlan_carries_packets(opened: OwnMachine) -> None:
    """In the mode that the file names, with its parent's MTU, and with nothing of it on the machine."""
    link = json.loads(opened.door("n1").run(["ip", "-j", "-d", "link", "show", "eth2"]).stdout)[0]

    assert reaches(opened.door("n1"), opened, "10.9.2.1")
    assert (link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["mode"]) == ("macvlan", "vepa")
    assert link["mtu"] == 1500
    assert "macvlan" not in opened.ip("-d link")


def test_a_node_in_the_machines_network_is_a_node_else(opened: OwnMachine) -> None:
    """It sees the machine's interfaces, under its own host name, with its own files, and may change no setting."""
    node = opened.door("x")

    links = json.loads(node.run(["ip", "-j", "link"]).stdout)
    setting = node.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"], check=False)

    assert [link["ifname"] for link in links] == [link["ifname"] for link in opened.links()]
    assert node.run(["hostname"]).stdout == "x\n"
    assert setting.code != 0
    assert "Read-only file system" in setting.stderr


def test_power_of_a_node_leaves_the_machines_links_up(opened: OwnMachine) -> None:
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


def test_a_node_of_kind_host_is_the_machine(opened: OwnMachine) -> None:
    """What is run in it runs there, as its exec lines did; it has no power of its own, and is always up."""
    names = opened.closlab("exec", "m", "ls", "/sys/class/net").stdout.split()
    killed = opened.closlab("node", "kill", "m")
    shown = opened.closlab.answer("show")

    assert {"par0", "up0", "up1"} <= set(names)
    assert "10.9.1.1/24" in opened.ip("address show up0")
    assert (killed.returncode, "no power of its own" in killed.stderr) == (2, True)
    assert {node["state"] for node in shown["nodes"]} == {"running"}
    assert next(text for text in shown["warnings"] if "no such thing" in text).startswith("node m: exit code 3")


def test_an_open_lab_says_so(opened: OwnMachine) -> None:
    """In ls and show, and in their JSON."""
    assert "running, open" in opened.closlab("ls").stdout
    assert "open to the machine: node x (network-mode host); node m (kind host); link " in opened.closlab("show").stdout
    assert "link n1:eth2 -- macvlan:par0" in opened.closlab.answer("show")["lab"]["open"]


def test_an_interface_that_was_there_before_is_nobodys_to_remove(machine: OwnMachine) -> None:
    """A name that is taken stops `up`, and stays as it is."""
    machine.ip("link add up0 type veth peer name up0far")
    before = machine.links()

    done = machine.up()

    assert done.returncode == 2
    assert "interface 'up0' of the machine is there already" in done.stderr
    assert machine.closlab.traces(machine.lab) == ""
    assert machine.links() == before


def test_a_macvlan_needs_its_interface(machine: OwnMachine) -> None:
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


def test_down_takes_the_interfaces_that_a_stranger_would_keep(machine: OwnMachine) -> None:
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


def test_a_killed_up_leaves_nothing_on_the_machine_that_down_does_not_remove(machine: OwnMachine) -> None:
    """SIGKILL at random moments: `down` goes by the record alone, the file is gone."""
    moments, before = random.Random(SEED), machine.links()
    for number in range(KILLS):
        machine.write()
        process = machine.closlab.start("up", FILE, "--allow-host")
        moment = moments.uniform(0, LONGEST)
        time.sleep(moment)  # the moment is what is tested
        process.kill()
        process.communicate(timeout=30)
        (machine.closlab.folder / FILE).unlink()

        down = machine.closlab("down", machine.lab)

        assert down.returncode == 0, f"kill {number} after {moment:.3f} s: {down.stderr}"
        assert machine.names() == {link["ifname"] for link in before}, f"kill {number} after {moment:.3f} s"
        until(f"nothing on the machine after kill {number}", lambda: machine.changed(before), within=5)
        until(f"nothing left of kill {number}", lambda: machine.closlab.traces(machine.lab), within=5)
