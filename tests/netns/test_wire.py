"""Rings and batches on real cables.

a:eth1 -- eth1:b             what is sent arrives
c:eth1 -- eth1:r:eth2 -- eth1:d    a router with a queue between them: 8 Mbit/s on the second cable
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from scapy.contrib.roce import BTH
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw
from wanted import running

from labs.traffic.roce.template import Field, Template, compiled
from labs.traffic.wire.model import Sender, Sent
from labs.traffic.wire.rx_ring import RxRing
from labs.traffic.wire.senders import open_sender
from labs.traffic.wire.tx_ring import TxRing
from topologies.errors import Fault, Mistake
from topologies.lab import End, Lab, LabNode, Veth
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord

MTU = 4300
MAC = {name: f"02:00:00:00:00:{number:02x}" for number, name in enumerate(("a", "b", "c", "r", "d"), 1)}


@pytest.fixture(scope="module")
def record() -> Iterator[LabRecord]:
    router = (("net.ipv4.ip_forward", "1"),)
    nodes = tuple(LabNode(name=n, network_mode="none", sysctls=router if n == "r" else ()) for n in MAC)
    cables = (
        Veth(a=End("a", "eth1", MAC["a"], ("10.9.0.1/24",)), b=End("b", "eth1", MAC["b"], ("10.9.0.2/24",)), mtu=MTU),
        Veth(a=End("c", "eth1", MAC["c"]), b=End("r", "eth1", MAC["r"], ("10.9.1.1/24",)), mtu=MTU),
        Veth(
            a=End("r", "eth2", "", ("10.9.2.1/24",)),
            b=End("d", "eth1", MAC["d"], ("10.9.2.2/24",)),
            mtu=MTU,
            rate_mbps=8,
        ),
    )
    with running(Lab(name=f"wire{os.getpid()}", nodes=nodes, links=cables)) as record:
        yield record


@pytest.fixture
def a(record: LabRecord) -> Door:
    return open_door(record, "a")


@pytest.fixture
def b(record: LabRecord) -> Door:
    return open_door(record, "b")


def frame(network: Packet, size: int = 1024, port: int = 4791) -> Packet:
    """A send of so many bytes to b."""
    head = UDP(sport=0xC000, dport=port, chksum=0) / BTH(opcode=4, dqpn=7, psn=0) / Raw(bytes(size))
    return Ether(src=MAC["a"], dst=MAC["b"]) / network / head


V4 = IP(src="10.9.0.1", dst="10.9.0.2")
NETWORKS = {"IPv4": V4, "IPv6": IPv6(src="fd00::1", dst="fd00::2"), "VLAN": Dot1Q(vlan=7, prio=3) / V4}


def sent(sender: Sender, template: Template, count: int, begin: int = 0) -> Sent:
    """Send so many frames, numbered from `begin`, trying again what was refused; the sum of what was told."""
    total = Sent()
    deadline = time.monotonic() + 20
    while total.sent < count and time.monotonic() < deadline:
        rows = sender.rows(min(256, count - total.sent))
        if not len(rows):
            assert sender.wait(5)
            continue
        template.fill(rows, psn=begin + total.sent + np.arange(len(rows)))
        total += sender.send(len(rows))
    return total


def heard(ring: RxRing, count: int, within: float = 10) -> list[bytes]:
    """That many frames, or those that came within so many seconds."""
    found: list[bytes] = []
    deadline = time.monotonic() + within
    while len(found) < count and ring.wait(max(deadline - time.monotonic(), 0)):
        for frames in ring:
            found += [frames.whole(which) for which in range(len(frames))]
    return found


@pytest.mark.parametrize("size", [4, 1024, 4096])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("way", ["ring", "batches"])
def test_what_is_sent_arrives(a: Door, b: Door, way: str, network: str, size: int) -> None:
    """Byte for byte, in order, all of it, with its VLAN tag, and counted."""
    template = compiled(bytes(frame(NETWORKS[network], size)))
    wanted = np.zeros((3000, len(template.frame)), np.uint8)
    template.fill(wanted, psn=np.arange(3000))

    with closing(RxRing(b, "eth1")) as there, closing(open_sender(way, a, "eth1", template.frame)) as here:
        told = sent(here, template, 3000)
        arrived = heard(there, 3000)
        counts = there.counts()

    assert (told.sent, told.malformed) == (3000, 0)
    assert arrived == [bytes(row) for row in wanted]
    assert (counts.received, counts.dropped) == (3000, 0)


def test_frames_come_as_arrays(a: Door, b: Door) -> None:
    """Lengths, rising times of the kernel's clock, and rows that the template reads without a copy."""
    template = compiled(bytes(frame(V4)))
    before = time.time_ns()
    with closing(RxRing(b, "eth1")) as there, closing(open_sender("ring", a, "eth1", template.frame)) as here:
        assert sent(here, template, 100).sent == 100
        psns, stamps = [], []
        while len(psns) < 100 and there.wait(5):
            for frames in there:
                rows = frames.rows(len(template.frame))
                assert template.right(rows).all()
                assert np.shares_memory(rows, frames.memory)
                psns += template.read(rows, "psn").tolist()
                stamps += frames.stamps.tolist()

    assert psns == list(range(100))
    assert before - 10**9 < stamps[0] <= stamps[-1] < time.time_ns() + 10**9
    assert stamps == sorted(stamps)


def test_frames_of_different_lengths_come_in_order(a: Door, b: Door) -> None:
    """A block of mixed lengths is found frame by frame, and each length's rows are its own."""
    small, large = (compiled(bytes(frame(V4, size))) for size in (64, 2048))
    with closing(RxRing(b, "eth1", linger=200)) as there:
        ways = [open_sender("batches", a, "eth1", each.frame) for each in (small, large)]
        with closing(ways[0]) as one, closing(ways[1]) as other:
            for number in range(6):
                assert sent(one if number % 3 else other, small if number % 3 else large, 1, number).sent == 1
        lengths, psns = [], []
        while len(lengths) < 6 and there.wait(5):
            for frames in there:
                lengths += frames.lengths.tolist()
                psns += [each.read(frames.rows(len(each.frame)), "psn").tolist() for each in (small, large)]

    assert lengths == [len(small.frame if number % 3 else large.frame) for number in range(6)]
    assert sorted(number for each in psns for number in each) == list(range(6))


def test_the_filter_lets_nothing_else_through(a: Door, b: Door) -> None:
    """Another port, a fragment, ARP and ping are not copied; RoCE of both versions is, behind one tag more too."""
    other = [bytes(frame(V4, port=4792)), bytes(frame(IP(src="10.9.0.1", dst="10.9.0.2", frag=9)))]
    other += [bytes(frame(NETWORKS["IPv6"], port=4790)), bytes(Ether(dst=MAC["b"], type=0x0806) / Raw(bytes(60)))]
    first = bytes(Ether(src=MAC["a"], dst=MAC["b"], type=0x8915) / Raw(bytes(80)))
    twice = [bytes(frame(Dot1Q(vlan=1) / Dot1Q(vlan=2) / each)) for each in (V4, NETWORKS["IPv6"])]
    last = bytes(frame(V4, 8))
    with closing(RxRing(b, "eth1")) as there, a.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("eth1", 0))
        for each in (*other, first, *twice, last):
            sock.send(each)
        arrived = heard(there, 4)

    assert arrived == [first, *twice, last]


def test_overload_is_counted(a: Door, b: Door) -> None:
    """Who does not read a ring of 64 KiB blocks loses frames, the kernel counts them, and none is unaccounted for."""
    template = compiled(bytes(frame(V4)))
    with closing(RxRing(b, "eth1", blocks=2, size=1 << 16)) as there:
        with closing(open_sender("batches", a, "eth1", template.frame)) as here:
            assert sent(here, template, 1000).sent == 1000
        arrived = heard(there, 1000, within=1)
        counts = there.counts()

    assert 0 < len(arrived) < 1000
    assert counts.received == len(arrived)
    assert counts.received + counts.dropped == 1000


def test_a_ring_that_is_down_sends_nothing(a: Door, b: Door) -> None:
    """On an interface that is down a send is a Fault that names it, and the same rows can be sent when it is up."""
    template = compiled(bytes(frame(V4)))
    for way in ("ring", "batches"):
        with closing(open_sender(way, a, "eth1", template.frame)) as here, closing(RxRing(b, "eth1")) as there:
            a.link("eth1", up=False)
            try:
                template.fill(here.rows(10), psn=5)
                with pytest.raises(Fault, match=r"a:eth1: sending.*down"):
                    here.send(10)
            finally:
                a.link("eth1", up=True)
            assert sent(here, template, 10).sent == 10
            assert [template.read(np.frombuffer(each, np.uint8)[None], "psn")[0] for each in heard(there, 10)] == [
                *range(10)
            ]


def test_a_frame_that_the_kernel_refuses_is_told(a: Door) -> None:
    """An MTU that shrank after the ring was opened: the frame is malformed, those behind it are not sent either."""
    template = compiled(bytes(frame(V4)))
    ways = [open_sender(way, a, "eth1", template.frame) for way in ("ring", "batches")]
    with closing(ways[0]) as ring, closing(ways[1]) as batches:
        a.run(["ip", "link", "set", "dev", "eth1", "mtu", "1000"])
        try:
            told = []
            for here in (ring, batches):
                template.fill(here.rows(5), psn=1)
                told.append(here.send(5))
        finally:
            a.run(["ip", "link", "set", "dev", "eth1", "mtu", str(MTU)])
        again = [sent(here, template, 7) for here in (ring, batches)]

    assert told == [Sent(0, 4, 1)] * 2
    assert again == [Sent(7)] * 2


def test_a_full_ring_says_so(record: LabRecord) -> None:
    """Frames that wait in the interface's own queue keep their slots: then there is no row, until they are out."""
    router = open_door(record, "r")
    template = compiled(bytes(Ether(dst=MAC["d"], src=MAC["r"]) / frame(V4).payload))
    with closing(TxRing(router, "eth2", template.frame, slots=32, bypass=False)) as here:
        given = []
        while len(rows := here.rows(32)):
            template.fill(rows, psn=0)
            given.append(here.send(len(rows)))
            assert len(given) < 100
        assert sum(each.sent for each in given) >= 32
        assert here.wait(10)
        assert len(here.rows(1)) == 1


def test_no_sender_where_there_can_be_none(a: Door) -> None:
    """A name that is none, an interface that is not there, frames beyond the MTU, rings beyond memory."""
    good = compiled(bytes(frame(V4))).frame
    with pytest.raises(Mistake, match="no sender 'xdp'; there are batches, fake, ring"):
        open_sender("xdp", a, "eth1", good)
    for way in ("ring", "batches"):
        with pytest.raises(Mistake, match="a: no interface 'eth9'"):
            open_sender(way, a, "eth9", good)
        with pytest.raises(Mistake, match=r"a:eth1: a packet of 5\d+ bytes is larger than the MTU of 4300"):
            open_sender(way, a, "eth1", compiled(bytes(frame(V4, 5000))).frame)
    with pytest.raises(Mistake, match="larger than 1024 MiB"):
        TxRing(a, "eth1", good, slots=10_000_000)
    with pytest.raises(Mistake, match="a: no interface 'eth9'"):
        RxRing(a, "eth9")
    with pytest.raises(Mistake, match="a:eth1: 0 blocks"):
        RxRing(a, "eth1", blocks=0)


@pytest.mark.parametrize("way", ["ring", "batches"])
def test_renewed_rows_are_whole_frames(a: Door, b: Door, way: str) -> None:
    """Rows that a sender was opened with need no more than their numbers, round after round."""
    template = compiled(bytes(frame(V4)))
    wanted = np.zeros((3000, len(template.frame)), np.uint8)
    template.fill(wanted, psn=np.arange(3000))
    sent = 0
    with closing(RxRing(b, "eth1")) as there, closing(open_sender(way, a, "eth1", template.frame)) as here:
        while sent < 3000:
            rows = here.rows(min(256, 3000 - sent))
            assert len(rows) or here.wait(5)
            template.renew(rows, psn=sent + np.arange(len(rows)))
            sent += here.send(len(rows)).sent
        arrived = heard(there, 3000)

    assert arrived == [bytes(row) for row in wanted]


@pytest.mark.parametrize("way", ["ring", "batches"])
def test_what_a_router_queues_stays_as_it_was_sent(record: LabRecord, way: str) -> None:
    """Rows are written anew while a router still queues several times as many frames: none is changed."""
    c, d = open_door(record, "c"), open_door(record, "d")
    packet = Ether(src=MAC["c"], dst=MAC["r"]) / frame(IP(src="10.9.1.2", dst="10.9.2.2")).payload
    template = compiled(bytes(packet), {"sequence": Field(1000, 8)})
    with closing(RxRing(d, "eth1")) as there:
        here = (
            TxRing(c, "eth1", template.frame, slots=32)
            if way == "ring"
            else open_sender(way, c, "eth1", template.frame)
        )
        with closing(here):
            for begin in range(0, 320, 32):
                assert here.wait(5)
                rows = here.rows(32)
                template.fill(rows, psn=begin + np.arange(len(rows)), sequence=begin + np.arange(len(rows)))
                here.send(len(rows))
            arrived = np.array([np.frombuffer(each, np.uint8) for each in heard(there, 320, within=1)])

    psns = template.read(arrived, "psn")
    assert len(psns) > 64
    assert (np.diff(psns.astype(int)) > 0).all()
    assert (psns == template.read(arrived, "sequence")).all()
    assert template.right(arrived).all()
