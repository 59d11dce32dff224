"""The one door into a node, on one small lab: spine1 -- leaf1 -- host."""

import os
import socket
from collections.abc import Iterator

import pytest
from wanted import FRR_BASE, fabric, running

from topologies.errors import Fault, Mistake
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord


@pytest.fixture(scope="module")
def record() -> Iterator[LabRecord]:
    lab, _ = fabric(f"hdd{os.getpid()}", spines=1, leaves=1)
    with running(lab) as record:
        yield record


@pytest.fixture
def leaf(record: LabRecord) -> Door:
    return open_door(record, "leaf1")


def test_programs_run_with_the_nodes_surroundings(leaf: Door) -> None:
    """Input, output, exit code and environment pass through; the caller's own environment does not."""
    done = leaf.run(
        ["sh", "-c", "cat; hostname; echo $A${HOSTNAME_OF_CALLER}; exit 3"], input="in\n", env={"A": "b"}, check=False
    )

    assert (done.stdout, done.code) == ("in\nleaf1\nb\n", 3)
    with pytest.raises(Fault, match=r"exit code 1 from: nsenter .* false"):
        leaf.run(["false"])
    with pytest.raises(Fault, match="not finished after"):
        leaf.run(["sleep", "9"], timeout=0.1)


def test_files_go_in_and_out(leaf: Door) -> None:
    """A file written is read again, by the door and in the node, mode and owner kept; links stay inside."""
    leaf.write("/etc/frr/zebra.conf", leaf.read("/etc/frr/zebra.conf") + b"! more\n", 0o640)
    leaf.write("/var/run/frr/scratch", b"\0\1")

    assert leaf.read("/run/frr/scratch") == b"\0\1"
    assert leaf.run(["stat", "-c", "%U %a", "/etc/frr/zebra.conf"]).stdout == "frr 640\n"
    assert leaf.read("/etc/frr/zebra.conf").endswith(b"! more\n")
    with pytest.raises(FileNotFoundError):
        leaf.read("/no/such/file")


def test_daemons_answer_by_their_sockets(leaf: Door) -> None:
    """A question gets its answer, several lines configure, and a refused or unknown one says why."""
    told = "bgp community-list standard TOLD permit"
    leaf.vty("bgpd", f"configure terminal\n{told} 1:1\n{told} 2:2")

    assert "TOLD seq 10 permit 2:2" in leaf.vty("bgpd", "show running-config")
    assert '"peerCount"' in leaf.vty("bgpd", "show bgp summary json")
    with pytest.raises(Fault, match="leaf1: zebra refused 'show nonsense'"):
        leaf.vty("zebra", "show nonsense")
    with pytest.raises(Fault, match=r"no daemon 'ospfd' to ask; there are bgpd, .*zebra"):
        leaf.vty("ospfd", "show version")


def test_sockets_and_links_are_the_nodes(leaf: Door, record: LabRecord) -> None:
    """A socket made for a node is in its network, and a link lowered there loses its carrier at the other end."""
    with leaf.socket(socket.AF_INET, socket.SOCK_DGRAM) as inside:
        inside.bind((record.nodes[1].mgmt_ipv4.partition("/")[0], 0))

    leaf.link("eth1", up=False)
    with open_door(record, "spine1").netlink() as kernel:
        down = {link.name: link.carrier for link in kernel.links()}
    leaf.link("eth1", up=True)
    with open_door(record, "spine1").netlink() as kernel:
        up = {link.name: link.carrier for link in kernel.links()}

    assert (down["eth1"], up["eth1"]) == (False, True)
    with pytest.raises(Mistake, match="no interface 'eth9'; there are eth0, eth1, eth2, lo"):
        leaf.link("eth9", up=True)


def test_a_daemon_restarts_and_its_links_stay(leaf: Door) -> None:
    """A restarted daemon is another process with the same words, a child of the node's first process, and answers."""
    before = {each.name: each for each in leaf.processes()}

    leaf.restart_daemon("bgpd")
    after = {each.name: each for each in leaf.processes()}

    assert set(before) == set(after) == {"sleep", "bgpd", *FRR_BASE}
    assert before["sleep"] == after["sleep"]
    assert before["zebra"] == after["zebra"]
    assert before["bgpd"].inside != after["bgpd"].inside
    assert before["bgpd"].argv == after["bgpd"].argv
    assert leaf.run(["sh", "-c", f"cut -d' ' -f4 /proc/{after['bgpd'].inside}/stat"]).stdout == "1\n"
    assert "FRRouting" in leaf.vty("bgpd", "show version")
    with pytest.raises(Mistake, match=r"no daemon 'ospfd'; there are bgpd, .*zebra"):
        leaf.restart_daemon("ospfd")


def test_a_node_that_is_none_is_a_mistake(record: LabRecord) -> None:
    """A misspelt node is answered with the nodes there are."""
    with pytest.raises(Mistake, match="no node 'leaf9'; there are leaf1, leaf1-host1, spine1"):
        open_door(record, "leaf9")
