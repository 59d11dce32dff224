"""A lab that reaches into the machine, on the real containerlab; the machine is a network namespace of the test's own.

machine      up0 10.9.1.1           par1 10.9.2.1 ---- par0
              |                                         | macvlan
lab          n1 eth1 10.9.1.2                          n1 eth2 10.9.2.2
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ownmachine import OwnMachine, own_machine
from wanted import reaches

from topologies.runtime.image import frr_image_name
from topologies.waiting import until

pytestmark = pytest.mark.root_only("opens a lab to the machine")

# The engine's own networks are in another namespace than containerlab here, so the nodes are in none.
TEXT = """\
name: LAB
mgmt: {skip-when-unused: true}
topology:
  defaults: {kind: linux, network-mode: none}
  nodes:
    n1:
      image: IMAGE
      cmd: sleep infinity
      privileged: false
      cap-add: [NET_ADMIN, NET_RAW]
      exec: [ip address add 10.9.1.2/24 dev eth1, ip address add 10.9.2.2/24 dev eth2]
    m: {kind: host, exec: [ip link add byexec type veth peer name byexecfar]}
  links:
    - {type: host, host-interface: up0, endpoint: {node: n1, interface: eth1}}
    - {type: macvlan, host-interface: par0, endpoint: {node: n1, interface: eth2}}
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[OwnMachine]:
    """A machine without a lab."""
    with own_machine(tmp_path, TEXT.replace("IMAGE", frr_image_name(os.environ))) as made:
        yield made


def test_an_open_lab_works_as_on_namespaces(machine: OwnMachine) -> None:
    """Its links carry packets, its exec lines run on the machine, it is said to be open, and `down` leaves nothing."""
    before = machine.names()

    done = machine.up("--runtime", "containerlab")
    assert done.returncode == 0, done.stderr
    machine.ip("address add 10.9.1.1/24 dev up0")
    node = machine.door("n1")

    assert "to the machine: node m (kind host); link n1:eth1 -- host:up0; link n1:eth2 -- macvlan" in done.stdout
    assert machine.names() - before == {"up0", "byexec", "byexecfar"}
    assert reaches(node, machine, "10.9.1.1")
    assert reaches(node, machine, "10.9.2.1")
    assert machine.closlab.answer("ls")["labs"][0]["running"] == 2

    machine.ip("link delete byexec")
    assert machine.closlab("down", machine.lab).returncode == 0
    assert machine.names() == before


def test_down_removes_what_a_killed_deployment_left_on_the_machine(machine: OwnMachine) -> None:
    """Killed as soon as the end of its link is there."""
    before = machine.names()
    process = machine.closlab.start("up", "open.clab.yml", "--allow-host", "--runtime", "containerlab")
    until("the link is there", lambda: "" if "up0" in machine.names() else "no up0", within=60)

    process.kill()
    process.communicate(timeout=30)
    down = machine.closlab("down", machine.lab)

    assert down.returncode == 0, down.stderr
    assert machine.names() - {"byexec", "byexecfar"} == before
