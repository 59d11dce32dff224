"""The seal of the native runtime, on a machine that forwards and masquerades whatever reaches it.

outside --- uplink [machine] attached --- neighbour        leaf1-host1 --- leaf1 --- spine1
"""

from collections.abc import Iterator

import pytest
from program import Closlab
from uplink import OUTSIDE, SEND, UPLINKS, Packet, Uplinked, seek_a_way_out, uplinked

LAB = "name: sealed\ndesign: leaf-spine\nspines: 1\nleaves: 1\nhosts_per_leaf: 1\n"
MASQUERADE = "table inet everybody { chain out { type nat hook postrouting priority srcnat; masquerade; }; }"
NEIGHBOUR = """
ip netns add neighbour
ip link add attached type veth peer name eth0 netns neighbour
ip address add 192.0.2.1/24 dev attached
ip link set attached up
ip -n neighbour address add 192.0.2.2/24 dev eth0
ip -n neighbour link set eth0 up
ip -n neighbour route add default via 192.0.2.1
"""

pytestmark = pytest.mark.root_only("may make a machine with an uplink")


@pytest.fixture(scope="module")
def machine() -> Iterator[Uplinked]:
    """The machine, and on it a namespace as others attach them."""
    with uplinked() as made:
        made.run("nft", MASQUERADE)
        made.run("sh", "-ec", NEIGHBOUR)
        yield made


@pytest.fixture(scope="module")
def closlab(machine: Uplinked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closlab]:
    """The program, with the lab up on that machine."""
    folder = tmp_path_factory.mktemp("seal")
    program = Closlab(folder)
    file = folder / program.file("sealed.yml", LAB)
    try:
        done = program("up", str(file), under=machine.under)
        assert done.returncode == 0, done.stderr + done.stdout
        yield program
    finally:
        program("down", "--all", under=machine.under)


def test_the_machine_forwards_and_masquerades(machine: Uplinked) -> None:
    """What is not sealed gets out, under the machine's address: without this the other test would say nothing."""
    assert machine.leaving() == []
    machine.run("ip", "netns", "exec", "neighbour", "bash", "-c", f"{SEND} send {OUTSIDE[0]}; wait")

    assert {Packet(UPLINKS[0], OUTSIDE[0], protocol) for protocol in (6, 17)} == set(machine.leaving())


@pytest.mark.parametrize("node", ["spine1", "leaf1", "leaf1-host1"])
def test_nothing_leaves_over_the_uplink(machine: Uplinked, closlab: Closlab, node: str) -> None:
    """Not by the routes that the lab gave, nor without a default route, nor with one over the management network."""
    sent = seek_a_way_out(machine, closlab, "sealed", node)
    left = machine.leaving()

    assert sent["management"] == 4  # the node's own kernel let all of them go
    assert sent["none"] == 0
    assert left == []
