"""Tunnels of nodes, which send over the lab's own cables and over nothing of the machine's.

  10.9.4.0/24, fd00:9:6::/64 over VXLAN (eth2 over IPv4, eth3 over IPv6)
a ========================================================================= b
a --eth1--------------- 192.0.2.0/31, 2001:db8::/127 ---------------eth1-- b
"""

import os
import socket
import struct
from collections.abc import Iterator

import pytest
from wanted import nothing, reaches, running

from topologies.lab import End, Lab, LabNode, Veth, Vxlan
from topologies.runtime.door import open_door
from topologies.runtime.model import Action, LabRecord
from topologies.runtime.netlink import Netlink
from topologies.runtime.netns import Netns

NAME = f"hnout{os.getpid()}"


def tunnels(node: str, last: int, far: int) -> tuple[Vxlan, Vxlan]:
    """A node's end of both tunnels."""
    return (
        Vxlan(
            end=End(node, "eth2", "", (f"10.9.4.{last}/24",)), remote=f"192.0.2.{far}", vni=40, dst_port=4789, mtu=1400
        ),
        Vxlan(
            end=End(node, "eth3", "", (f"fd00:9:6::{last}/64",)),
            remote=f"2001:db8::{far}",
            vni=16777215,
            dst_port=4790,
            src_port=5000,
            mtu=1400,
        ),
    )


@pytest.fixture(scope="module")
def record() -> Iterator[LabRecord]:
    """Two nodes with a cable and two tunnels over it."""
    cable = Veth(
        a=End("a", "eth1", "", ("192.0.2.0/31", "2001:db8::/127")),
        b=End("b", "eth1", "", ("192.0.2.1/31", "2001:db8::1/127")),
    )
    nodes = (LabNode(name="a", network_mode="none"), LabNode(name="b", network_mode="none"))
    links = (cable, *tunnels("a", 1, 1), *tunnels("b", 2, 0))
    with running(Lab(name=NAME, nodes=nodes, links=links)) as built:
        yield built


@pytest.mark.parametrize("far", ["10.9.4.2", "fd00:9:6::2"])
def test_packets_cross_a_tunnel(record: LabRecord, far: str) -> None:
    """Over a cable's IPv4 and over its IPv6 addresses."""
    assert reaches(open_door(record, "a"), open_door(record, "b"), far)


def test_a_tunnel_speaks_vxlan_over_the_cable(record: LabRecord) -> None:
    """What arrives on the far node's cable has the ports, the flag and the VNI of the lab's link (RFC 7348)."""
    a, b = open_door(record, "a"), open_door(record, "b")

    with b.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_UDP) as wire:
        wire.bind(("2001:db8::1", 0))
        wire.settimeout(5)
        assert reaches(a, b, "fd00:9:6::2")
        datagram = wire.recv(2000)

    source, target, _, _, flags, vni = struct.unpack_from("!HHHHB3xI", datagram)
    assert (source, target, flags, vni >> 8) == (5000, 4790, 0x08, 16777215)


def test_tunnels_are_the_nodes_own(record: LabRecord) -> None:
    """They are up in their node with the lab's MTU, and the machine has none of them."""
    with open_door(record, "a").netlink() as kernel:
        found = {link.name: link for link in kernel.links() if link.kind == "vxlan"}
    with Netlink.open() as kernel:
        machine = {link.mac for link in kernel.links()}

    assert {(link.name, link.mtu, link.up) for link in found.values()} == {("eth2", 1400, True), ("eth3", 1400, True)}
    assert machine.isdisjoint(link.mac for link in found.values())


def test_a_started_node_has_its_tunnels_again(record: LabRecord) -> None:
    """Killed and started, a node's tunnels carry packets; when the cable is down, nothing has another way."""
    off = Netns().act(record, "b", Action.KILL, note=nothing)
    again = Netns().act(off, "b", Action.START, note=nothing)
    a, b = open_door(again, "a"), open_door(again, "b")

    assert reaches(a, b, "fd00:9:6::2")

    a.link("eth1", up=False)

    assert not reaches(a, b, "fd00:9:6::2")
